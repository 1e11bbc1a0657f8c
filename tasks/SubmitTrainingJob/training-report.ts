import { publishReport } from '../../lib/devops/publish-report';
import type { TaskHost } from '../../lib/host/task-host';
import { reportGates, reportLink } from '../../lib/release/build-report';
import { verdictOf } from '../../lib/release/gates';
import type { JobFacts } from './job-summary';

/** For the tab: how the training went, with its curves. */
export async function reportTraining({ job, metrics, curves, gates }: JobFacts, host: TaskHost): Promise<void> {
  await publishReport(
    {
      task: 'SubmitTrainingJob',
      subject: `Training job ${job.name}`,
      headline: `${job.name} in experiment ${job.experimentName}: ${job.status}`,
      ...(gates.length > 0 ? { verdict: verdictOf(gates) } : {}),
      facts: [
        { name: 'job', value: job.name },
        { name: 'experiment', value: job.experimentName },
        { name: 'status', value: job.status },
      ],
      metrics: Object.entries(metrics).map(([name, value]) => ({
        name,
        value,
        history: (curves[name] ?? []).map(point => [point.step, point.value] as const),
      })),
      gates: reportGates(gates),
      links: reportLink('Job in the studio', job.studioUrl),
    },
    host,
  );
}
