import { jobMetrics } from '../../lib/azureml/metrics';
import type { Workspace } from '../../lib/azureml/workspace';
import type { TaskHost } from '../../lib/host/task-host';

/** Metrics are asked for much less often than the log: each question is a request of its own. */
const intervalMilliseconds = 15_000;

/** Prints a running job's metrics as they change. */
export class MetricWatch {
  private known: Readonly<Record<string, number>> = {};
  private asked: number;

  constructor(
    private readonly workspace: Workspace,
    private readonly run: string,
    private readonly prefix: string,
    private readonly host: TaskHost,
  ) {
    this.asked = host.clock.now().getTime();
  }

  async printNew(): Promise<void> {
    const now = this.host.clock.now().getTime();
    if (now - this.asked < intervalMilliseconds) return;
    this.asked = now;
    const { last } = await jobMetrics(this.workspace, this.run);
    const changed = Object.entries(last).filter(([name, value]) => !Object.is(this.known[name], value));
    this.known = last;
    if (changed.length > 0) this.host.foreign(`${this.prefix}Metrics: ${metricText(Object.fromEntries(changed))}`);
  }
}

/** `val_accuracy 0.93, val_loss 0.21` */
export function metricText(metrics: Readonly<Record<string, number>>): string {
  return Object.entries(metrics)
    .map(([name, value]) => `${name} ${Number(value.toPrecision(4))}`)
    .join(', ');
}
