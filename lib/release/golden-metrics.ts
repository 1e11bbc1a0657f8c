/** What two deployments said to a case; undefined where one had no answer. */
export interface Judgement {
  /** The right answer; undefined for a replayed request, of which nobody has said it. */
  readonly label: string | undefined;
  readonly candidate: string | undefined;
  readonly champion: string | undefined;
  readonly milliseconds: number;
}

/**
 * The numbers of a golden set: `accuracy`; `goldenErrors`, the share without an answer; `goldenP95`, milliseconds. Of replayed requests:
 * `replayErrors` and `replayP95`. Of both: `agreement`, the share of cases where both deployments say the same, and `agreementLow`, the lower end of
 * its 95 % confidence interval. What there were no cases for is left out.
 */
export function goldenMetrics(cases: readonly Judgement[], hasChampion: boolean): Record<string, number> {
  const [labelled, replayed] = [cases.filter(hasLabel), cases.filter(one => !hasLabel(one))];
  const agreement = shareOf(cases, ({ candidate, champion }) => candidate !== undefined && candidate === champion);
  return {
    ...(labelled.length > 0
      ? {
          accuracy: shareOf(labelled, ({ candidate, label }) => candidate === label),
          goldenErrors: shareOf(labelled, ({ candidate }) => candidate === undefined),
          goldenP95: p95Of(labelled),
        }
      : {}),
    ...(replayed.length > 0
      ? { replayErrors: shareOf(replayed, ({ candidate }) => candidate === undefined), replayP95: p95Of(replayed) }
      : {}),
    ...(hasChampion ? { agreement, agreementLow: lowerBound(agreement, cases.length) } : {}),
  };
}

function hasLabel({ label }: Judgement): boolean {
  return label !== undefined;
}

function shareOf(cases: readonly Judgement[], matches: (one: Judgement) => boolean): number {
  return cases.filter(matches).length / cases.length;
}

function p95Of(cases: readonly Judgement[]): number {
  return percentile(
    cases.map(({ milliseconds }) => milliseconds),
    0.95,
  );
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

/**
 * How often each answer of `row` met each answer of `column`, for people to see which labels are mixed up. An `undefined` is shown as `no answer`.
 */
export function confusion(
  pairs: readonly { readonly row: string | undefined; readonly column: string | undefined }[],
): {
  labels: string[];
  counts: number[][];
} {
  const named = pairs.map(({ row = noAnswer, column = noAnswer }) => ({ row, column }));
  const labels = [...new Set(named.flatMap(({ row, column }) => [row, column]))].sort();
  const counts = labels.map(row =>
    labels.map(column => named.filter(one => one.row === row && one.column === column).length),
  );
  return { labels, counts };
}

const noAnswer = 'no answer';
