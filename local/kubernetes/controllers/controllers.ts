import { controllerOf, objectKey, type ApiObject } from '../objects/api-object';
import type { StoreEvent } from '../objects/object-store';
import { resourceNamed, resourceOfKind, resources } from '../objects/resources';
import { fillAccountSecret } from './account-secrets';
import type { ControllerContext } from './controller-context';
import { reconcileDaemonSet } from './daemon-sets';
import { reconcileDeployment } from './deployments';
import { collectGarbage, finishDeletion } from './garbage-collector';
import { reconcileJob } from './jobs';
import { reconcileNamespace } from './namespaces';
import { reconcileReplicaSet } from './replica-sets';
import { reconcileStatefulSet } from './stateful-sets';
import { WorkQueue } from './work-queue';

const replicaSets = resourceNamed('replicasets');

const reconcilers: Readonly<
  Record<string, (context: ControllerContext, namespace: string, name: string) => number | undefined>
> = {
  Deployment: reconcileDeployment,
  ReplicaSet: reconcileReplicaSet,
  StatefulSet: reconcileStatefulSet,
  DaemonSet: reconcileDaemonSet,
  Job: reconcileJob,
};

/** Starts the controllers on what is stored and on every change; the returned function stops them. */
export function startControllers(context: ControllerContext): () => void {
  const { store, log } = context;
  const queues = new Map(
    Object.entries(reconcilers).map(([kind, reconcile]) => [
      kind,
      new WorkQueue(key => {
        const [namespace = '', name = ''] = key.split('/');
        return reconcile(context, namespace, name);
      }, log),
    ]),
  );
  const namespaces = new WorkQueue(name => reconcileNamespace(context, name), log);
  const deletions = new WorkQueue(key => {
    const { apiVersion, kind, namespace, name } = JSON.parse(key) as Record<string, string>;
    const resource = resourceOfKind(apiVersion ?? '', kind ?? '');
    const object = resource && store.get(resource, namespace, name ?? '');
    if (object) finishDeletion(context, resource, object);
    return undefined;
  }, log);
  const removed: ApiObject[] = [];
  const garbage = new WorkQueue(() => {
    for (const object of removed.splice(0)) collectGarbage(context, object);
    return undefined;
  }, log);

  const queueDeletion = (object: ApiObject): void => {
    if (!object.metadata.deletionTimestamp || !object.metadata.finalizers) return;
    const { apiVersion, kind } = object;
    const { namespace, name } = object.metadata;
    deletions.add(JSON.stringify({ apiVersion, kind, namespace, name }));
  };
  const consider = (object: ApiObject): void => {
    const { namespace, name } = object.metadata;
    queues.get(object.kind)?.add(objectKey(namespace, name));
    queueDeletion(object);
    if (object.kind === 'Namespace') namespaces.add(name);
    if (object.kind === 'Secret' && object.type === 'kubernetes.io/service-account-token') {
      setImmediate(
        () => void fillAccountSecret(context, namespace ?? '', name).catch((error: unknown) => log(String(error))),
      );
    }
    // A change of a pod is news for its ReplicaSet, one of a ReplicaSet for its Deployment.
    const owner = controllerOf(object);
    if (owner) queues.get(owner.kind)?.add(objectKey(namespace, owner.name));
  };
  const onEvent = ({ type, object }: StoreEvent): void => {
    consider(object);
    if (type !== 'DELETED') return;
    const { namespace, uid } = object.metadata;
    removed.push(object);
    garbage.add(uid);
    if (namespace) namespaces.add(namespace);
    const owner = controllerOf(object);
    for (const { apiVersion, kind, name } of object.metadata.ownerReferences ?? []) {
      const resource = resourceOfKind(apiVersion, kind);
      const live = resource && store.get(resource, resource.namespaced ? namespace : undefined, name);
      if (live) queueDeletion(live);
    }
    // With strategy Recreate a Deployment waits for the end of its ReplicaSets' pods.
    const set = object.kind === 'Pod' && owner?.kind === 'ReplicaSet' && store.get(replicaSets, namespace, owner.name);
    const ofSet = set ? controllerOf(set) : undefined;
    if (ofSet) queues.get(ofSet.kind)?.add(objectKey(namespace, ofSet.name));
    if (object.kind === 'ServiceAccount')
      for (const one of store.list(resourceNamed('secrets'), namespace)) consider(one);
  };
  for (const resource of resources) if (resource.stored) for (const object of store.list(resource)) consider(object);
  const unsubscribe = store.subscribe(onEvent);
  return () => {
    unsubscribe();
    for (const queue of [...queues.values(), namespaces, deletions, garbage]) queue.stop();
  };
}
