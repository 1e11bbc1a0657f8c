import type { V1ContainerStatus, V1Pod } from '@kubernetes/client-node' with { 'resolution-mode': 'import' };

/** Why a pod does not get ready, in one line; `container` when its log can tell more. */
export interface PodProblem {
  readonly pod: string;
  readonly text: string;
  readonly container?: string;
  /** True when the container ended and started again: then the log that matters is the previous one's. */
  readonly restarted: boolean;
  /** The pod will not get over it without somebody changing something. */
  readonly hopeless: boolean;
}

/** Waiting reasons that are part of every normal start. */
const normal = new Set(['ContainerCreating', 'PodInitializing']);

export function podProblem(pod: V1Pod): PodProblem | undefined {
  const name = pod.metadata?.name ?? '';
  if (pod.metadata?.deletionTimestamp) return undefined;
  const status = pod.status;
  const unscheduled = status?.conditions?.find(one => one.type === 'PodScheduled' && one.status === 'False');
  if (unscheduled) {
    return {
      pod: name,
      text: `${unscheduled.reason ?? 'Unschedulable'}: ${unscheduled.message ?? 'no reason given'}`,
      restarted: false,
      hopeless: false,
    };
  }
  const containers = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
  for (const container of containers) {
    const text = containerProblem(container);
    if (text) {
      return {
        pod: name,
        container: container.name,
        text: `container ${container.name}: ${text}`,
        restarted: container.restartCount > 0,
        hopeless: isHopeless(container),
      };
    }
  }
  const notReady = containers.find(one => !one.ready && one.state?.running);
  if (notReady) {
    return {
      pod: name,
      container: notReady.name,
      text: `container ${notReady.name} runs but is not ready: its readiness probe fails`,
      restarted: false,
      hopeless: false,
    };
  }
  return status?.phase === 'Failed'
    ? {
        pod: name,
        text: `${status.reason ?? 'Failed'}: ${status.message ?? 'no reason given'}`,
        restarted: false,
        hopeless: false,
      }
    : undefined;
}

/** So many ends are no accident any more. */
const hopelessRestarts = 3;

/** An image may appear in its registry and a node may get room; a configuration that is wrong stays wrong. */
function isHopeless({ state, restartCount }: V1ContainerStatus): boolean {
  const reason = state?.waiting?.reason;
  return (
    reason === 'CreateContainerConfigError' ||
    reason === 'InvalidImageName' ||
    (reason === 'CrashLoopBackOff' && restartCount >= hopelessRestarts)
  );
}

function containerProblem(container: V1ContainerStatus): string | undefined {
  const ended = container.lastState?.terminated ?? container.state?.terminated;
  const exit =
    ended && ended.exitCode !== 0 ? `exited with code ${ended.exitCode} (${ended.reason ?? 'Error'})` : undefined;
  const waiting = container.state?.waiting;
  if (waiting?.reason && !normal.has(waiting.reason)) {
    return [waiting.reason, waiting.message, exit].filter(Boolean).join('; ');
  }
  return container.state?.terminated ? exit : undefined;
}
