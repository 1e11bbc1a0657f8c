import { getJob, hasEnded, type Job } from '../../lib/azureml/jobs';
import { codeOf } from '../../lib/azureml/service-error';
import type { Workspace } from '../../lib/azureml/workspace';
import type { TaskHost } from '../../lib/host/task-host';
import { TaskError, type ErrorCode } from '../../lib/task-error';
import { cancelAndSay, cancelGraceMilliseconds } from './cancel-job';
import { JobLog } from './job-log';

export interface FollowOptions {
  /** 0 = no limit of the task's own. */
  readonly timeoutMinutes: number;
  readonly onCancel: 'cancel' | 'leave';
  /** Without the job's own log. */
  readonly quiet: boolean;
}

export interface EndedJob {
  readonly job: Job;
  readonly log: JobLog;
}

/** How long status queries may fail in a row before the task gives up; the job itself goes on. */
const patienceMilliseconds = 10 * 60_000;
/** Nobody is waiting with a knife when a time limit has run out: the end of the cancelled job is worth seeing. */
const timeoutCancelMilliseconds = 60_000;
/** Failures of a status query that waiting does not mend. */
const permanent = new Set<ErrorCode>(['GuardianNotFound', 'GuardianForbidden', 'GuardianInput', 'GuardianDefect']);

/** Streams the job's log until the job ends, however it ends. A cancellation of the pipeline cancels the job as well. */
export async function followJob(
  workspace: Workspace,
  job: Job,
  options: FollowOptions,
  host: TaskHost,
): Promise<EndedJob> {
  try {
    return await follow(workspace, job, options, host);
  } catch (error) {
    if (host.signal.aborted) {
      if (options.onCancel === 'leave') host.info(`Job ${job.name} goes on, as onCancel says.`);
      else await cancelAndSay(workspace, job.name, cancelGraceMilliseconds, host);
    }
    throw error;
  }
}

async function follow(workspace: Workspace, job: Job, options: FollowOptions, host: TaskHost): Promise<EndedJob> {
  const log = new JobLog(workspace, job, options.quiet, host);
  const began = host.clock.now().getTime();
  let [status, changed] = [job.status, began];
  let failingSince: number | undefined;
  if (!hasEnded(status)) {
    report(job.name, status, host);
    await host.clock.sleep(pollMilliseconds(0), host.signal);
  }
  while (true) {
    const now = host.clock.now().getTime();
    try {
      const next = await statusOf(workspace, job.name, log, host);
      if (hasEnded(next)) {
        const ended = { ...(await readJob(workspace, job.name, host)), status: next };
        await log.finish();
        // The end is told after the last lines of the log.
        report(job.name, next, host);
        return { job: ended, log };
      }
      if (next !== status) {
        report(job.name, next, host);
        changed = now;
      }
      status = next;
      failingSince = undefined;
    } catch (error) {
      failingSince = toleratedSince(error, failingSince, now, job.name, host);
    }
    await log.printNew();
    if (options.timeoutMinutes > 0 && now - began >= options.timeoutMinutes * 60_000) {
      await cancelAndSay(workspace, job.name, timeoutCancelMilliseconds, host);
      throw new TaskError(
        `Job ${job.name} did not end within ${options.timeoutMinutes} minutes (timeoutInMinutes), so it was cancelled; its last status was ${status}. Raise the limit or make the job shorter.`,
        { code: 'GuardianTimeout' },
      );
    }
    await host.clock.sleep(pollMilliseconds(now - changed), host.signal);
  }
}

/** One request tells status and log files; only of a job that run history has not heard of yet the ARM resource is asked. */
async function statusOf(workspace: Workspace, name: string, log: JobLog, host: TaskHost): Promise<string> {
  const { status } = (await log.look()) ?? (await readJob(workspace, name, host));
  // The service says Unknown when it has lost contact with the node; that is not an end, but must not last for ever.
  if (status === 'Unknown') throw new TaskError(`The service does not know the status of job ${name}.`);
  return status;
}

async function readJob(workspace: Workspace, name: string, host: TaskHost): Promise<Job> {
  const job = await getJob(workspace, name, host.signal);
  if (!job) throw new TaskError(`Job ${name} is gone: somebody deleted it.`, { code: 'GuardianNotFound' });
  return job;
}

/** Every half second at first and after a change, so that a short job is not waited for; every ten seconds after two minutes. */
function pollMilliseconds(unchanged: number): number {
  return Math.min(10_000, Math.max(500, unchanged / 10));
}

/** When queries began to fail. Throws when waiting on cannot help, or has not helped for long enough. */
function toleratedSince(error: unknown, since: number | undefined, now: number, job: string, host: TaskHost): number {
  const code = codeOf(error);
  if (host.signal.aborted || code === undefined || permanent.has(code)) throw error;
  const message = error instanceof Error ? error.message : String(error);
  if (since !== undefined && now - since > patienceMilliseconds) {
    throw new TaskError(
      `Lost sight of job ${job}: its status could not be read for ${patienceMilliseconds / 60_000} minutes. It may still run; run this stage again to follow it. The last failure: ${message}`,
      { code: 'GuardianTimeout', cause: error },
    );
  }
  if (since === undefined) host.warn(`The status of job ${job} cannot be read at the moment; trying on. ${message}`);
  return since ?? now;
}

/** How far a job is by its status, in percent: the service tells no more than that. */
const percentAt: Readonly<Record<string, number>> = {
  NotStarted: 1,
  Starting: 2,
  Provisioning: 5,
  Preparing: 10,
  Queued: 15,
  Running: 20,
  Finalizing: 95,
  CancelRequested: 95,
  Completed: 100,
};

function report(name: string, status: string, host: TaskHost): void {
  host.info(`Job ${name} is ${status}.`);
  const percent = percentAt[status];
  if (percent !== undefined) host.progress(percent, `${name}: ${status}`);
}
