import type { EarlyTermination } from '../jobs/job-request';

/** What a trial logged of the primary metric, one value an interval, and whether it still runs. */
export interface TrialMetric {
  values: number[];
  isRunning: boolean;
}

/**
 * Whether a policy ends a trial that has just logged its newest value. Each value of the primary metric counts as one interval; the policy is
 * applied at every multiple of `evaluationInterval` from `delayEvaluation` on. `all` holds every trial of the sweep, this one as well.
 * Source of the rules: docs, how-to-tune-hyperparameters, "Early termination policies".
 */
export function endsTrial(
  policy: EarlyTermination,
  goal: 'Minimize' | 'Maximize',
  trial: TrialMetric,
  all: TrialMetric[],
): boolean {
  const interval = trial.values.length;
  if (interval === 0 || interval < policy.delayEvaluation || interval % policy.evaluationInterval !== 0) return false;
  // Larger is better from here on.
  const sign = goal === 'Maximize' ? 1 : -1;
  const upTo = (other: TrialMetric): number[] => other.values.slice(0, interval).map(value => value * sign);
  const best = (other: TrialMetric): number => Math.max(...upTo(other));
  const compared = all.filter(other => other.values.length > 0);
  const own = best(trial);
  switch (policy.policyType) {
    case 'Bandit': {
      const leader = Math.max(...compared.map(best));
      const { slackAmount = 0, slackFactor = 0 } = policy;
      if (slackAmount > 0) return own < leader - slackAmount;
      // 0.8 and a factor of 0.2 allow 0.8 / 1.2 when maximizing, 0.8 * 1.2 when minimizing.
      return own < (leader >= 0 ? leader / (1 + slackFactor) : leader * (1 + slackFactor));
    }
    case 'MedianStopping': {
      const averages = compared.map(other => mean(upTo(other)));
      return own < median(averages);
    }
    case 'TruncationSelection': {
      // Trials that have ended are left out, and those that are not so far yet.
      const peers = compared.filter(other => other.isRunning && other.values.length >= interval);
      const cut = Math.floor((peers.length * (policy.truncationPercentage ?? 0)) / 100);
      const better = peers.filter(other => best(other) > own).length;
      return peers.length - better <= cut;
    }
  }
}

function mean(values: number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}
