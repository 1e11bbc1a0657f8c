import type { V1Pod } from '@kubernetes/client-node' with { 'resolution-mode': 'import' };
import type { Clock } from '../host/task-host';
import type { Cluster } from './cluster';
import { isOutage } from './kubernetes-error';
import { diagnosePods, listPods } from './pod-diagnosis';
import { readWorkload, workloadName, type Workload } from './workloads';

export interface RolloutWait {
  readonly timeoutMilliseconds: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Called when a workload's state changes. */
  report(workload: Workload): void;
  /** Called with what is worth a line in the log meanwhile: a pod's trouble, an API server that is away. */
  note(text: string): void;
}

/** A workload and the annotations that tell its new pods from the old ones. */
export interface AwaitedWorkload {
  readonly workload: Workload;
  readonly annotations: Readonly<Record<string, string>>;
}

/** A workload that did not get there, as it was last seen, and what its pods will not get over. */
export interface UnfinishedRollout extends AwaitedWorkload {
  readonly state: 'failed' | 'waiting';
}

/** Often at first, because most rollouts are done in seconds. */
function pollDelayMilliseconds(elapsed: number): number {
  return elapsed < 3000 ? 300 : elapsed < 30_000 ? 1000 : 5000;
}

/** How often the pods of a rollout that takes its time are looked at. */
const lookMilliseconds = 500;

/** For so long a pod must stay in a state that it cannot leave by itself: a kubelet may see new content a moment late. */
const hopelessMilliseconds = 1500;

/**
 * Waits for all rollouts at once, until each is done or has failed, or the time is over. A rollout has failed when its
 * Deployment says so, or when a pod of it stays in a state that it cannot leave by itself. An API server that
 * is away is waited for.
 */
export async function waitForRollouts(
  cluster: Cluster,
  namespace: string,
  workloads: readonly AwaitedWorkload[],
  wait: RolloutWait,
): Promise<UnfinishedRollout[]> {
  const { clock } = wait;
  const started = clock.now().getTime();
  const pods = new PodWatch(cluster, namespace, wait);
  const shown = new Map<string, string>();
  let open = [...workloads];
  const failed: AwaitedWorkload[] = [];
  let away = false;
  while (true) {
    const elapsed = clock.now().getTime() - started;
    try {
      open = await Promise.all(
        open.map(async one => ({ ...one, workload: await readWorkload(cluster, namespace, one.workload) })),
      );
      for (const { workload } of open) {
        const id = workloadName(workload);
        if (shown.get(id) !== workload.rollout.text) wait.report(workload);
        shown.set(id, workload.rollout.text);
      }
      const stuck = await pods.stuck(
        open.filter(({ workload }) => workload.rollout.state === 'waiting'),
        elapsed,
      );
      const isFailed = (one: AwaitedWorkload) => one.workload.rollout.state === 'failed' || stuck.includes(one);
      failed.push(...open.filter(isFailed));
      open = open.filter(one => one.workload.rollout.state === 'waiting' && !isFailed(one));
      away = false;
    } catch (error) {
      if (!isOutage(error)) throw error;
      if (!away) wait.note(`The API server does not answer; waiting for it. ${(error as Error).message}`);
      away = true;
    }
    if (open.length === 0 || elapsed >= wait.timeoutMilliseconds) {
      return [
        ...failed.map(one => ({ ...one, state: 'failed' as const })),
        ...open.map(one => ({ ...one, state: 'waiting' as const })),
      ];
    }
    await clock.sleep(pollDelayMilliseconds(elapsed), wait.signal);
  }
}

/** Looks at the pods of slow rollouts now and then, and remembers what it has seen. */
class PodWatch {
  #lastLook = 0;
  readonly #noted = new Set<string>();
  /** Since when, by pod. */
  readonly #hopeless = new Map<string, number>();

  constructor(
    private readonly cluster: Cluster,
    private readonly namespace: string,
    private readonly wait: RolloutWait,
  ) {}

  /** The rollouts of which a pod has been in a state for a while that it cannot leave by itself. */
  async stuck(open: readonly AwaitedWorkload[], elapsed: number): Promise<AwaitedWorkload[]> {
    if (elapsed - this.#lastLook < lookMilliseconds) return [];
    this.#lastLook = elapsed;
    const found: AwaitedWorkload[] = [];
    for (const one of open) {
      const name = workloadName(one.workload);
      const pods = await diagnosePods(this.cluster, this.namespace, one.workload, one.annotations, { brief: true });
      for (const { pod, reason, hopeless } of pods) {
        const text = `${name}, pod ${pod}: ${reason}`;
        if (!this.#noted.has(text)) this.wait.note(text);
        this.#noted.add(text);
        const since = hopeless ? (this.#hopeless.get(pod) ?? elapsed) : elapsed;
        if (hopeless) this.#hopeless.set(pod, since);
        else this.#hopeless.delete(pod);
        if (elapsed - since >= hopelessMilliseconds && !found.includes(one)) found.push(one);
      }
    }
    return found;
  }
}

/**
 * Waits until no pod of these workloads is left that was started before the change, also none that is still ending:
 * only then nobody uses the old content any more.
 * @returns the names of the old pods that are still there when the time is over
 */
export async function waitForOldPods(
  cluster: Cluster,
  namespace: string,
  workloads: readonly AwaitedWorkload[],
  wait: Pick<RolloutWait, 'timeoutMilliseconds' | 'clock' | 'signal' | 'note'>,
): Promise<string[]> {
  const started = wait.clock.now().getTime();
  let noted = false;
  while (true) {
    const pods = await Promise.all(
      workloads
        .filter(({ workload }) => workload.selector !== '')
        .map(async ({ workload, annotations }) => {
          const all = await listPods(cluster, namespace, workload);
          return all.filter(pod => isActive(pod) && !carries(pod, annotations));
        }),
    );
    const old = pods.flat().map(pod => pod.metadata?.name ?? '');
    if (old.length === 0) return [];
    if (wait.clock.now().getTime() - started >= wait.timeoutMilliseconds) return old;
    if (!noted) wait.note(`Waiting for old pods to end: ${old.join(', ')}`);
    noted = true;
    await wait.clock.sleep(500, wait.signal);
  }
}

function isActive(pod: V1Pod): boolean {
  return pod.status?.phase !== 'Succeeded' && pod.status?.phase !== 'Failed';
}

/** True when a pod was made from a template with these annotations. */
export function carries(pod: V1Pod, annotations: Readonly<Record<string, string>>): boolean {
  return Object.entries(annotations).every(([key, value]) => pod.metadata?.annotations?.[key] === value);
}
