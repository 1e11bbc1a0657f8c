import { blobReader, LogReader, runDetails, type RunDetails } from '../../lib/azureml/run-history';
import type { Workspace } from '../../lib/azureml/workspace';
import type { TaskHost } from '../../lib/host/task-host';

/** Lines of the log's end that a failure's message quotes. */
const tailLines = 15;

/** The job's log files, printed as they grow, and what run history says of its end. */
export class JobLog {
  readonly tail: string[] = [];
  details: RunDetails | undefined;
  private readonly readers = new Map<string, LogReader>();
  private readonly seenWarnings = new Set<string>();
  private isFailing = false;

  constructor(
    private readonly workspace: Workspace,
    private readonly job: string,
    private readonly host: TaskHost,
  ) {}

  /** Prints what was added. A log that cannot be read is no reason to lose sight of the job: it is said once. */
  async printNew(): Promise<void> {
    try {
      await this.readNew();
      this.isFailing = false;
    } catch (error) {
      if (this.host.signal.aborted) throw error;
      const message = error instanceof Error ? error.message : String(error);
      if (!this.isFailing) this.host.warn(`The log of job ${this.job} cannot be read at the moment. ${message}`);
      this.isFailing = true;
    }
  }

  /** What came between the last poll and the end, and unfinished last lines. */
  async finish(): Promise<void> {
    await this.printNew();
    for (const [name, reader] of this.readers) this.print(name, reader.end());
  }

  private async readNew(): Promise<void> {
    this.details = await runDetails(this.workspace, this.job);
    for (const warning of this.details.warnings.filter(text => !this.seenWarnings.has(text))) {
      this.seenWarnings.add(warning);
      this.host.warn(warning);
    }
    for (const [name, url] of userLogs(this.details)) {
      const reader = this.readers.get(name) ?? new LogReader();
      this.readers.set(name, reader);
      this.print(name, await reader.read(blobReader(url, this.host)));
    }
  }

  private print(name: string, lines: string[]): void {
    const prefix = this.readers.size > 1 ? `[${name.replace(/^user_logs\/std_log_?|\.txt$/g, '') || '0'}] ` : '';
    for (const line of lines) {
      this.host.foreign(prefix + line);
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
