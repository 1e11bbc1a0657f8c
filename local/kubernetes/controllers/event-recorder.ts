import { randomUUID } from 'node:crypto';
import { randomName } from '../objects/names';
import { timestamp, type ApiObject } from '../objects/api-object';
import type { ObjectStore } from '../objects/object-store';
import { resourceNamed } from '../objects/resources';

/** As long as a real API server keeps events, and how often what is older is looked for. */
const keptMilliseconds = 60 * 60 * 1000;
const cleaningMilliseconds = 60 * 1000;

interface StoredEvent extends ApiObject {
  count: number;
  lastTimestamp: string;
}

/** Writes the Events by which controllers and the kubelet say what happened to an object. */
export class EventRecorder {
  /** The event of the same object, reason and message, whose count goes up. */
  readonly #known = new Map<string, string>();
  #cleaned = 0;

  constructor(private readonly store: ObjectStore) {}

  record(about: ApiObject, type: 'Normal' | 'Warning', reason: string, message: string, component: string): void {
    const resource = resourceNamed('events');
    const { namespace = 'default', name, uid, resourceVersion } = about.metadata;
    this.#forgetOld();
    const identity = JSON.stringify([uid, reason, message]);
    const known = this.store.get(resource, namespace, this.#known.get(identity) ?? '') as StoredEvent | undefined;
    const now = timestamp();
    if (known) {
      const again: StoredEvent = { ...known, count: known.count + 1, lastTimestamp: now };
      this.store.put(resource, again);
      return;
    }
    const eventName = randomName(`${name.slice(0, 200)}.`);
    this.#known.set(identity, eventName);
    this.store.put(resource, {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: {
        name: eventName,
        namespace,
        uid: randomUUID(),
        resourceVersion: '',
        creationTimestamp: now,
      },
      involvedObject: { kind: about.kind, apiVersion: about.apiVersion, name, namespace, uid, resourceVersion },
      type,
      reason,
      message,
      source: { component },
      reportingComponent: component,
      reportingInstance: '',
      firstTimestamp: now,
      lastTimestamp: now,
      eventTime: null,
      count: 1,
    });
  }

  #forgetOld(): void {
    const now = Date.now();
    if (now - this.#cleaned < cleaningMilliseconds) return;
    this.#cleaned = now;
    const resource = resourceNamed('events');
    const gone = new Set<string>();
    for (const event of this.store.list(resource) as StoredEvent[]) {
      // Events that a client made may have no time of their own.
      const last = Date.parse(event.lastTimestamp) || Date.parse(event.metadata.creationTimestamp);
      if (last >= now - keptMilliseconds) continue;
      this.store.remove(resource, event.metadata.namespace, event.metadata.name);
      gone.add(event.metadata.name);
    }
    for (const [identity, name] of this.#known) if (gone.has(name)) this.#known.delete(identity);
  }
}
