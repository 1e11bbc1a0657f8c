import type { CoreV1Event, V1Pod } from '@kubernetes/client-node' with { 'resolution-mode': 'import' };
import type { Cluster } from './cluster';
import type { Attempt } from './kubernetes-error';
import { podProblem } from './pod-problems';
import type { Workload } from './workloads';

/** What a pod says about why it does not get ready. */
export interface PodDiagnosis {
  readonly pod: string;
  readonly reason: string;
  /** It will not get ready without somebody changing something. */
  readonly hopeless: boolean;
  /** The container's last lines; empty when there is no log. */
  readonly log: string;
  /** Warnings of the cluster about this pod, oldest first. */
  readonly events: readonly string[];
}

const logLines = 20;

/**
 * Looks into the new pods of a workload; a part that may not be read is left out, for the rollout's failure is the news.
 * @param annotations what tells the new pods from the old ones
 * @param brief without logs and events
 */
export async function diagnosePods(
  cluster: Cluster,
  namespace: string,
  workload: Workload,
  annotations: Readonly<Record<string, string>>,
  { brief = false }: { brief?: boolean } = {},
): Promise<PodDiagnosis[]> {
  if (workload.selector === '') return [];
  const pods = await orElse<V1Pod[]>([], () => listPods(cluster, namespace, workload));
  const current = pods.filter(pod =>
    Object.entries(annotations).every(([key, value]) => pod.metadata?.annotations?.[key] === value),
  );
  const problems = current.map(podProblem).filter(problem => problem !== undefined);
  return Promise.all(
    problems.map(async ({ pod, text, container, restarted, hopeless }) => ({
      pod,
      reason: text,
      hopeless,
      log: container && !brief ? await logTail(cluster, namespace, pod, container, restarted) : '',
      events: brief ? [] : await warnings(cluster, namespace, pod),
    })),
  );
}

/** The pods that a workload's selector finds. */
export async function listPods(cluster: Cluster, namespace: string, workload: Workload): Promise<V1Pod[]> {
  const attempt: Attempt = { verb: 'list', resource: 'pods', apiGroup: '', namespace };
  const query = { namespace, labelSelector: workload.selector };
  return (await cluster.call(attempt, options => cluster.core.listNamespacedPod(query, options))).items;
}

async function logTail(
  cluster: Cluster,
  namespace: string,
  pod: string,
  container: string,
  previous: boolean,
): Promise<string> {
  const attempt: Attempt = { verb: 'get', resource: 'pods/log', apiGroup: '', namespace, name: pod };
  const read = (ofPrevious: boolean) =>
    orElse('', () =>
      cluster.call(attempt, options =>
        cluster.core.readNamespacedPodLog(
          { namespace, name: pod, container, tailLines: logLines, previous: ofPrevious },
          options,
        ),
      ),
    );
  return (previous ? await read(true) : '') || read(false);
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
