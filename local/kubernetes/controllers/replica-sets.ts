import { isDeepStrictEqual } from 'node:util';
import type { ApiObject } from '../objects/api-object';
import { resourceNamed } from '../objects/resources';
import { isReady } from '../pods/pod-shapes';
import { availability } from './availability';
import type { ControllerContext } from './controller-context';
import { activePodsOf, createPod, deletePod } from './pod-control';
import type { ReplicaSet } from './workload-shapes';

const resource = resourceNamed('replicasets');

/** Makes and deletes pods until there are as many as the ReplicaSet asks for, and says how many are ready. */
export function reconcileReplicaSet(context: ControllerContext, namespace: string, name: string): number | undefined {
  const found = context.store.get(resource, namespace, name) as ReplicaSet | undefined;
  if (!found || found.metadata.deletionTimestamp) return undefined;
  const active = activePodsOf(context, found);
  const missing = found.spec.replicas - active.length;
  for (let made = 0; made < missing; made += 1) {
    if (!createPod(context, found, found.spec.template, { generateName: `${name}-` })) break;
  }
  for (const pod of missing < 0 ? [...active].sort(byWorth).slice(0, -missing) : []) deletePod(context, found, pod);
  return updateStatus(context, found);
}

function updateStatus(context: ControllerContext, found: ReplicaSet): number | undefined {
  const active = activePodsOf(context, found);
  const { available, recheckMilliseconds } = availability(active, found.spec.minReadySeconds);
  const status = {
    replicas: active.length,
    fullyLabeledReplicas: active.length,
    readyReplicas: active.filter(isReady).length,
    availableReplicas: available.length,
    observedGeneration: found.metadata.generation ?? 1,
  };
  if (!isDeepStrictEqual(found.status, status)) context.store.put(resource, { ...found, status });
  return recheckMilliseconds;
}

/** First who goes first: not ready before ready, then the newest. */
function byWorth(a: ApiObject, b: ApiObject): number {
  return (
    Number(isReady(a)) - Number(isReady(b)) ||
    Date.parse(b.metadata.creationTimestamp) - Date.parse(a.metadata.creationTimestamp)
  );
}
