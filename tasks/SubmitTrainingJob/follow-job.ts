import { cancelJob, getJob, hasEnded, type Job } from '../../lib/azureml/jobs';
import { LogReader, runDetails, type RunDetails } from '../../lib/azureml/run-history';
import { statusOf } from '../../lib/azureml/service-error';
import type { Workspace } from '../../lib/azureml/workspace';
import type { TaskHost } from '../../lib/host/task-host';
import { TaskError } from '../../lib/task-error';

export interface FollowOptions {
  /** 0 = no limit of the task's own. */
  readonly timeoutMinutes: number;
  readonly onCancel: 'cancel' | 'leave';
}

/** How long status queries may fail in a row before the task gives up; the job itself goes on. */
const patienceMilliseconds = 10 * 60_000;
/** The agent kills the task 10 s after a cancellation: what has to be said by then is sent and seen within this. */
const cancelMilliseconds = 4_000;
const tailLines = 30;

/** Streams the job's log until it ends. Resolves when it is Completed; any other end is a failure with its reason. */
export async function followJob(workspace: Workspace, job: Job, options: FollowOptions, host: TaskHost): Promise<Job> {
  const log = new JobLog(workspace, job.name, host);
  const began = host.clock.now().getTime();
  let current = job;
  let failingSince: number | undefined;
  try {
    while (true) {
      const now = host.clock.now().getTime();
      try {
        const next = await getJob(workspace, job.name, host.signal);
        if (!next) throw new TaskError(`Job ${job.name} is gone: somebody deleted it.`);
        if (next.status !== current.status) host.info(`Job ${job.name} is ${next.status}.`);
        current = next;
        await log.printNew();
        failingSince = undefined;
      } catch (error) {
        failingSince = toleratedSince(error, failingSince, now, job.name, host);
      }
      if (failingSince === undefined && hasEnded(current.status)) break;
      if (options.timeoutMinutes > 0 && now - began > options.timeoutMinutes * 60_000) {
        await cancelAndSay(workspace, job.name, host);
        throw new TaskError(
          `Job ${job.name} did not end within ${options.timeoutMinutes} minutes (timeoutInMinutes), so it was cancelled; its last status was ${current.status}.`,
        );
      }
      await host.clock.sleep(pollMilliseconds(now - began), host.signal);
    }
  } catch (error) {
    if (host.signal.aborted) await onCancellation(workspace, job.name, options, host);
    throw error;
  }
  await log.finish();
  if (current.status === 'Completed') return current;
  throw failure(job.name, current.status, log);
}

/** Every second at first, so that a short job is not waited for; every ten seconds after some minutes. */
function pollMilliseconds(elapsed: number): number {
  return Math.min(10_000, Math.max(1_000, elapsed / 20));
}

/** When queries began to fail. Throws when waiting on cannot help, or has not helped for long enough. */
function toleratedSince(error: unknown, since: number | undefined, now: number, job: string, host: TaskHost): number {
  const status = statusOf(error instanceof TaskError ? error.cause : error);
  const transient =
    !host.signal.aborted &&
    (status === undefined
      ? !(error instanceof TaskError) || error.cause !== undefined
      : status === 429 || status >= 500);
  if (!transient) throw error;
  const message = error instanceof Error ? error.message : String(error);
  if (since !== undefined && now - since > patienceMilliseconds) {
    throw new TaskError(
      `Lost sight of job ${job}: its status could not be read for ${patienceMilliseconds / 60_000} minutes. It may still run; run this stage again to follow it. The last failure: ${message}`,
      { cause: error },
    );
  }
  if (since === undefined) host.warn(`The status of job ${job} cannot be read at the moment; trying on. ${message}`);
  return since ?? now;
}

async function onCancellation(
  workspace: Workspace,
  job: string,
  { onCancel }: FollowOptions,
  host: TaskHost,
): Promise<void> {
  if (onCancel === 'leave') host.info(`Job ${job} goes on, as onCancel says.`);
  else await cancelAndSay(workspace, job, host);
}

/** Cancels the job and waits as long as the agent allows to see it end. Says what was done; never throws. */
async function cancelAndSay(workspace: Workspace, job: string, host: TaskHost): Promise<void> {
  const limit = AbortSignal.timeout(cancelMilliseconds);
  try {
    await cancelJob(workspace, job, limit);
    let status = 'CancelRequested';
    while (!hasEnded(status) && status !== 'Finalizing') {
      status = (await getJob(workspace, job, limit))?.status ?? 'Canceled';
      if (!hasEnded(status)) await host.clock.sleep(500, limit);
    }
    host.info(
      status === 'Canceled' ? `Job ${job} was cancelled.` : `Job ${job} was too far to be cancelled: it is ${status}.`,
    );
  } catch (error) {
    if (limit.aborted) host.info(`Job ${job} was asked to cancel; its end was not seen any more.`);
    else
      host.warn(
        `Job ${job} could not be cancelled and may still run: cancel it in the studio. ${error instanceof Error ? error.message : String(error)}`,
      );
  }
}

function failure(job: string, status: string, log: JobLog): TaskError {
  const { error } = log.details ?? {};
  const reason = error ? ` The service says${error.code ? ` ${error.code}` : ''}: ${error.message.trim()}` : '';
  const tail =
    log.tail.length > 0
      ? `\nThe log ends with:\n${log.tail.map(line => `    ${line}`).join('\n')}`
      : '\nIt has no log: it ended before its command began.';
  return new TaskError(
    `Job ${job} ended ${status}.${reason}${tail}\n${nextStep(status, `${reason}\n${log.tail.join('\n')}`)}`,
  );
}

/** Causes that can be told from the log, most telling first. */
const causes: readonly [RegExp, string][] = [
  [/ModuleNotFoundError|ImportError/, "A Python package is missing: add it to the environment's conda file or image."],
  [
    /CUDA out of memory|OutOfMemoryError|MemoryError|exit code 137|signal SIGKILL/i,
    'The node ran out of memory: lower the batch size or take a larger instance type.',
  ],
  [
    /No such file or directory|FileNotFoundError/,
    'A path is wrong: the command runs in the code folder, and inputs are mounted where ${{inputs.…}} says.',
  ],
  [
    /image build|ImageBuild|pip failed|Could not find a version/i,
    'The environment cannot be built: check its conda file or Dockerfile.',
  ],
];

function nextStep(status: string, text: string): string {
  if (status === 'Canceled')
    return 'Somebody cancelled it outside this pipeline, or its own limits.timeout ran out. Run the stage again for a new try.';
  if (status === 'NotResponding')
    return 'Its node was lost (preempted low-priority nodes are a usual cause). Run the stage again for a new try.';
  return (
    causes.find(([pattern]) => pattern.test(text))?.[1] ??
    'Correct the cause in the training code or its inputs and run the stage again: that makes a new try.'
  );
}

/** The job's log files, printed as they grow. */
class JobLog {
  readonly tail: string[] = [];
  details: RunDetails | undefined;
  private readonly readers = new Map<string, LogReader>();
  private readonly seenWarnings = new Set<string>();

  constructor(
    private readonly workspace: Workspace,
    private readonly job: string,
    private readonly host: TaskHost,
  ) {}

  async printNew(): Promise<void> {
    this.details = await runDetails(this.workspace, this.job);
    for (const warning of this.details.warnings.filter(text => !this.seenWarnings.has(text))) {
      this.seenWarnings.add(warning);
      this.host.warn(warning);
    }
    for (const [name, url] of this.userLogs(this.details)) {
      const reader = this.readers.get(name) ?? new LogReader();
      this.readers.set(name, reader);
      this.print(name, await reader.read(url, this.host.signal));
    }
  }

  /** What came between the last poll and the end, and unfinished last lines. */
  async finish(): Promise<void> {
    await this.printNew();
    for (const [name, reader] of this.readers) this.print(name, reader.end());
  }

  /** `user_logs/std_log.txt`, or one file a node with its rank in the name. */
  private userLogs({ logFiles }: RunDetails): [string, string][] {
    return Object.entries(logFiles)
      .filter(([name]) => /^user_logs\/std_log.*\.txt$/.test(name))
      .sort(([a], [b]) => a.localeCompare(b));
  }

  private print(name: string, lines: string[]): void {
    const prefix = this.readers.size > 1 ? `[${name.replace(/^user_logs\/std_log_?|\.txt$/g, '')}] ` : '';
    for (const line of lines) {
      this.host.foreign(prefix + line);
      this.tail.push(prefix + line);
    }
    this.tail.splice(0, Math.max(0, this.tail.length - tailLines));
  }
}
