import type { Collection, Journal } from '../../journal';

/** One version of an asset as it is kept. Times are ISO 8601 in UTC. */
export interface StoredVersion<P> {
  name: string;
  version: string;
  properties: P;
  createdAt: string;
  createdBy: string;
  lastModifiedAt: string;
  /** Counts up over the versions of one asset: tells which was created later within a millisecond. */
  order: number;
}

/** What the versions of one name have in common. */
export interface StoredContainer {
  name: string;
  description: string | null;
  tags: Record<string, string>;
  properties: Record<string, string>;
  isArchived: boolean;
  /** The version that was created last; null before the first one. */
  latestVersion: string | null;
  /** Highest number among the versions plus one. */
  nextVersion: string;
  createdAt: string;
  createdBy: string;
  /** Number of versions ever created. */
  count: number;
}

/** The versioned assets of one kind, found by name and version without looking at the others. */
export class VersionStore<P> {
  readonly #versions: Collection<StoredVersion<P>>;
  readonly #containers: Collection<StoredContainer>;
  /** The versions of each name, first created first. */
  readonly #created = new Map<string, Place[]>();
  /** Names by their form in lower case. */
  readonly #names = new Map<string, string>();

  constructor(
    journal: Pick<Journal, 'collection'>,
    /** Plural, for example `models`. */
    readonly kind: string,
  ) {
    this.#versions = journal.collection(kind);
    this.#containers = journal.collection(`${kind}-containers`);
    for (const [name] of this.#containers.entries()) this.#names.set(name.toLowerCase(), name);
    for (const [, { name, version, order }] of this.#versions.entries()) this.#placesOf(name).push({ order, version });
    for (const places of this.#created.values()) places.sort((a, b) => a.order - b.order);
  }

  get(name: string, version: string): StoredVersion<P> | undefined {
    return this.#versions.get(key(name, version));
  }

  container(name: string): StoredContainer | undefined {
    return this.#containers.get(name);
  }

  /** The one whose name is this in another letter case. */
  nameLike(name: string): string | undefined {
    return this.#names.get(name.toLowerCase());
  }

  /** In order of their names, from the one after `after`; costs what is taken from it. */
  *containersAfter(after: string): IterableIterator<StoredContainer> {
    for (let last = after; ;) {
      const names = this.#containers.keysWithPrefix('', last, batch);
      for (const name of names) {
        const container = this.#containers.get(name);
        if (container) yield container;
      }
      if (names.length < batch) return;
      last = names.at(-1) ?? last;
    }
  }

  /** All versions of a name, first created first. */
  versions(name: string): StoredVersion<P>[] {
    return [...this.oldest(name)];
  }

  /** The versions of a name, first created first, from the one behind the `after`th on; costs what is taken from it. */
  *oldest(name: string, after = -1): IterableIterator<StoredVersion<P>> {
    const places = this.#created.get(name) ?? [];
    for (let index = firstFrom(places, after + 1); index < places.length; index += 1) {
      const found = this.get(name, places[index]?.version ?? '');
      if (found) yield found;
    }
  }

  /** The versions of a name, last created first, from the one before the `before`th on; costs what is taken from it. */
  *newest(name: string, before = Infinity): IterableIterator<StoredVersion<P>> {
    const places = this.#created.get(name) ?? [];
    for (let index = firstFrom(places, before) - 1; index >= 0; index -= 1) {
      const found = this.get(name, places[index]?.version ?? '');
      if (found) yield found;
    }
  }

  /** Resolves `latest` (most recently created and not archived is what Azure ML means by it) or a plain version. */
  resolve(
    name: string,
    versionOrLabel: { version: string } | { label: string },
    isArchived: (properties: P) => boolean,
  ): StoredVersion<P> | undefined {
    if ('version' in versionOrLabel) return this.get(name, versionOrLabel.version);
    if (versionOrLabel.label !== 'latest') return undefined;
    for (const found of this.newest(name)) if (!isArchived(found.properties)) return found;
    return undefined;
  }

  /** Creates the version, or replaces the properties of the one that is there. */
  put(name: string, version: string, properties: P, by: string): StoredVersion<P> {
    const now = new Date().toISOString();
    const old = this.get(name, version);
    if (old) {
      const changed = { ...old, properties, lastModifiedAt: now };
      this.#versions.set(key(name, version), changed);
      return changed;
    }
    const container = this.#containers.get(name) ?? newContainer(name, by, now);
    const stored: StoredVersion<P> = {
      name,
      version,
      properties,
      createdAt: now,
      createdBy: by,
      lastModifiedAt: now,
      order: container.count,
    };
    this.#versions.set(key(name, version), stored);
    this.#placesOf(name).push({ order: stored.order, version });
    this.#names.set(name.toLowerCase(), name);
    this.#containers.set(name, {
      ...container,
      latestVersion: version,
      nextVersion: nextVersion(container.nextVersion, version),
      count: container.count + 1,
    });
    return stored;
  }

  delete(name: string, version: string): void {
    const old = this.get(name, version);
    if (!old) return;
    this.#versions.delete(key(name, version));
    const places = this.#placesOf(name);
    places.splice(firstFrom(places, old.order), 1);
    const container = this.#containers.get(name);
    if (container) this.#containers.set(name, { ...container, latestVersion: places.at(-1)?.version ?? null });
  }

  /** Deletes a name with all its versions. */
  deleteContainer(name: string): void {
    for (const { version } of [...this.oldest(name)]) this.#versions.delete(key(name, version));
    this.#created.delete(name);
    this.#names.delete(name.toLowerCase());
    this.#containers.delete(name);
  }

  /** Creates or changes what belongs to the name itself. */
  putContainer(
    name: string,
    change: Partial<Pick<StoredContainer, 'description' | 'tags' | 'properties' | 'isArchived'>>,
    by: string,
  ): StoredContainer {
    const container = {
      ...(this.#containers.get(name) ?? newContainer(name, by, new Date().toISOString())),
      ...change,
    };
    this.#names.set(name.toLowerCase(), name);
    this.#containers.set(name, container);
    return container;
  }

  #placesOf(name: string): Place[] {
    let places = this.#created.get(name);
    if (!places) this.#created.set(name, (places = []));
    return places;
  }
}

/** Names that are looked up at a time. */
const batch = 100;

/** Where a version stands among those of its name. */
interface Place {
  order: number;
  version: string;
}

/** Index of the first place whose order is at least this one. */
function firstFrom(places: readonly Place[], order: number): number {
  let low = 0;
  let high = places.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((places[middle]?.order ?? 0) < order) low = middle + 1;
    else high = middle;
  }
  return low;
}

function newContainer(name: string, by: string, now: string): StoredContainer {
  return {
    name,
    description: null,
    tags: {},
    properties: {},
    isArchived: false,
    latestVersion: null,
    nextVersion: '1',
    createdAt: now,
    createdBy: by,
    count: 0,
  };
}

function nextVersion(current: string, added: string): string {
  return /^\d{1,15}$/.test(added) ? String(Math.max(Number(current), Number(added) + 1)) : current;
}

/** Names of assets hold no slash, so a prefix query for one name cannot hit another. */
function key(name: string, version: string): string {
  return `${name}/${version}`;
}
