import { markdownTable } from '../../lib/host/markdown';
import { gateRows } from '../../lib/release/gate-report';
import type { GateResult } from '../../lib/release/gates';
import { confusion, goldenMetrics } from '../../lib/release/golden-metrics';
import { judgements } from './analysis';
import type { GoldenResult } from './golden-set';
import type { RollOutStep } from './roll-out';

/** Markdown: the gates, the numbers, and which labels are mixed up. */
export function goldenSummary(results: readonly GoldenResult[], gates: readonly GateResult[]): string {
  const cases = judgements(results);
  const numbers = goldenMetrics(
    cases,
    results.some(({ champion }) => champion !== undefined),
  );
  const { labels, counts } = confusion(cases);
  return [
    `${results.length} cases.`,
    markdownTable(['gate', 'verdict', 'why'], gateRows(gates)),
    markdownTable(
      ['measure', 'value'],
      Object.entries(numbers).map(([name, value]) => [name, String(Number(value.toPrecision(4)))]),
    ),
    markdownTable(
      ['right label \\ answer', ...labels],
      labels.map((label, row) => [label, ...(counts[row] ?? []).map(String)]),
    ),
  ]
    .filter(Boolean)
    .join('\n\n');
}

/** The cases that the new deployment got wrong, or where it differs from the champion. */
export function mismatches(results: readonly GoldenResult[]): readonly GoldenResult[] {
  return results.filter(
    ({ label, candidate, champion }) =>
      candidate.label !== label || (champion !== undefined && champion.label !== candidate.label),
  );
}

/** Markdown: how each step went. */
export function rolloutSummary(steps: readonly RollOutStep[]): string {
  const rows = steps.flatMap(({ percent, gates }) =>
    gates.length === 0 ? [[`${percent} %`, '', '', '']] : gateRows(gates).map(row => [`${percent} %`, ...row]),
  );
  return markdownTable(['traffic', 'gate', 'verdict', 'why'], rows);
}
