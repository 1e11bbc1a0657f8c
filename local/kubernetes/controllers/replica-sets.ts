import { isDeepStrictEqual } from 'node:util';
import { StatusError } from '../api/status-error';
import { controllerOf, controllerReference, type ApiObject } from '../objects/api-object';
import { resourceNamed } from '../objects/resources';
import { isActive, isReady, readySince } from '../pods/pod-shapes';
import type { ControllerContext } from './controller-context';
import type { ReplicaSet } from './workload-shapes';

const resource = resourceNamed('replicasets');
const pods = resourceNamed('pods');

/** Makes and deletes pods until there are as many as the ReplicaSet asks for, and says how many are ready. */
export function reconcileReplicaSet(context: ControllerContext, namespace: string, name: string): number | undefined {
  const { store, registry, events } = context;
  const found = store.get(resource, namespace, name) as ReplicaSet | undefined;
  if (!found || found.metadata.deletionTimestamp) return undefined;
  const active = podsOf(context, found);
  const missing = found.spec.replicas - active.length;
  for (let made = 0; made < missing; made += 1) {
    try {
      const { metadata, spec } = found.spec.template;
      const pod = registry.create(
        pods,
        namespace,
        {
          apiVersion: 'v1',
          kind: 'Pod',
          metadata: { ...metadata, generateName: `${name}-`, ownerReferences: [controllerReference(found)] },
          spec,
        } as unknown as ApiObject,
        { writer: { manager: 'kube-controller-manager', operation: 'Update' }, dryRun: false },
      );
      events.record(found, 'Normal', 'SuccessfulCreate', `Created pod: ${pod.metadata.name}`, 'replicaset-controller');
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      events.record(found, 'Warning', 'FailedCreate', `Error creating: ${error.message}`, 'replicaset-controller');
      break;
    }
  }
  for (const pod of missing < 0 ? [...active].sort(byWorth).slice(0, -missing) : []) {
    registry.delete({ resource: pods, namespace, name: pod.metadata.name }, { dryRun: false });
    events.record(found, 'Normal', 'SuccessfulDelete', `Deleted pod: ${pod.metadata.name}`, 'replicaset-controller');
  }
  return updateStatus(context, found);
}

/** The pods of a ReplicaSet that are not on their way out. */
export function podsOf({ store }: ControllerContext, replicaSet: ApiObject): ApiObject[] {
  const { namespace, uid } = replicaSet.metadata;
  return store.list(pods, namespace).filter(pod => controllerOf(pod)?.uid === uid && isActive(pod));
}

function updateStatus(context: ControllerContext, found: ReplicaSet): number | undefined {
  const active = podsOf(context, found);
  const patience = (found.spec.minReadySeconds ?? 0) * 1000;
  const now = Date.now();
  const waits = active
    .map(readySince)
    .filter(since => since !== undefined)
    .map(since => since + patience - now);
  const status = {
    replicas: active.length,
    fullyLabeledReplicas: active.length,
    readyReplicas: active.filter(isReady).length,
    availableReplicas: waits.filter(wait => wait <= 0).length,
    observedGeneration: found.metadata.generation ?? 1,
  };
  if (!isDeepStrictEqual(found.status, status)) context.store.put(resource, { ...found, status });
  const open = waits.filter(wait => wait > 0);
  return open.length > 0 ? Math.min(...open) : undefined;
}

/** First who goes first: not ready before ready, then the newest. */
function byWorth(a: ApiObject, b: ApiObject): number {
  return (
    Number(isReady(a)) - Number(isReady(b)) ||
    Date.parse(b.metadata.creationTimestamp) - Date.parse(a.metadata.creationTimestamp)
  );
}
