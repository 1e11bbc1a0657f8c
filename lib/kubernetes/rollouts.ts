import type { CoreV1Event, V1Pod } from '@kubernetes/client-node' with { 'resolution-mode': 'import' };
import type { Clock } from '../host/task-host';
import type { Cluster } from './cluster';
import type { Attempt } from './kubernetes-error';
import { podProblem } from './pod-problems';
import { checksumAnnotation, readWorkload, type Workload } from './workloads';

export interface RolloutWait {
  readonly timeoutMilliseconds: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Called when a workload's state changes. */
  report(workload: Workload): void;
}

/** Often at first, because most rollouts are done in seconds. */
function pollDelayMilliseconds(elapsed: number): number {
  return elapsed < 30_000 ? 1000 : 5000;
}

/**
 * Waits for all rollouts at once, until each is done or has failed, or the time is over.
 * @returns the workloads that are not done, as they were last seen
 */
export async function waitForRollouts(
  cluster: Cluster,
  namespace: string,
  workloads: readonly Workload[],
  wait: RolloutWait,
): Promise<Workload[]> {
  const started = wait.clock.now().getTime();
  const shown = new Map<string, string>();
  let open = [...workloads];
  const failed: Workload[] = [];
  while (true) {
    open = await Promise.all(open.map(workload => readWorkload(cluster, namespace, workload)));
    for (const workload of open) {
      const id = `${workload.kind}/${workload.name}`;
      if (shown.get(id) !== workload.rollout.text) wait.report(workload);
      shown.set(id, workload.rollout.text);
    }
    failed.push(...open.filter(workload => workload.rollout.state === 'failed'));
    open = open.filter(workload => workload.rollout.state === 'waiting');
    const elapsed = wait.clock.now().getTime() - started;
    if (open.length === 0 || elapsed >= wait.timeoutMilliseconds) return [...failed, ...open];
    await wait.clock.sleep(pollDelayMilliseconds(elapsed), wait.signal);
  }
}

/** What a pod says about why it does not get ready. */
export interface PodDiagnosis {
  readonly pod: string;
  readonly reason: string;
  /** The container's last lines; empty when there is no log. */
  readonly log: string;
  /** Warnings of the cluster about this pod, oldest first. */
  readonly events: readonly string[];
}

const logLines = 20;

/** Looks into the pods of the new content; a part that may not be read is left out, for the rollout's failure is the news. */
export async function diagnosePods(cluster: Cluster, namespace: string, workload: Workload): Promise<PodDiagnosis[]> {
  const attempt: Attempt = { verb: 'list', resource: 'pods', apiGroup: '', namespace };
  const pods = await orElse<V1Pod[]>([], async () => {
    const query = { namespace, labelSelector: workload.selector };
    return (await cluster.call(attempt, options => cluster.core.listNamespacedPod(query, options))).items;
  });
  const current = pods.filter(pod => pod.metadata?.annotations?.[checksumAnnotation] === workload.checksum);
  const problems = current.map(podProblem).filter(problem => problem !== undefined);
  return Promise.all(
    problems.map(async ({ pod, text, container, restarted }) => ({
      pod,
      reason: text,
      log: container ? await logTail(cluster, namespace, pod, container, restarted) : '',
      events: await warnings(cluster, namespace, pod),
    })),
  );
}

function logTail(
  cluster: Cluster,
  namespace: string,
  pod: string,
  container: string,
  previous: boolean,
): Promise<string> {
  const attempt: Attempt = { verb: 'get', resource: 'pods/log', apiGroup: '', namespace, name: pod };
  const read = (ofPrevious: boolean) =>
    cluster.call(attempt, options =>
      cluster.core.readNamespacedPodLog(
        { namespace, name: pod, container, tailLines: logLines, previous: ofPrevious },
        options,
      ),
    );
  return orElse('', async () => (previous ? orElse('', () => read(true)) : '')).then(
    async text => text || orElse('', () => read(false)),
  );
}

async function warnings(cluster: Cluster, namespace: string, pod: string): Promise<string[]> {
  const attempt: Attempt = { verb: 'list', resource: 'events', apiGroup: '', namespace };
  const query = { namespace, fieldSelector: `involvedObject.name=${pod},type=Warning` };
  const events = await orElse<CoreV1Event[]>(
    [],
    async () => (await cluster.call(attempt, options => cluster.core.listNamespacedEvent(query, options))).items,
  );
  return events
    .filter(event => event.involvedObject.name === pod && event.type === 'Warning')
    .map(event => `${event.reason ?? ''}: ${event.message ?? ''}`)
    .slice(-5);
}

async function orElse<T>(otherwise: T, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch {
    return otherwise;
  }
}
