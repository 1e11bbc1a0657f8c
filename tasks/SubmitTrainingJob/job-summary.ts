import type { Job } from '../../lib/azureml/jobs';
import type { MetricPoint } from '../../lib/azureml/metrics';
import { markdownTable, markdownText } from '../../lib/host/markdown';
import { gateRows } from '../../lib/release/gate-report';
import type { GateResult } from '../../lib/release/gates';

export interface JobFacts {
  readonly job: Job;
  readonly metrics: Readonly<Record<string, number>>;
  /** Values over the steps, of the metrics that have more than one. */
  readonly curves: Readonly<Record<string, readonly MetricPoint[]>>;
  readonly gates: readonly GateResult[];
}

/** Markdown for the run's summary page: the job, its gates, its metrics with their curves, its parameters. */
export function jobSummary({ job, metrics, curves, gates }: JobFacts): string {
  const link = job.studioUrl ? `[${job.name}](${job.studioUrl})` : job.name;
  return [
    `${link} in experiment ${markdownText(job.experimentName)}: **${job.status}**`,
    markdownTable(['gate', 'verdict', 'why'], gateRows(gates)),
    markdownTable(
      ['metric', 'last value', 'over the steps'],
      Object.entries(metrics).map(([name, value]) => [name, String(Number(value.toPrecision(6))), curve(curves[name])]),
    ),
    markdownTable(
      ['input', 'value'],
      Object.entries(job.inputs).map(([name, value]) => [name, value]),
    ),
  ]
    .filter(Boolean)
    .join('\n\n');
}

const blocks = '▁▂▃▄▅▆▇█';
const curveWidth = 24;

/** A curve that any Markdown page shows, because it is text: lowest value to highest, in steps of an eighth. */
function curve(points: readonly MetricPoint[] = []): string {
  const values = points.map(({ value }) => value).filter(Number.isFinite);
  if (values.length < 2) return '';
  const least = Math.min(...values);
  const range = Math.max(...values) - least || 1;
  const columns = Math.min(curveWidth, values.length);
  return Array.from({ length: columns }, (_, column) => {
    const value = values[Math.round((column * (values.length - 1)) / (columns - 1))] ?? least;
    return blocks[Math.round(((value - least) / range) * (blocks.length - 1))];
  }).join('');
}
