import { setTimeout as delay } from 'node:timers/promises';
import type { Container, ContainerStatus, Probe } from './pod-shapes';
import { runProbe, type ProbeTarget } from './probe';

/** How often a container that is not ready yet is probed, so that a rollout here takes no longer than the program needs. */
const startProbeMilliseconds = 200;

export interface ProbedContainer extends ProbeTarget {
  /** Ends the probing. */
  signal: AbortSignal;
  isReady: () => boolean;
  set: (change: Partial<Pick<ContainerStatus, 'ready' | 'started'>>) => void;
  /** Ends the process, which is then started again by the pod's restart policy. */
  kill: () => void;
  event: (type: 'Normal' | 'Warning', reason: string, message: string) => void;
}

/** Runs a container's startup probe until it succeeds, then readiness and liveness side by side, until the signal. */
export async function runProbes(container: Container, probed: ProbedContainer): Promise<void> {
  const { startupProbe, readinessProbe, livenessProbe, name } = container;
  const restart = (kind: string): void => {
    probed.event('Normal', 'Killing', `Container ${name} failed ${kind} probe, will be restarted`);
    probed.kill();
  };
  try {
    if (startupProbe && !(await repeat('Startup', startupProbe, probed, () => true))) {
      restart('startup');
      return;
    }
    probed.set({ started: true, ...(readinessProbe ? {} : { ready: true }) });
    const readiness = (probe: Probe): Promise<boolean> =>
      repeat('Readiness', probe, probed, ok => {
        if (probed.isReady() !== ok) probed.set({ ready: ok });
        return false;
      });
    const liveness = (probe: Probe): Promise<boolean> =>
      repeat('Liveness', probe, probed, ok => {
        if (!ok) restart('liveness');
        return !ok;
      });
    await Promise.all([readinessProbe && readiness(readinessProbe), livenessProbe && liveness(livenessProbe)]);
  } catch (error) {
    if (!probed.signal.aborted) throw error;
  }
}

/** Probes at its period and tells `isLast` of every result that its thresholds make; ends when that gives true, with that result. */
async function repeat(
  kind: 'Startup' | 'Readiness' | 'Liveness',
  probe: Probe,
  target: ProbedContainer,
  isLast: (ok: boolean) => boolean,
): Promise<boolean> {
  const { signal, event } = target;
  const period = (probe.periodSeconds ?? 10) * 1000;
  let [successes, failures, succeeded] = [0, 0, false];
  await delay((probe.initialDelaySeconds ?? 0) * 1000, undefined, { signal });
  const began = Date.now();
  for (;;) {
    const failure = await runProbe(probe, target);
    signal.throwIfAborted();
    [successes, failures] = failure === undefined ? [successes + 1, 0] : [0, failures + 1];
    const starting = !succeeded && kind !== 'Liveness';
    // A program that is still starting is asked more often than a kubelet would; what counts are the kubelet's periods.
    const counted = starting ? Math.floor((Date.now() - began) / period) : failures;
    if (failure !== undefined && counted > 0) event('Warning', 'Unhealthy', `${kind} probe failed: ${failure}`);
    if (failure === undefined && successes >= (probe.successThreshold ?? 1)) {
      succeeded = true;
      if (isLast(true)) return true;
    } else if (failure !== undefined && counted >= (probe.failureThreshold ?? 3)) {
      if (isLast(false)) return false;
    }
    await delay(starting && !succeeded ? Math.min(period, startProbeMilliseconds) : period, undefined, { signal });
  }
}
