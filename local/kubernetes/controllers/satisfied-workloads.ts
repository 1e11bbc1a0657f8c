import { isDeepStrictEqual } from 'node:util';
import { contentName } from '../objects/names';
import { resourceNamed } from '../objects/resources';
import type { ControllerContext } from './controller-context';
import type { DaemonSet, StatefulSet } from './workload-shapes';

const statefulSets = resourceNamed('statefulsets');
const daemonSets = resourceNamed('daemonsets');

/** StatefulSets have no pods here: their status says at once that everything that they ask for is there. */
export function reconcileStatefulSet({ store }: ControllerContext, namespace: string, name: string): undefined {
  const found = store.get(statefulSets, namespace, name) as StatefulSet | undefined;
  if (!found || found.metadata.deletionTimestamp) return;
  const { replicas, template } = found.spec;
  const revision = `${name}-${contentName(template)}`;
  const status = {
    observedGeneration: found.metadata.generation ?? 1,
    replicas,
    readyReplicas: replicas,
    availableReplicas: replicas,
    currentReplicas: replicas,
    updatedReplicas: replicas,
    currentRevision: revision,
    updateRevision: revision,
    collisionCount: 0,
  };
  if (!isDeepStrictEqual(found.status, status)) store.put(statefulSets, { ...found, status });
}

/** DaemonSets neither: their one pod on the one node is said to be there. */
export function reconcileDaemonSet({ store }: ControllerContext, namespace: string, name: string): undefined {
  const found = store.get(daemonSets, namespace, name) as DaemonSet | undefined;
  if (!found || found.metadata.deletionTimestamp) return;
  const status = {
    observedGeneration: found.metadata.generation ?? 1,
    desiredNumberScheduled: 1,
    currentNumberScheduled: 1,
    updatedNumberScheduled: 1,
    numberReady: 1,
    numberAvailable: 1,
    numberMisscheduled: 0,
  };
  if (!isDeepStrictEqual(found.status, status)) store.put(daemonSets, { ...found, status });
}
