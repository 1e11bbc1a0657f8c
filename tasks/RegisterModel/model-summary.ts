import type { Candidate } from './candidate';

/** Markdown for the run's summary page. */
export function modelSummary(isNew: boolean, { digest, from, metrics }: Candidate): string {
  const origin = from ? ` from job ${from.job.name}` : '';
  const rows = Object.entries(metrics).map(
    // Metric names are the training code's: they must not break out of their cell.
    ([name, value]) => `| ${name.replace(/[|\\`*_<>[\]]/g, '\\$&')} | ${Number(value.toPrecision(6))} |`,
  );
  return [
    `${isNew ? 'New version' : 'Unchanged: this content was registered before'}${origin}. Digest ${digest ? `\`${digest}\`` : 'not known: the content of a URI is not read'}.`,
    rows.length === 0 ? '' : ['| metric | value |', '|---|---|', ...rows].join('\n'),
  ]
    .filter(Boolean)
    .join('\n\n');
}
