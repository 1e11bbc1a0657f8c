import { attempt } from '../host/attempt';
import type { TaskHost } from '../host/task-host';
import { bounded, reportLimits, reportType, type BuildReport } from '../release/build-report';

/** What a task says of its own: the rest is filled in here. */
export type ReportContent = Omit<BuildReport, 'schemaVersion' | 'recordedAt'>;

/** Attaches a report to the run, where the tab "Guardian ML" finds it. What cannot be attached is a warning. */
export async function publishReport(content: ReportContent, host: TaskHost): Promise<BuildReport> {
  const report = bounded({ schemaVersion: 1, ...content, recordedAt: host.clock.now().toISOString() });
  const text = JSON.stringify(report);
  await attempt(host, async () => {
    if (Buffer.byteLength(text) > reportLimits.bytes)
      throw new Error(`The report on ${report.subject} is too large for the tab Guardian ML and left out of it.`);
    await host.attach(reportType, `${fileName(`${report.task} ${report.subject}`)}.json`, text);
  });
  return report;
}

/** Two reports of one step must not have one name: the later would replace the earlier one. */
function fileName(text: string): string {
  return text.replace(/[^A-Za-z0-9.]+/g, '-').slice(0, 120);
}
