import type { Collection, Journal } from '../../journal';
import { objectKey, type ApiObject } from './api-object';
import { qualifiedName, resources, type Resource } from './resources';

export interface StoreEvent {
  type: 'ADDED' | 'MODIFIED' | 'DELETED';
  resource: Resource;
  object: ApiObject;
  /** The object before this event; a watch with a selector needs it to see objects leave. */
  previous?: ApiObject;
  version: number;
}

interface Owned {
  resource: Resource;
  namespace: string | undefined;
  name: string;
}

/** Versions are reserved on disk in blocks, so that none is given twice, whatever was deleted before a restart. */
const versionBlock = 1000;

/** Events kept for watches that start in the past; who asks for older ones has to list again (410). */
const historyLength = 2000;

/** The objects of the cluster, on disk, with one growing version for all of them, and the history of their latest changes. */
export class ObjectStore {
  readonly #collections = new Map<Resource, Collection<ApiObject>>();
  readonly #counter: Collection<number>;
  readonly #listeners = new Set<(event: StoreEvent) => void>();
  /** What an object owns, by its uid; without it every deletion and every controller would walk everything. */
  readonly #owned = new Map<string, Map<string, Owned>>();
  #history: StoreEvent[] = [];
  #version: number;
  #reserved: number;
  /** Changes up to this version are no longer in the history. */
  #forgotten: number;

  constructor(journal: Journal) {
    for (const resource of resources) {
      if (!resource.stored) continue;
      const collection = journal.collection<ApiObject>(`kubernetes/${qualifiedName(resource)}`);
      this.#collections.set(resource, collection);
      for (const [, object] of collection.entries()) this.#index(resource, undefined, object);
    }
    this.#counter = journal.collection<number>('kubernetes-versions');
    this.#version = this.#counter.get('reserved') ?? 0;
    this.#reserved = this.#version;
    this.#forgotten = this.#version;
  }

  /** The version of the latest change. */
  get version(): number {
    return this.#version;
  }

  get(resource: Resource, namespace: string | undefined, name: string): ApiObject | undefined {
    return this.#collection(resource).get(objectKey(namespace, name));
  }

  /** In order of namespace and name. */
  list(resource: Resource, namespace?: string): ApiObject[] {
    const collection = this.#collection(resource);
    return collection
      .keysWithPrefix(namespace ? `${namespace}/` : '')
      .map(key => collection.get(key))
      .filter(object => object !== undefined);
  }

  /** The objects of any kind whose ownerReferences name this uid, in the order in which they were given to it. */
  ownedBy(uid: string): { resource: Resource; object: ApiObject }[] {
    return [...(this.#owned.get(uid)?.values() ?? [])].flatMap(({ resource, namespace, name }) => {
      const object = this.get(resource, namespace, name);
      return object ? [{ resource, object }] : [];
    });
  }

  /** Stores the object under a new version and tells everybody; gives what is stored. */
  put(resource: Resource, object: ApiObject): ApiObject {
    const collection = this.#collection(resource);
    const key = objectKey(object.metadata.namespace, object.metadata.name);
    const previous = collection.get(key);
    const version = this.#nextVersion();
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(version) } };
    collection.set(key, stored);
    this.#index(resource, previous, stored);
    this.#tell({
      type: previous ? 'MODIFIED' : 'ADDED',
      resource,
      object: stored,
      version,
      ...(previous ? { previous } : {}),
    });
    return stored;
  }

  /** Removes the object, if it is there; the event carries its last state under a new version. */
  remove(resource: Resource, namespace: string | undefined, name: string): void {
    const collection = this.#collection(resource);
    const key = objectKey(namespace, name);
    const previous = collection.get(key);
    if (!previous) return;
    const version = this.#nextVersion();
    collection.delete(key);
    this.#index(resource, previous, undefined);
    const object = { ...previous, metadata: { ...previous.metadata, resourceVersion: String(version) } };
    this.#tell({ type: 'DELETED', resource, object, previous, version });
  }

  /** The changes of a resource after `version`, or undefined when they are no longer known. */
  since(resource: Resource, version: number): StoreEvent[] | undefined {
    if (version < this.#forgotten) return undefined;
    return this.#history.filter(event => event.resource === resource && event.version > version);
  }

  /** Calls `listener` within every change, until the returned function is called. */
  subscribe(listener: (event: StoreEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #index(resource: Resource, before: ApiObject | undefined, now: ApiObject | undefined): void {
    const { namespace, name = '' } = (now ?? before)?.metadata ?? {};
    const key = `${qualifiedName(resource)}/${objectKey(namespace, name)}`;
    for (const { uid } of before?.metadata.ownerReferences ?? []) {
      const owned = this.#owned.get(uid);
      if (now?.metadata.ownerReferences?.some(owner => owner.uid === uid)) continue;
      owned?.delete(key);
      if (owned?.size === 0) this.#owned.delete(uid);
    }
    for (const { uid } of now?.metadata.ownerReferences ?? []) {
      const owned = this.#owned.get(uid) ?? new Map<string, Owned>();
      this.#owned.set(uid, owned.set(key, { resource, namespace, name }));
    }
  }

  #collection(resource: Resource): Collection<ApiObject> {
    const collection = this.#collections.get(resource);
    if (!collection) throw new Error(`Objects of ${qualifiedName(resource)} are not stored.`);
    return collection;
  }

  #nextVersion(): number {
    this.#version += 1;
    if (this.#version > this.#reserved) {
      this.#reserved = this.#version + versionBlock;
      this.#counter.set('reserved', this.#reserved);
    }
    return this.#version;
  }

  #tell(event: StoreEvent): void {
    this.#history.push(event);
    if (this.#history.length > 2 * historyLength) {
      this.#history = this.#history.slice(-historyLength);
      this.#forgotten = (this.#history[0]?.version ?? this.#version + 1) - 1;
    }
    for (const listener of [...this.#listeners]) listener(event);
  }
}
