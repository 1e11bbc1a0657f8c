import type { ServerResponse } from 'node:http';
import type { ApiObject } from '../objects/api-object';
import type { ObjectStore, StoreEvent } from '../objects/object-store';
import { apiVersionOf, type Resource } from '../objects/resources';
import { StatusError } from './status-error';

export interface WatchRequest {
  resource: Resource;
  namespace: string | undefined;
  matches: (object: ApiObject) => boolean;
  /** Events after this version; undefined or '0' begins with what there is now. */
  resourceVersion: string | undefined;
  timeoutSeconds: number | undefined;
  bookmarks: boolean;
  /** Begins with what there is now and marks where that ends. */
  sendInitialEvents: boolean;
  /** The form in which the client wants objects. */
  present: (object: ApiObject) => unknown;
}

const bookmarkMilliseconds = 60_000;

/** Streams the changes of a resource as JSON lines until the client or the time-out ends it. */
export function streamChanges(store: ObjectStore, watch: WatchRequest, response: ServerResponse): void {
  const { resource, namespace, present, matches, resourceVersion, sendInitialEvents } = watch;
  const selected = (object: ApiObject): boolean =>
    (!namespace || object.metadata.namespace === namespace) && matches(object);
  response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-cache, private' });
  response.flushHeaders();
  const send = (type: string, object: unknown): void => {
    response.write(`${JSON.stringify({ type, object })}\n`);
  };
  const sendBookmark = (annotations?: Record<string, string>): void =>
    send('BOOKMARK', {
      kind: resource.kind,
      apiVersion: apiVersionOf(resource),
      metadata: {
        resourceVersion: String(store.version),
        creationTimestamp: null,
        ...(annotations ? { annotations } : {}),
      },
    });
  const forward = (event: StoreEvent): void => {
    const type = typeFor(event, selected);
    if (type) send(type, present(event.object));
  };

  const fromNow =
    resourceVersion === undefined || resourceVersion === '' || resourceVersion === '0' || sendInitialEvents;
  const missed = fromNow ? [] : store.since(resource, Number(resourceVersion));
  if (!missed) {
    const text = `too old resource version: ${resourceVersion} (${store.version})`;
    send('ERROR', new StatusError(410, 'Expired', text).status());
    response.end();
    return;
  }
  if (fromNow) for (const object of store.list(resource, namespace).filter(selected)) send('ADDED', present(object));
  if (sendInitialEvents) sendBookmark({ 'k8s.io/initial-events-end': 'true' });
  missed.forEach(forward);

  const unsubscribe = store.subscribe(event => {
    if (event.resource === resource) forward(event);
  });
  const bookmark = watch.bookmarks ? setInterval(() => sendBookmark(), bookmarkMilliseconds) : undefined;
  const { timeoutSeconds } = watch;
  const end = timeoutSeconds === undefined ? undefined : setTimeout(() => response.end(), timeoutSeconds * 1000);
  response.once('close', () => {
    unsubscribe();
    clearInterval(bookmark);
    clearTimeout(end);
  });
}

/** What a change is for somebody who sees only some objects: one that leaves the selection is deleted for them. */
function typeFor(event: StoreEvent, selected: (object: ApiObject) => boolean): StoreEvent['type'] | undefined {
  const was = event.previous !== undefined && selected(event.previous);
  const is = event.type !== 'DELETED' && selected(event.object);
  if (is) return was ? 'MODIFIED' : 'ADDED';
  return was ? 'DELETED' : undefined;
}
