import { isDeepStrictEqual } from 'node:util';
import { timestamp, type ApiObject } from '../objects/api-object';
import { resourceNamed } from '../objects/resources';
import { isActive, isReady, type Pod } from '../pods/pod-shapes';
import type { ControllerContext } from './controller-context';
import { createPod, deletePod, podsOf } from './pod-control';
import type { Job, JobStatus, WorkloadCondition } from './workload-shapes';

const jobs = resourceNamed('jobs');

/** The kubelet's first and longest pause between two tries of a Job; here a tenth of it, as for containers. */
const firstBackOffMilliseconds = 1000;
const longestBackOffMilliseconds = 36_000;

/** Makes a Job's pods until as many have succeeded as it asks for, or too many have failed, or its time is over. */
export function reconcileJob(context: ControllerContext, namespace: string, name: string): number | undefined {
  const job = context.store.get(jobs, namespace, name) as Job | undefined;
  if (!job || job.metadata.deletionTimestamp) return undefined;
  const end = endOf(job);
  if (end) return removeLater(context, job, end);
  const pods = podsOf(context, job);
  const { parallelism, completions, backoffLimit, activeDeadlineSeconds, suspend, template } = job.spec;
  const active = pods.filter(isActive);
  const succeeded = pods.filter(inPhase('Succeeded')).length;
  const failedPods = pods.filter(inPhase('Failed'));
  const restarts = active.reduce((sum, pod) => sum + restartsOf(pod), 0);
  const startTime = job.status?.startTime ?? (suspend ? undefined : timestamp());
  const counts = { active: active.length, ready: active.filter(isReady).length, succeeded, failed: failedPods.length };
  const finish = (type: 'Complete' | 'Failed', reason: string, message: string): undefined => {
    for (const pod of active) deletePod(context, job, pod);
    const now = timestamp();
    const condition = (kind: string): WorkloadCondition & { lastProbeTime: string } => ({
      type: kind,
      status: 'True',
      reason,
      message,
      lastProbeTime: now,
      lastTransitionTime: now,
    });
    const conditions = [condition(type === 'Complete' ? 'SuccessCriteriaMet' : 'FailureTarget'), condition(type)];
    const completionTime = type === 'Complete' ? { completionTime: now } : {};
    writeStatus(context, job, {
      ...statusOf(startTime, { ...counts, active: 0, ready: 0 }),
      ...completionTime,
      conditions,
    });
    const [kind, said] = type === 'Complete' ? (['Normal', 'Completed'] as const) : (['Warning', reason] as const);
    context.events.record(job, kind, said, type === 'Complete' ? 'Job completed' : message, 'job-controller');
    return undefined;
  };

  if (suspend) {
    for (const pod of active) deletePod(context, job, pod);
    writeStatus(context, job, statusOf(undefined, { ...counts, active: 0, ready: 0 }));
    return undefined;
  }
  if (failedPods.length + restarts > backoffLimit) {
    finish('Failed', 'BackoffLimitExceeded', 'Job has reached the specified backoff limit');
    return;
  }
  const needed = completions ?? (succeeded > 0 ? 0 : Infinity);
  if (completions === undefined ? succeeded > 0 && active.length === 0 : succeeded >= completions) {
    finish('Complete', 'CompletionsReached', 'Reached expected number of succeeded pods');
    return;
  }
  const left = activeDeadlineSeconds === undefined ? Infinity : millisecondsUntil(startTime, activeDeadlineSeconds);
  if (left <= 0) {
    finish('Failed', 'DeadlineExceeded', 'Job was active longer than specified deadline');
    return;
  }
  const pause = backOffOf(failedPods);
  const missing = Math.min(parallelism, needed - succeeded) - active.length;
  if (pause <= 0) {
    for (let made = 0; made < missing; made += 1) {
      if (!createPod(context, job, template, { generateName: `${name}-`, labels: jobLabels(job) })) break;
    }
  }
  const now = podsOf(context, job).filter(isActive);
  writeStatus(context, job, statusOf(startTime, { ...counts, active: now.length }));
  const waits = [left, missing > 0 && pause > 0 ? pause : Infinity].filter(Number.isFinite);
  return waits.length > 0 ? Math.min(...waits) : undefined;
}

function jobLabels({ metadata }: ApiObject): Record<string, string> {
  const { name, uid } = metadata;
  return {
    'batch.kubernetes.io/job-name': name,
    'batch.kubernetes.io/controller-uid': uid,
    'job-name': name,
    'controller-uid': uid,
  };
}

/** The condition by which a Job has ended, if it has. */
function endOf({ status }: Job): WorkloadCondition | undefined {
  return status?.conditions?.find(
    ({ type, status: is }) => (type === 'Complete' || type === 'Failed') && is === 'True',
  );
}

function removeLater(context: ControllerContext, job: Job, end: WorkloadCondition): number | undefined {
  const { ttlSecondsAfterFinished } = job.spec;
  if (ttlSecondsAfterFinished === undefined) return undefined;
  const left = millisecondsUntil(end.lastTransitionTime, ttlSecondsAfterFinished);
  if (left > 0) return left;
  const { namespace, name } = job.metadata;
  context.registry.delete({ resource: jobs, namespace, name }, { dryRun: false });
  return undefined;
}

function statusOf(startTime: string | undefined, counts: Record<string, number>): JobStatus {
  const { ready = 0, ...others } = counts;
  const seen = Object.entries(others).filter(([, count]) => count > 0);
  return {
    ...(startTime ? { startTime } : {}),
    ...Object.fromEntries(seen),
    ready,
    terminating: 0,
    uncountedTerminatedPods: {},
  };
}

function writeStatus({ store }: ControllerContext, job: Job, status: JobStatus): void {
  if (!isDeepStrictEqual(job.status, status)) store.put(jobs, { ...job, status });
}

function inPhase(phase: string): (pod: Pod) => boolean {
  return pod => pod.status?.phase === phase;
}

function restartsOf(pod: Pod): number {
  return (pod.status?.containerStatuses ?? []).reduce((sum, { restartCount }) => sum + restartCount, 0);
}

function millisecondsUntil(since: string | undefined, seconds: number): number {
  return since === undefined ? Infinity : Date.parse(since) + seconds * 1000 - Date.now();
}

/** How long the next try waits after the last failure: twice as long each time. */
function backOffOf(failed: readonly Pod[]): number {
  const ends = failed.flatMap(pod =>
    (pod.status?.containerStatuses ?? []).map(({ state }) => Date.parse(state.terminated?.finishedAt ?? '') || 0),
  );
  if (ends.length === 0) return 0;
  const pause = Math.min(firstBackOffMilliseconds * 2 ** (failed.length - 1), longestBackOffMilliseconds);
  return Math.max(...ends) + pause - Date.now();
}
