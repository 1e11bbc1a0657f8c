import { markdownTable } from '../../lib/host/markdown';
import { gateRows } from '../../lib/release/gate-report';
import { confusion } from '../../lib/release/golden-metrics';
import { labelled, type JudgedGolden } from './analysis';
import type { GoldenResult } from './golden-set';
import type { RollOutStep } from './roll-out';

/** Markdown: the gates, the numbers, and which labels are mixed up. */
export function goldenSummary(results: readonly GoldenResult[], { gates, sample }: JudgedGolden): string {
  const withLabel = labelled(results);
  const replayed = results.filter(({ label, champion }) => label === undefined && champion !== undefined);
  return [
    `${withLabel.length} cases of a golden set, ${results.length - withLabel.length} replayed requests.`,
    markdownTable(['gate', 'verdict', 'why'], gateRows(gates)),
    markdownTable(
      ['measure', 'value'],
      Object.entries(sample.candidate).map(([name, value]) => [name, String(Number(value.toPrecision(4)))]),
    ),
    confusionPicture('right label \\ answer', withLabel),
    confusionPicture(
      "champion's answer \\ answer",
      replayed.map(({ champion, candidate }) => ({ row: champion?.label, column: candidate.label })),
    ),
  ]
    .filter(Boolean)
    .join('\n\n');
}

/** From none of a row's cases to all of them. */
const shades = ['', '░', '▒', '▓', '█'] as const;

/** A table in which each count is shaded by its share of the row: wherever Markdown is shown, it is shown as well. */
function confusionPicture(corner: string, pairs: Parameters<typeof confusion>[0]): string {
  const { labels, counts } = confusion(pairs);
  return markdownTable(
    [corner, ...labels],
    labels.map((label, row) => {
      const cells = counts[row] ?? [];
      const sum = cells.reduce((all, count) => all + count, 0);
      const shade = (count: number): string => shades[count === 0 ? 0 : Math.ceil((count / sum) * 4)] ?? '';
      return [label, ...cells.map(count => `${count} ${shade(count)}`.trim())];
    }),
  );
}

/** The cases that the new deployment got wrong, or where it differs from the champion. */
export function mismatches(results: readonly GoldenResult[]): readonly GoldenResult[] {
  return results.filter(
    ({ label, candidate, champion }) =>
      (label === undefined ? candidate.label === undefined : candidate.label !== label) ||
      (champion !== undefined && champion.label !== candidate.label),
  );
}

/** Markdown: how each step went. */
export function rolloutSummary(steps: readonly Pick<RollOutStep, 'percent' | 'gates'>[]): string {
  const rows = steps.flatMap(({ percent, gates }) =>
    gates.length === 0 ? [[`${percent} %`, '', '', '']] : gateRows(gates).map(row => [`${percent} %`, ...row]),
  );
  return markdownTable(['traffic', 'gate', 'verdict', 'why'], rows);
}
