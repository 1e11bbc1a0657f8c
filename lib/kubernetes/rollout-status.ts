import type { V1DaemonSet, V1Deployment, V1StatefulSet } from '@kubernetes/client-node' with {
  'resolution-mode': 'import',
};

export type RolloutStatus =
  | { readonly state: 'done'; readonly text: string }
  | { readonly state: 'waiting'; readonly text: string }
  | { readonly state: 'failed'; readonly text: string };

/** How far a rollout is, by the rules of `kubectl rollout status`. */
export function deploymentRollout({ metadata, spec, status }: V1Deployment): RolloutStatus {
  if (spec?.paused) return pausedByHand;
  if (notSeenYet(metadata?.generation, status?.observedGeneration)) return waiting('not seen by its controller yet');
  const progressing = status?.conditions?.find(condition => condition.type === 'Progressing');
  if (progressing?.reason === 'ProgressDeadlineExceeded') {
    return { state: 'failed', text: progressing.message ?? 'exceeded its progress deadline' };
  }
  const wanted = spec?.replicas ?? 1;
  const updated = status?.updatedReplicas ?? 0;
  const replicas = status?.replicas ?? 0;
  const available = status?.availableReplicas ?? 0;
  if (updated < wanted) return waiting(`${updated} of ${wanted} pods have the new content`);
  if (replicas > updated) return waiting(`${replicas - updated} old pods are ending`);
  if (available < updated) return waiting(`${available} of ${updated} new pods are available`);
  return done(wanted);
}

export function statefulSetRollout({ metadata, spec, status }: V1StatefulSet): RolloutStatus {
  if (spec?.updateStrategy?.type === 'OnDelete') return byHand;
  if (notSeenYet(metadata?.generation, status?.observedGeneration)) return waiting('not seen by its controller yet');
  const wanted = spec?.replicas ?? 1;
  const partition = spec?.updateStrategy?.rollingUpdate?.partition ?? 0;
  const updated = status?.updatedReplicas ?? 0;
  const ready = status?.readyReplicas ?? 0;
  if (ready < wanted) return waiting(`${ready} of ${wanted} pods are ready`);
  if (partition > 0) {
    const moving = Math.max(0, wanted - partition);
    return updated < moving ? waiting(`${updated} of ${moving} pods have the new content`) : done(moving);
  }
  return status?.updateRevision === status?.currentRevision
    ? done(wanted)
    : waiting(`${updated} of ${wanted} pods have the new content`);
}

export function daemonSetRollout({ metadata, spec, status }: V1DaemonSet): RolloutStatus {
  if (spec?.updateStrategy?.type === 'OnDelete') return byHand;
  if (notSeenYet(metadata?.generation, status?.observedGeneration)) return waiting('not seen by its controller yet');
  const wanted = status?.desiredNumberScheduled ?? 0;
  const updated = status?.updatedNumberScheduled ?? 0;
  const available = status?.numberAvailable ?? 0;
  if (updated < wanted) return waiting(`${updated} of ${wanted} pods have the new content`);
  if (available < wanted) return waiting(`${available} of ${wanted} pods are available`);
  return done(wanted);
}

/** A CronJob's pods are made anew at each run, from the content of that time. */
export const cronJobRollout: RolloutStatus = { state: 'done', text: 'its next run reads the new content' };

const pausedByHand: RolloutStatus = {
  state: 'done',
  text: 'is paused: its pods take the new content when somebody resumes it',
};

const byHand: RolloutStatus = {
  state: 'done',
  text: 'has updateStrategy OnDelete: its pods take the new content when somebody deletes them',
};

function waiting(text: string): RolloutStatus {
  return { state: 'waiting', text };
}

function done(pods: number): RolloutStatus {
  return {
    state: 'done',
    text: pods === 1 ? '1 pod runs with the new content' : `${pods} pods run with the new content`,
  };
}

function notSeenYet(generation: number | undefined, observed: number | undefined): boolean {
  return (observed ?? 0) < (generation ?? 0);
}
