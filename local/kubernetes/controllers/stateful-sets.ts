import { isDeepStrictEqual } from 'node:util';
import { isRecord, type ApiObject } from '../objects/api-object';
import { resourceNamed } from '../objects/resources';
import { isActive, isReady, type Pod, type Volume } from '../pods/pod-shapes';
import { availability } from './availability';
import type { ControllerContext } from './controller-context';
import {
  forgetOldRevisions,
  revisionLabel,
  revisionsOf,
  templateOf,
  updateRevision,
  type ControllerRevision,
} from './controller-revisions';
import { createPod, deletePod, podsOf } from './pod-control';
import type { PodTemplate, StatefulSet, StatefulSetStatus } from './workload-shapes';

const statefulSets = resourceNamed('statefulsets');
const claims = resourceNamed('persistentvolumeclaims');
const podNameLabel = 'statefulset.kubernetes.io/pod-name';
const podIndexLabel = 'apps.kubernetes.io/pod-index';

/** Everything that one look at a StatefulSet works with. */
interface Look {
  set: StatefulSet;
  pods: Pod[];
  /** What new pods are made from, and what those below the partition stay with. */
  update: ControllerRevision;
  current: ControllerRevision;
}

/**
 * Brings a StatefulSet's pods up in the order of their numbers, updates them from the highest down, each one only when all
 * others are ready, and keeps its status. As in the real controller, a pod that never gets ready holds up everything
 * behind it, also the way back, until somebody deletes it (the documented "forced rollback").
 */
export function reconcileStatefulSet(context: ControllerContext, namespace: string, name: string): number | undefined {
  const set = context.store.get(statefulSets, namespace, name) as StatefulSet | undefined;
  if (!set || set.metadata.deletionTimestamp) return undefined;
  const update = updateRevision(context, set);
  const current = revisionsOf(context, set).find(one => one.metadata.name === set.status?.currentRevision) ?? update;
  const look = { set, pods: podsOf(context, set), update, current };
  const { recheckMilliseconds } = availability(look.pods.filter(isActive), set.spec.minReadySeconds);
  step(context, look);
  writeStatus(context, { ...look, pods: podsOf(context, set) });
  const inUse = new Set([
    update.metadata.name,
    current.metadata.name,
    ...look.pods.map(pod => pod.metadata.labels?.[revisionLabel]),
  ]);
  forgetOldRevisions(context, set, one => inUse.has(one.metadata.name));
  return recheckMilliseconds;
}

function step(context: ControllerContext, look: Look): void {
  const { set, pods, update } = look;
  const { replicas, podManagementPolicy, updateStrategy, minReadySeconds } = set.spec;
  const ordered = podManagementPolicy !== 'Parallel';
  const first = set.spec.ordinals?.start ?? 0;
  const usable = new Set(availability(pods.filter(isActive), minReadySeconds).available);
  const byOrdinal = new Map(pods.map(pod => [ordinalOf(pod), pod]));
  const wanted = Array.from({ length: replicas }, (_, index) => first + index);

  for (const ordinal of wanted) {
    const pod = byOrdinal.get(ordinal);
    if (!pod) makePod(context, look, ordinal);
    else if (hasEnded(pod) && !pod.metadata.deletionTimestamp) deletePod(context, set, pod);
    if (ordered && (!pod || !usable.has(pod))) return;
  }
  const condemned = pods.filter(pod => !wanted.includes(ordinalOf(pod))).sort((a, b) => ordinalOf(b) - ordinalOf(a));
  for (const pod of condemned) {
    if (!pod.metadata.deletionTimestamp) deletePod(context, set, pod);
    if (ordered) return;
  }
  if (updateStrategy.type === 'OnDelete') return;
  const partition = updateStrategy.rollingUpdate?.partition ?? 0;
  for (const ordinal of wanted.toReversed()) {
    if (ordinal < first + partition) return;
    const pod = byOrdinal.get(ordinal);
    if (pod && pod.metadata.labels?.[revisionLabel] !== update.metadata.name) {
      if (!pod.metadata.deletionTimestamp) deletePod(context, set, pod);
      return;
    }
    if (!pod || !usable.has(pod)) return;
  }
}

function makePod(context: ControllerContext, { set, update, current }: Look, ordinal: number): void {
  const { metadata, spec } = set;
  const first = spec.ordinals?.start ?? 0;
  const partition = spec.updateStrategy.rollingUpdate?.partition ?? 0;
  const revision = ordinal < first + partition ? current : update;
  const name = `${metadata.name}-${ordinal}`;
  const template = withClaims(context, set, templateOf(revision), name);
  const labels = {
    [revisionLabel]: revision.metadata.name,
    [podNameLabel]: name,
    [podIndexLabel]: String(ordinal),
  };
  const { serviceName } = spec;
  const podSpec = { ...template.spec, hostname: name, ...(serviceName ? { subdomain: serviceName } : {}) };
  createPod(context, set, { ...template, spec: podSpec }, { name, labels });
}

/** Each pod has claims of its own, which stay when it goes, and mounts them under the names of the claim templates. */
function withClaims(context: ControllerContext, set: StatefulSet, template: PodTemplate, pod: string): PodTemplate {
  const templates = set.spec.volumeClaimTemplates ?? [];
  if (templates.length === 0) return template;
  const { namespace } = set.metadata;
  const volumes = templates.map((claim): Volume => {
    const { name } = claim.metadata;
    const claimName = `${name}-${pod}`;
    if (!context.store.get(claims, namespace, claimName)) {
      const metadata = { ...claim.metadata, name: claimName, labels: set.spec.selector.matchLabels ?? {} };
      const object = { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata, spec: claim.spec };
      const writer = { manager: 'kube-controller-manager', operation: 'Update' } as const;
      context.registry.create(claims, namespace, object as unknown as ApiObject, { writer, dryRun: false });
    }
    return { name, persistentVolumeClaim: { claimName } };
  });
  const names = new Set(volumes.map(({ name }) => name));
  const others = (template.spec.volumes ?? []).filter(({ name }) => !names.has(name));
  return { ...template, spec: { ...template.spec, volumes: [...others, ...volumes] } };
}

function writeStatus(context: ControllerContext, { set, pods, update, current }: Look): void {
  const active = pods.filter(isActive);
  const { replicas, minReadySeconds, updateStrategy } = set.spec;
  const at = (revision: ControllerRevision): number =>
    active.filter(pod => pod.metadata.labels?.[revisionLabel] === revision.metadata.name).length;
  const readyReplicas = active.filter(isReady).length;
  const updatedReplicas = at(update);
  const complete =
    updateStrategy.type === 'RollingUpdate' &&
    updatedReplicas === replicas &&
    readyReplicas === replicas &&
    pods.length === replicas;
  const status: StatefulSetStatus = {
    observedGeneration: set.metadata.generation ?? 1,
    replicas: pods.length,
    readyReplicas,
    availableReplicas: availability(active, minReadySeconds).available.length,
    currentReplicas: complete ? updatedReplicas : at(current),
    updatedReplicas,
    currentRevision: (complete ? update : current).metadata.name,
    updateRevision: update.metadata.name,
    collisionCount: 0,
  };
  const live = context.store.get(statefulSets, set.metadata.namespace, set.metadata.name);
  if (live && isRecord(live.spec) && !isDeepStrictEqual(live.status, status)) {
    context.store.put(statefulSets, { ...live, status });
  }
}

/** The number at the end of the pod's name. */
function ordinalOf({ metadata }: ApiObject): number {
  return Number(/-(\d+)$/.exec(metadata.name)?.[1] ?? -1);
}

function hasEnded({ status }: Pod): boolean {
  return status?.phase === 'Succeeded' || status?.phase === 'Failed';
}
