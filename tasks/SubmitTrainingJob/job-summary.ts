import type { Job } from '../../lib/azureml/jobs';
import type { JobBody } from './job-body/job-body';

/** Markdown for the run's summary page: the job, its parameters, its metrics. */
export function jobSummary(job: Job, body: JobBody, metrics: Readonly<Record<string, number>>): string {
  const parameters = Object.entries(body.inputs ?? {}).flatMap(([name, input]) =>
    input.value === undefined ? [] : [[name, input.value] as const],
  );
  const values = Object.entries(metrics).map(([name, value]) => [name, String(Number(value.toPrecision(6)))] as const);
  const link = job.studioUrl ? `[${job.name}](${job.studioUrl})` : job.name;
  return [
    `${link} in experiment ${cell(job.experimentName)}: **${job.status}**`,
    table('parameter', parameters),
    table('metric', values),
  ]
    .filter(Boolean)
    .join('\n\n');
}

function table(head: string, rows: readonly (readonly [string, string])[]): string {
  if (rows.length === 0) return '';
  const lines = rows.map(([name, value]) => `| ${cell(name)} | ${cell(value)} |`);
  return [`| ${head} | value |`, '|---|---|', ...lines].join('\n');
}

/** Names and values are others' text: they must not break out of their cell. */
function cell(text: string): string {
  return text.replace(/\s+/g, ' ').replace(/[|\\`*_<>[\]]/g, character => `\\${character}`);
}
