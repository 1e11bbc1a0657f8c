import { isDeepStrictEqual } from 'node:util';
import { resourceNamed } from '../objects/resources';
import { unschedulable } from '../pods/local-node';
import { isActive, isReady, type Pod } from '../pods/pod-shapes';
import { availability } from './availability';
import type { ControllerContext } from './controller-context';
import { forgetOldRevisions, revisionLabel, templateOf, updateRevision } from './controller-revisions';
import { createPod, deletePod, podsOf } from './pod-control';
import { share } from './rolling-update';
import type { DaemonSet } from './workload-shapes';

const daemonSets = resourceNamed('daemonsets');

/** Keeps a DaemonSet's one pod on the one node, if that node takes it, and updates it by its strategy. */
export function reconcileDaemonSet(context: ControllerContext, namespace: string, name: string): number | undefined {
  const set = context.store.get(daemonSets, namespace, name) as DaemonSet | undefined;
  if (!set || set.metadata.deletionTimestamp) return undefined;
  const revision = updateRevision(context, set);
  const hash = revision.metadata.labels?.[revisionLabel] ?? '';
  const isNew = (pod: Pod): boolean => pod.metadata.labels?.[revisionLabel] === hash;
  const wanted = unschedulable(context.store, set.spec.template.spec) === undefined ? 1 : 0;
  step(context, set, wanted, isNew, () =>
    createPod(context, set, templateOf(revision), { generateName: `${name}-`, labels: { [revisionLabel]: hash } }),
  );

  const pods = podsOf(context, set);
  const active = pods.filter(isActive);
  const { available, recheckMilliseconds } = availability(active, set.spec.minReadySeconds);
  const some = (list: readonly Pod[]): number => (list.length > 0 ? 1 : 0);
  const numberAvailable = wanted * some(available);
  const status = {
    observedGeneration: set.metadata.generation ?? 1,
    desiredNumberScheduled: wanted,
    currentNumberScheduled: wanted * some(active),
    updatedNumberScheduled: wanted * some(active.filter(isNew)),
    numberReady: wanted * some(active.filter(isReady)),
    numberAvailable,
    ...(wanted > numberAvailable ? { numberUnavailable: wanted - numberAvailable } : {}),
    numberMisscheduled: wanted === 0 ? some(active) : 0,
  };
  const live = context.store.get(daemonSets, namespace, name);
  if (live && !isDeepStrictEqual(live.status, status)) context.store.put(daemonSets, { ...live, status });
  const inUse = new Set([hash, ...pods.map(pod => pod.metadata.labels?.[revisionLabel])]);
  forgetOldRevisions(context, set, one => inUse.has(one.metadata.labels?.[revisionLabel]));
  return recheckMilliseconds;
}

function step(
  context: ControllerContext,
  set: DaemonSet,
  wanted: number,
  isNew: (pod: Pod) => boolean,
  make: () => unknown,
): void {
  const pods = podsOf(context, set);
  const active = pods.filter(isActive);
  const ended = pods.filter(pod => !pod.metadata.deletionTimestamp && !isActive(pod));
  for (const pod of wanted === 0 ? active : ended) deletePod(context, set, pod);
  if (wanted === 0) return;
  // Only when the old one is really gone.
  if (pods.length === 0) make();
  const old = active.filter(pod => !isNew(pod));
  const { type, rollingUpdate } = set.spec.updateStrategy;
  if (type !== 'RollingUpdate' || old.length === 0) return;
  const surges = share(rollingUpdate?.maxSurge ?? 0, 1, Math.ceil) > 0;
  const updated = active.filter(isNew);
  if (surges && updated.length === 0) make();
  const replaced = availability(updated, set.spec.minReadySeconds).available.length > 0;
  if (!surges || replaced) for (const pod of old) deletePod(context, set, pod);
}
