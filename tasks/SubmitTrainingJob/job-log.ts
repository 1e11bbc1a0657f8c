import { hasEnded, type Job } from '../../lib/azureml/jobs';
import { childRuns, type ChildRun, type RunDetails } from '../../lib/azureml/run-history';
import type { Workspace } from '../../lib/azureml/workspace';
import type { TaskHost } from '../../lib/host/task-host';
import { RunLog } from './run-log';

interface Child {
  run: ChildRun;
  readonly log: RunLog;
  isFinished: boolean;
}

/** The log of a job and of all its steps or trials, printed as it grows. */
export class JobLog {
  private readonly own: RunLog;
  private readonly children = new Map<string, Child>();
  private isFailing = false;

  constructor(
    private readonly workspace: Workspace,
    private readonly job: Job,
    private readonly isQuiet: boolean,
    private readonly host: TaskHost,
  ) {
    this.own = new RunLog(workspace, job.name, '', isQuiet, host);
  }

  /** How the job ended by run history; for a pipeline or sweep, how the first of its children that failed ended. */
  get details(): RunDetails | undefined {
    return this.failed?.log.details ?? this.own.details;
  }

  get tail(): readonly string[] {
    return (this.failed?.log ?? this.own).tail;
  }

  /** The step or trial that explains a failure. */
  get failed(): Child | undefined {
    const failed = [...this.children.values()].filter(({ run }) => run.status === 'Failed');
    // Of a pipeline inside the pipeline, the step that failed says more than its parent.
    return failed.find(({ run }) => !run.isParent) ?? failed[0];
  }

  /** Names of the steps' jobs, in the order in which they began. */
  get steps(): readonly string[] {
    return [...this.children.keys()];
  }

  /** What run history says of the job itself now; undefined while it has not heard of it. */
  look(): Promise<RunDetails | undefined> {
    return this.own.look();
  }

  async printNew(): Promise<void> {
    await this.own.printNew();
    await this.printChildren();
  }

  /** What came between the last poll and the end that the last look has told, and unfinished last lines. */
  async finish(): Promise<void> {
    await this.own.finish();
    await this.printChildren();
  }

  private async printChildren(): Promise<void> {
    if (this.job.type === 'Command') return;
    await this.lookForChildren();
    for (const child of this.children.values()) {
      if (child.isFinished || child.run.status === 'NotStarted') continue;
      await child.log.lookAndPrint();
      if (!hasEnded(child.run.status)) continue;
      await child.log.finish();
      child.isFinished = true;
    }
  }

  private async lookForChildren(): Promise<void> {
    try {
      await this.lookBelow(this.job.name, '');
      this.isFailing = false;
    } catch (error) {
      if (this.host.signal.aborted) throw error;
      const message = error instanceof Error ? error.message : String(error);
      if (!this.isFailing)
        this.host.warn(`The steps of job ${this.job.name} cannot be listed at the moment. ${message}`);
      this.isFailing = true;
    }
  }

  private async lookBelow(parent: string, prefix: string): Promise<void> {
    for (const found of await childRuns(this.workspace, parent)) {
      const label = `${prefix}${found.label}`;
      const run = { ...found, label };
      const known = this.children.get(run.id);
      if (known?.run.status !== run.status)
        this.host.info(`${this.job.type === 'Sweep' ? 'Trial' : 'Step'} ${label} is ${run.status}.`);
      if (known) known.run = run;
      else
        this.children.set(run.id, {
          run,
          log: new RunLog(this.workspace, run.id, label, this.isQuiet, this.host),
          isFinished: false,
        });
      if (run.isParent && known?.isFinished !== true) await this.lookBelow(run.id, `${label}/`);
    }
  }
}
