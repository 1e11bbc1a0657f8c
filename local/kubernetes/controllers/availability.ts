import type { ApiObject } from '../objects/api-object';
import { readySince } from '../pods/pod-shapes';

/**
 * The pods that have been ready for `minReadySeconds`.
 * @returns recheckMilliseconds: when the next one will have been, if there is one
 */
export function availability<T extends ApiObject>(
  pods: readonly T[],
  minReadySeconds = 0,
): { available: T[]; recheckMilliseconds: number | undefined } {
  const now = Date.now();
  const wait = (pod: T): number => (readySince(pod) ?? Infinity) + minReadySeconds * 1000 - now;
  const open = pods.map(wait).filter(milliseconds => milliseconds > 0 && milliseconds < Infinity);
  return {
    available: pods.filter(pod => wait(pod) <= 0),
    recheckMilliseconds: open.length > 0 ? Math.min(...open) : undefined,
  };
}
