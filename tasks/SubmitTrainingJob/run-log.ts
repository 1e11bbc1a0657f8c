import { blobReader, LogReader, runDetails, type RunDetails } from '../../lib/azureml/run-history';
import type { Workspace } from '../../lib/azureml/workspace';
import type { TaskHost } from '../../lib/host/task-host';
import { MetricWatch } from './metric-watch';

/** Lines of the log's end that a failure's message quotes. */
const tailLines = 15;
/** A running job's log is read no more often; its status may be. */
const readMilliseconds = 1_000;

/** The log files of one run, printed as they grow with its metrics, and what run history says of its end. */
export class RunLog {
  readonly tail: string[] = [];
  details: RunDetails | undefined;
  private readonly readers = new Map<string, LogReader>();
  private readonly seenWarnings = new Set<string>();
  private readonly metrics: MetricWatch;
  private isFailing = false;
  private readAt = -Infinity;

  /**
   * @param label put before each line, to tell the steps of a pipeline apart; empty for a job by itself
   * @param isQuiet keeps the tail for a failure's message, and prints nothing
   */
  constructor(
    private readonly workspace: Workspace,
    private readonly run: string,
    private readonly label: string,
    private readonly isQuiet: boolean,
    private readonly host: TaskHost,
  ) {
    this.metrics = new MetricWatch(workspace, run, label === '' ? '' : `[${label}] `, host);
  }

  /** What run history says of the run now; undefined while it has not heard of it. */
  async look(): Promise<RunDetails | undefined> {
    const details = await runDetails(this.workspace, this.run);
    if (!details) return undefined;
    this.details = details;
    for (const warning of details.warnings.filter(text => !this.seenWarnings.has(text))) {
      this.seenWarnings.add(warning);
      this.host.warn(warning);
    }
    return details;
  }

  /** Prints what was added to the files that the last look found. */
  printNew(): Promise<void> {
    const now = this.host.clock.now().getTime();
    if (now - this.readAt < readMilliseconds) return Promise.resolve();
    this.readAt = now;
    return this.tolerantly(async () => {
      await this.readFiles();
      await this.metrics.printNew();
    });
  }

  /** Looks by itself and prints what was added, for a step or trial of the job that is followed. */
  lookAndPrint(): Promise<void> {
    return this.tolerantly(async () => {
      await this.look();
      await this.readFiles();
      await this.metrics.printNew();
    });
  }

  /** What came between the last poll and the end that the last look has told, and unfinished last lines. */
  async finish(): Promise<void> {
    await this.tolerantly(() => this.readFiles());
    for (const [name, reader] of this.readers) this.print(name, reader.end());
  }

  /** A log that cannot be read is no reason to lose sight of the job: it is said once. */
  private async tolerantly(read: () => Promise<void>): Promise<void> {
    try {
      await read();
      this.isFailing = false;
    } catch (error) {
      if (this.host.signal.aborted) throw error;
      const message = error instanceof Error ? error.message : String(error);
      if (!this.isFailing) this.host.warn(`The log of job ${this.run} cannot be read at the moment. ${message}`);
      this.isFailing = true;
    }
  }

  private async readFiles(): Promise<void> {
    for (const [name, url] of this.details ? userLogs(this.details) : []) {
      const reader = this.readers.get(name) ?? new LogReader();
      this.readers.set(name, reader);
      this.print(name, await reader.read(blobReader(url, this.host)));
    }
  }

  private print(name: string, lines: string[]): void {
    const node = name.replace(/^user_logs\/std_log_?|\.txt$/g, '') || '0';
    const labels = [this.label, this.readers.size > 1 ? node : ''].filter(Boolean);
    const prefix = labels.length > 0 ? `[${labels.join(' ')}] ` : '';
    for (const line of lines) {
      if (!this.isQuiet) this.host.foreign(prefix + line);
      this.tail.push(prefix + line);
    }
    this.tail.splice(0, Math.max(0, this.tail.length - tailLines));
  }
}

/** `user_logs/std_log.txt`, or one file a node with its rank in the name; ranks in order. */
function userLogs({ logFiles }: RunDetails): [string, string][] {
  return Object.entries(logFiles)
    .filter(([name]) => /^user_logs\/std_log.*\.txt$/.test(name))
    .sort(([a], [b]) => a.localeCompare(b, 'en', { numeric: true }));
}
