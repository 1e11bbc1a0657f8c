import { markdownTable } from '../../lib/host/markdown';
import { gateRows } from '../../lib/release/gate-report';
import type { GateResult } from '../../lib/release/gates';
import type { Candidate } from './candidate';

const headlines = {
  new: 'New version',
  unchanged: 'Unchanged: this content was registered before',
  refused: 'Not registered: the gates do not let it through',
};

/** Markdown for the run's summary page. */
export function modelSummary(
  outcome: keyof typeof headlines,
  { digest, from, metrics }: Candidate,
  gates: readonly GateResult[],
  shared?: string,
): string {
  const origin = from ? `, from job ${from.job.name}` : '';
  const values = Object.entries(metrics).map(([name, value]) => [name, String(Number(value.toPrecision(6)))]);
  return [
    `${headlines[outcome]}${origin}. Digest ${digest ? `\`${digest}\`` : 'not known: the content behind an address is not read'}.`,
    shared === undefined ? '' : `In the registry: \`${shared}\`.`,
    markdownTable(['gate', 'verdict', 'why'], gateRows(gates)),
    markdownTable(['metric', 'value'], values),
  ]
    .filter(Boolean)
    .join('\n\n');
}
