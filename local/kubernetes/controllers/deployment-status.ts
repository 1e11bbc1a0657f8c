import { isDeepStrictEqual } from 'node:util';
import { timestamp } from '../objects/api-object';
import { rollingLimits } from './rolling-update';
import type { Deployment, DeploymentStatus, ReplicaSet, WorkloadCondition } from './workload-shapes';

/**
 * A Deployment's status from its ReplicaSets, by the Deployment controller's rules for progress: complete, progressing,
 * or past its deadline, which counts from the last change for the better.
 * @param created whether `current` was made just now
 * @returns recheckMilliseconds: when the deadline would be passed, if nothing happens before
 */
export function deploymentStatus(
  deployment: Deployment,
  current: ReplicaSet | undefined,
  all: readonly ReplicaSet[],
  created: boolean,
): { status: DeploymentStatus; recheckMilliseconds: number | undefined } {
  const { metadata } = deployment;
  const before = deployment.status ?? {};
  const live = all.find(one => one.metadata.uid === current?.metadata.uid);
  const sum = (of: (one: ReplicaSet) => number | undefined): number =>
    all.reduce((total, one) => total + (of(one) ?? 0), 0);
  const counts = {
    replicas: sum(one => one.status?.replicas),
    updatedReplicas: live?.status?.replicas ?? 0,
    readyReplicas: sum(one => one.status?.readyReplicas),
    availableReplicas: sum(one => one.status?.availableReplicas),
  };
  const unavailableReplicas = Math.max(0, sum(one => one.spec.replicas) - counts.availableReplicas);
  const progress = progressing(deployment, before, live, counts, created);
  const known = before.conditions ?? [];
  return {
    status: {
      observedGeneration: metadata.generation ?? 1,
      ...counts,
      ...(unavailableReplicas > 0 ? { unavailableReplicas } : {}),
      conditions: [
        settled(known, available(deployment, counts.availableReplicas)),
        ...(progress ? [settled(known, progress.condition)] : known.filter(({ type }) => type === 'Progressing')),
      ],
    },
    recheckMilliseconds: progress?.recheckMilliseconds,
  };
}

type Counts = Required<Pick<DeploymentStatus, 'replicas' | 'updatedReplicas' | 'readyReplicas' | 'availableReplicas'>>;

function progressing(
  { spec }: Deployment,
  before: DeploymentStatus,
  current: ReplicaSet | undefined,
  counts: Counts,
  created: boolean,
): { condition: WorkloadCondition; recheckMilliseconds: number | undefined } | undefined {
  if (!current) return undefined;
  const name = `ReplicaSet "${current.metadata.name}"`;
  const last = before.conditions?.find(({ type }) => type === 'Progressing');
  const made = (status: 'True' | 'False', reason: string, message: string, since?: string): WorkloadCondition => {
    const now = timestamp();
    return { type: 'Progressing', status, reason, message, lastUpdateTime: since ?? now, lastTransitionTime: now };
  };
  const complete =
    counts.updatedReplicas === spec.replicas &&
    counts.replicas === spec.replicas &&
    counts.availableReplicas === spec.replicas;
  if (complete) {
    const message = `${name} has successfully progressed.`;
    // Its time tells when it got there, so it stays as long as this is so.
    const since = last?.message === message ? last.lastUpdateTime : undefined;
    return { condition: made('True', 'NewReplicaSetAvailable', message, since), recheckMilliseconds: undefined };
  }
  const started =
    created || last === undefined || (last.reason === 'NewReplicaSetAvailable' && !isAbout(last, current));
  const better =
    counts.updatedReplicas > (before.updatedReplicas ?? 0) ||
    counts.replicas - counts.updatedReplicas < (before.replicas ?? 0) - (before.updatedReplicas ?? 0) ||
    counts.readyReplicas > (before.readyReplicas ?? 0) ||
    counts.availableReplicas > (before.availableReplicas ?? 0);
  const deadline = spec.progressDeadlineSeconds * 1000;
  if (started || better || !isAbout(last, current)) {
    const condition = created
      ? made('True', 'NewReplicaSetCreated', `Created new replica set "${current.metadata.name}"`)
      : made('True', 'ReplicaSetUpdated', `${name} is progressing.`);
    return { condition, recheckMilliseconds: deadline };
  }
  // Once complete, lost pods are no rollout: only a new template starts the clock again.
  if (last.reason === 'NewReplicaSetAvailable') return { condition: last, recheckMilliseconds: undefined };
  const left = Date.parse(last.lastUpdateTime ?? last.lastTransitionTime) + deadline - Date.now();
  if (left > 0) return { condition: last, recheckMilliseconds: left };
  const message = `${name} has timed out progressing.`;
  const since = last.message === message ? last.lastUpdateTime : undefined;
  return { condition: made('False', 'ProgressDeadlineExceeded', message, since), recheckMilliseconds: undefined };
}

function isAbout(condition: WorkloadCondition, { metadata: { name } }: ReplicaSet): boolean {
  return condition.message.includes(`"${name}"`);
}

function available({ spec }: Deployment, count: number): WorkloadCondition {
  const enough = count >= spec.replicas - (spec.strategy.type === 'Recreate' ? 0 : rollingLimits(spec).unavailable);
  const now = timestamp();
  return {
    type: 'Available',
    status: enough ? 'True' : 'False',
    reason: enough ? 'MinimumReplicasAvailable' : 'MinimumReplicasUnavailable',
    message: enough ? 'Deployment has minimum availability.' : 'Deployment does not have minimum availability.',
    lastUpdateTime: now,
    lastTransitionTime: now,
  };
}

/** The condition as it is known when nothing about it changed; the time of its last change of status in any case. */
function settled(known: readonly WorkloadCondition[], condition: WorkloadCondition): WorkloadCondition {
  const before = known.find(({ type }) => type === condition.type);
  if (!before || before.status !== condition.status) return condition;
  const { lastTransitionTime } = before;
  const same = before.reason === condition.reason && before.message === condition.message;
  const keepsTime = same && condition.type === 'Available';
  const result = {
    ...condition,
    lastTransitionTime,
    ...(keepsTime ? { lastUpdateTime: before.lastUpdateTime ?? '' } : {}),
  };
  return isDeepStrictEqual(result, before) ? before : result;
}
