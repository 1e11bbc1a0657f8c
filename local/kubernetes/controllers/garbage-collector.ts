import { omit, type ApiObject } from '../objects/api-object';
import { foregroundFinalizer, orphanFinalizer } from '../objects/deletion';
import { resourceOfKind, type Resource } from '../objects/resources';
import type { ControllerContext } from './controller-context';

/** Deletes what an object owned once that is gone, or before it goes, or lets it go, as its deletion asked for. */
export function collectGarbage(context: ControllerContext, removed: ApiObject): void {
  for (const { resource, object } of context.store.ownedBy(removed.metadata.uid)) {
    const { namespace, name, ownerReferences = [], deletionTimestamp } = object.metadata;
    const others = ownerReferences.filter(
      owner => owner.uid !== removed.metadata.uid && ownerExists(context, owner, namespace),
    );
    if (others.length === 0 && !deletionTimestamp)
      context.registry.delete({ resource, namespace, name }, { dryRun: false });
  }
}

/** Does the work of an object's deletion finalizers; called until they are gone. */
export function finishDeletion(context: ControllerContext, resource: Resource, object: ApiObject): void {
  const { deletionTimestamp, finalizers = [], namespace, name } = object.metadata;
  if (!deletionTimestamp) return;
  let done: string | undefined;
  if (finalizers.includes(orphanFinalizer)) {
    for (const { resource: ofResource, object: owned } of context.store.ownedBy(object.metadata.uid)) {
      const ownerReferences = owned.metadata.ownerReferences?.filter(owner => owner.uid !== object.metadata.uid) ?? [];
      const metadata = omit(owned.metadata, 'ownerReferences');
      context.store.put(ofResource, {
        ...owned,
        metadata: { ...metadata, ...(ownerReferences.length > 0 ? { ownerReferences } : {}) },
      });
    }
    done = orphanFinalizer;
  } else if (finalizers.includes(foregroundFinalizer)) {
    for (const { resource: ofResource, object: owned } of context.store.ownedBy(object.metadata.uid)) {
      const { metadata } = owned;
      if (metadata.deletionTimestamp) continue;
      const path = { resource: ofResource, namespace: metadata.namespace, name: metadata.name };
      context.registry.delete(path, {
        dryRun: false,
        ...(ofResource.kind === 'Pod' ? {} : { propagation: 'Foreground' }),
      });
    }
    if (context.store.ownedBy(object.metadata.uid).length === 0) done = foregroundFinalizer;
  }
  if (done === undefined) return;
  const left = finalizers.filter(one => one !== done);
  if (left.length === 0) context.store.remove(resource, namespace, name);
  else context.store.put(resource, { ...object, metadata: { ...object.metadata, finalizers: left } });
}

function ownerExists(
  { store }: ControllerContext,
  { apiVersion, kind, name, uid }: { apiVersion: string; kind: string; name: string; uid: string },
  namespace: string | undefined,
): boolean {
  const resource = resourceOfKind(apiVersion, kind);
  if (!resource) return false;
  return store.get(resource, resource.namespaced ? namespace : undefined, name)?.metadata.uid === uid;
}
