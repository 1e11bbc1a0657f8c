import { attempt } from '../host/attempt';
import type { TaskHost } from '../host/task-host';
import { TaskError } from '../task-error';
import type { Cluster } from './cluster';
import { checksumOf, type Consumer } from './config-consumers';
import { checksumAnnotation } from './config-marks';
import { readConfig } from './config-object';
import { contentHash, type PlannedPair } from './config-plan';
import type { Attempt } from './kubernetes-error';
import { diagnosePods, listPods } from './pod-diagnosis';
import { podProblem } from './pod-problems';
import { carries, waitForRollouts, type UnfinishedRollout } from './rollouts';
import { changeTemplate, readWorkload, workloadName } from './workloads';

/** Restarts whoever runs with other content, each in one request. */
export async function restartConsumers(
  cluster: Cluster,
  namespace: string,
  consumers: readonly Consumer[],
  { dryRun = false, report }: { dryRun?: boolean; report?: (name: string) => void },
): Promise<void> {
  for (const { workload, annotations, redirections } of consumers.filter(one => one.stale)) {
    await changeTemplate(cluster, namespace, workload, { annotations, redirections, dryRun });
    report?.(workloadName(workload));
  }
}

/** Content that changes again and again has a writer who must be found, not followed. */
const maximumRounds = 5;

/**
 * When another run changed the content between our write and our restarts, our checksums are of content that is not
 * there any more. Reads what is there, and restarts for that: whoever comes last has seen the final content, so that
 * config and pods never end on different sides.
 */
export async function followOthers(
  cluster: Cluster,
  namespace: string,
  plans: readonly PlannedPair[],
  consumers: readonly Consumer[],
  host: TaskHost,
): Promise<void> {
  for (let round = 0; round < maximumRounds; round++) {
    let followed = false;
    for (const plan of plans.filter(one => one.objects.every(object => !object.versioned))) {
      const live = await Promise.all(plan.objects.map(({ target }) => readConfig(cluster, target)));
      const same = (index: number) =>
        contentHash(live[index]?.data ?? new Map()) === contentHash(plan.objects[index]?.after.data ?? new Map());
      if (plan.objects.every((_object, index) => same(index))) continue;
      const name = checksumAnnotation(plan.pair.configMapName);
      for (const consumer of consumers.filter(one => one.workload.kind !== 'CronJob')) {
        const workload = await readWorkload(cluster, namespace, consumer.workload);
        const checksum = checksumOf(workload, plan, live, consumer.ways === '');
        if (checksum === undefined || workload.annotations[name] === checksum) continue;
        await changeTemplate(cluster, namespace, workload, { annotations: { [name]: checksum } });
        host.info(`Restarted ${workloadName(workload)} again: its content was changed by another run`);
        followed = true;
      }
    }
    if (!followed) return;
  }
}

/**
 * A StatefulSet waits for a pod that does not get ready before it replaces it, also when its template is good again:
 * such pods have to be deleted. https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#forced-rollback
 */
export async function replaceStuckPods(
  cluster: Cluster,
  namespace: string,
  consumers: readonly Consumer[],
  host: TaskHost,
): Promise<void> {
  for (const { workload, annotations } of consumers.filter(one => one.workload.kind === 'StatefulSet' && one.stale)) {
    const pods = await listPods(cluster, namespace, workload);
    for (const pod of pods.filter(one => !carries(one, annotations) && podProblem(one))) {
      const name = pod.metadata?.name ?? '';
      const tried: Attempt = { verb: 'delete', resource: 'pods', apiGroup: '', namespace, name };
      await attempt(host, async () => {
        await cluster.call(tried, options => cluster.core.deleteNamespacedPod({ namespace, name }, options));
        host.info(`Deleted pod ${name}: ${workloadName(workload)} replaces it only then`);
      });
    }
  }
}

/**
 * Waits until every consumer runs with the new content.
 * @throws TaskError that says of each workload that does not get there what its pods say
 */
export async function awaitConsumers(
  cluster: Cluster,
  namespace: string,
  consumers: readonly Consumer[],
  timeoutMilliseconds: number,
  host: TaskHost,
): Promise<void> {
  const waited = consumers.filter(({ workload, annotations, stale }) => {
    const ours = Object.keys(annotations).some(name => name in workload.annotations);
    return stale || (ours && workload.rollout.state !== 'done');
  });
  if (waited.length === 0) return;
  let finished = 0;
  const unfinished = await waitForRollouts(cluster, namespace, waited, {
    timeoutMilliseconds,
    clock: host.clock,
    signal: host.signal,
    note: text => host.foreign(text),
    report: workload => {
      if (workload.rollout.state === 'done') finished += 1;
      host.foreign(`${workloadName(workload)}: ${workload.rollout.text}`);
      host.progress(
        50 + (45 * finished) / waited.length,
        `Waiting for restarted workloads, ${finished} of ${waited.length} ready`,
      );
    },
  });
  if (unfinished.length === 0) return;
  const reasons = await Promise.all(unfinished.map(one => explain(cluster, namespace, one, host)));
  const late = unfinished.some(one => one.state === 'waiting');
  throw new TaskError(
    `${unfinished.length} of ${waited.length} restarted ${waited.length === 1 ? 'workload does' : 'workloads do'} not run with the new content${late ? ` after ${timeoutMilliseconds / 60_000} minutes` : ''}:\n${reasons.join('\n')}`,
    { code: late ? 'GuardianTimeout' : 'GuardianFailed' },
  );
}

async function explain(
  cluster: Cluster,
  namespace: string,
  { workload, annotations }: UnfinishedRollout,
  host: TaskHost,
): Promise<string> {
  const pods = await diagnosePods(cluster, namespace, workload, annotations);
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
