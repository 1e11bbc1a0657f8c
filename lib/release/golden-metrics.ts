/** What two deployments said to a case whose right label is known; undefined where one had no answer. */
export interface Judgement {
  readonly label: string;
  readonly candidate: string | undefined;
  readonly champion: string | undefined;
  readonly milliseconds: number;
}

/**
 * The numbers of a golden set: `accuracy`; `agreement`, the share of cases where both deployments say the same, and `agreementLow`, the
 * lower end of its 95 % confidence interval; `goldenErrors`, the share without an answer; `goldenP95`, milliseconds.
 */
export function goldenMetrics(cases: readonly Judgement[], hasChampion: boolean): Record<string, number> {
  const share = (matches: (one: Judgement) => boolean): number => cases.filter(matches).length / cases.length;
  const agreement = share(({ candidate, champion }) => candidate !== undefined && candidate === champion);
  return {
    accuracy: share(({ candidate, label }) => candidate === label),
    goldenErrors: share(({ candidate }) => candidate === undefined),
    goldenP95: percentile(
      cases.map(({ milliseconds }) => milliseconds),
      0.95,
    ),
    ...(hasChampion ? { agreement, agreementLow: lowerBound(agreement, cases.length) } : {}),
  };
}

/** Lower end of the Wilson score interval at 95 %. https://en.wikipedia.org/wiki/Binomial_proportion_confidence_interval#Wilson_score_interval */
function lowerBound(share: number, count: number): number {
  const z = 1.96;
  const centre = share + (z * z) / (2 * count);
  const spread = z * Math.sqrt((share * (1 - share) + (z * z) / (4 * count)) / count);
  return Math.max(0, (centre - spread) / (1 + (z * z) / count));
}

function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? NaN;
}

/** How often each right label (row) got each answer (column), for people to see which labels are mixed up. */
export function confusion(cases: readonly Judgement[]): { labels: string[]; counts: number[][] } {
  const labels = [...new Set(cases.flatMap(({ label, candidate }) => [label, candidate ?? 'no answer']))].sort();
  const counts = labels.map(row =>
    labels.map(
      column => cases.filter(({ label, candidate }) => label === row && (candidate ?? 'no answer') === column).length,
    ),
  );
  return { labels, counts };
}
