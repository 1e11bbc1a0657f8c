import type { TaskHost } from '../../lib/host/task-host';
import type { Cluster } from '../../lib/kubernetes/cluster';
import { contentChecksum } from '../../lib/kubernetes/consumers';
import { diagnosePods, waitForRollouts } from '../../lib/kubernetes/rollouts';
import { listWorkloads, workloadName, type Workload } from '../../lib/kubernetes/workloads';
import { TaskError } from '../../lib/task-error';
import type { PlannedWrite } from './config-writes';

/** A workload that reads our objects. */
export interface Consumer {
  readonly workload: Workload;
  /** Checksum of what it reads once everything is written. */
  readonly checksum: string;
  /** It runs with other content than it will read after the write. */
  readonly stale: boolean;
}

/** Everything in the namespace whose pods read one of the planned objects. */
export async function findConsumers(
  cluster: Cluster,
  namespace: string,
  plans: readonly PlannedWrite[],
): Promise<Consumer[]> {
  const workloads = await listWorkloads(cluster, namespace);
  const after = plans.map(plan => plan.after);
  const before = plans.map(plan => plan.before);
  return workloads.flatMap(workload => {
    const checksum = contentChecksum(workload.uses, after);
    if (checksum === undefined) return [];
    // A workload without our checksum has never been restarted by us: it has today's content, unless that changes now
    // or an earlier run changed it and was stopped before the restart.
    const changes = contentChecksum(workload.uses, before) !== checksum;
    const pending = plans.some(plan => plan.restartPending && reads(workload, plan));
    const stale = workload.checksum === undefined ? changes || pending : workload.checksum !== checksum;
    return [{ workload, checksum, stale }];
  });
}

export function reads(workload: Workload, plan: PlannedWrite): boolean {
  return workload.uses.some(use => use.kind === plan.target.kind && use.name === plan.target.name);
}

/**
 * Waits until every consumer runs with the new content.
 * @throws TaskError that says of each workload that does not get there what its pods say
 */
export async function awaitConsumers(
  cluster: Cluster,
  namespace: string,
  consumers: readonly Consumer[],
  timeoutMinutes: number,
  host: TaskHost,
): Promise<void> {
  const workloads = consumers.map(({ workload, checksum }) => ({ ...workload, checksum }));
  let finished = 0;
  const unfinished = await waitForRollouts(cluster, namespace, workloads, {
    timeoutMilliseconds: timeoutMinutes * 60_000,
    clock: host.clock,
    signal: host.signal,
    report: workload => {
      if (workload.rollout.state === 'done') finished += 1;
      host.foreign(`${workloadName(workload)}: ${workload.rollout.text}`);
      host.progress(50 + (45 * finished) / workloads.length, 'Waiting for restarted workloads');
    },
  });
  if (unfinished.length === 0) return;
  const reasons = await Promise.all(unfinished.map(workload => explain(cluster, namespace, workload, host)));
  const late = unfinished.some(one => one.rollout.state === 'waiting');
  throw new TaskError(
    `${unfinished.length} of ${workloads.length} restarted ${workloads.length === 1 ? 'workload does' : 'workloads do'} not run with the new content${late ? ` after ${timeoutMinutes} minutes` : ''}:\n${reasons.join('\n')}\nThe new content is in place and the restart goes on. When the cause is removed, run the task again; it waits for the same restart and starts no new one. kubectl rollout undo brings back the old pods, not the old content.`,
    { code: late ? 'GuardianTimeout' : 'GuardianFailed' },
  );
}

async function explain(cluster: Cluster, namespace: string, workload: Workload, host: TaskHost): Promise<string> {
  const pods = await diagnosePods(cluster, namespace, workload);
  for (const { pod, log, events } of pods) {
    const close = host.group(`${workloadName(workload)}, pod ${pod}`);
    if (events.length > 0) host.foreign(`Warnings:\n${events.join('\n')}`);
    if (log) host.foreign(`Last lines of its log:\n${log}`);
    close();
  }
  const details = pods.map(
    ({ pod, reason, events }) => `pod ${pod}: ${reason}${events.length > 0 ? `; ${events.at(-1) ?? ''}` : ''}`,
  );
  return `${workloadName(workload)}: ${[workload.rollout.text, ...details].join('; ')}`;
}
