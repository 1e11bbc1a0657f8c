import type { Deployment } from './workload-shapes';

/** What the step of a rolling update has to know of one ReplicaSet. */
export interface Replicas {
  /** Wanted number of pods. */
  wanted: number;
  available: number;
}

/**
 * The next step of a rolling update by the Deployment controller's rules: never more than replicas + maxSurge pods,
 * never fewer than replicas - maxUnavailable available ones.
 * @param old the older ReplicaSets, oldest first
 * @returns the numbers of pods to be wanted next
 */
export function nextStep(
  replicas: number,
  limits: { surge: number; unavailable: number },
  current: Replicas,
  old: readonly Replicas[],
): { current: number; old: number[] } {
  const total = [current, ...old].reduce((sum, one) => sum + one.wanted, 0);
  let wanted = current.wanted;
  if (wanted > replicas) wanted = replicas;
  else wanted += Math.max(0, Math.min(replicas + limits.surge - total, replicas - wanted));

  const leastAvailable = replicas - limits.unavailable;
  const unavailableNew = current.wanted - current.available;
  // First what is not available anyway: that takes nothing away from anybody.
  let removable = Math.max(0, total - leastAvailable - unavailableNew);
  let left = old.map(one => {
    const broken = Math.min(one.wanted - one.available, removable);
    removable -= Math.max(0, broken);
    return one.wanted - Math.max(0, broken);
  });
  const availableNow = [current, ...old].reduce((sum, one) => sum + one.available, 0);
  let spare = Math.max(0, availableNow - leastAvailable);
  left = left.map(count => {
    const less = Math.min(count, spare);
    spare -= less;
    return count - less;
  });
  return { current: wanted, old: left };
}

/** maxSurge (rounded up) and maxUnavailable (rounded down) as numbers of pods; never both 0, for then nothing could move. */
export function rollingLimits({ replicas, strategy }: Deployment['spec']): { surge: number; unavailable: number } {
  const surge = share(strategy.rollingUpdate?.maxSurge ?? '25%', replicas, Math.ceil);
  const unavailable = share(strategy.rollingUpdate?.maxUnavailable ?? '25%', replicas, Math.floor);
  return surge === 0 && unavailable === 0 ? { surge, unavailable: 1 } : { surge, unavailable };
}

/** A number of pods as it is given: itself, or a percentage of `of`. */
export function share(value: number | string, of: number, round: (value: number) => number): number {
  return typeof value === 'number' ? value : round((Number.parseFloat(value) / 100) * of);
}
