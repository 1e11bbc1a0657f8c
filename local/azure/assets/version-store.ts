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

  constructor(
    journal: Journal,
    /** Plural, for example `models`. */
    readonly kind: string,
  ) {
    this.#versions = journal.collection(kind);
    this.#containers = journal.collection(`${kind}-containers`);
  }

  get(name: string, version: string): StoredVersion<P> | undefined {
    return this.#versions.get(key(name, version));
  }

  container(name: string): StoredContainer | undefined {
    return this.#containers.get(name);
  }

  containers(): StoredContainer[] {
    return [...this.#containers.entries()].map(([, container]) => container);
  }

  /** All versions of a name, first created first. */
  versions(name: string): StoredVersion<P>[] {
    return this.#versions
      .keysWithPrefix(key(name, ''))
      .map(found => this.#versions.get(found))
      .filter(found => found !== undefined)
      .sort((a, b) => a.order - b.order);
  }

  /** Resolves `latest` (most recently created and not archived is what Azure ML means by it) or a plain version. */
  resolve(
    name: string,
    versionOrLabel: { version: string } | { label: string },
    isArchived: (properties: P) => boolean,
  ): StoredVersion<P> | undefined {
    if ('version' in versionOrLabel) return this.get(name, versionOrLabel.version);
    if (versionOrLabel.label !== 'latest') return undefined;
    return this.versions(name).findLast(found => !isArchived(found.properties));
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
    this.#containers.set(name, {
      ...container,
      latestVersion: version,
      nextVersion: nextVersion(container.nextVersion, version),
      count: container.count + 1,
    });
    return stored;
  }

  delete(name: string, version: string): void {
    this.#versions.delete(key(name, version));
    const container = this.#containers.get(name);
    if (container)
      this.#containers.set(name, { ...container, latestVersion: this.versions(name).at(-1)?.version ?? null });
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
    this.#containers.set(name, container);
    return container;
  }
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
