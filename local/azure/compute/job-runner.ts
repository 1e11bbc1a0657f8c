import { join } from 'node:path';
import { rm } from 'node:fs/promises';
import { start, type ChildExit } from '../../processes';
import { artifactPrefix } from '../assets/data-uri';
import type { JobStatus } from '../jobs/job-record';
import { artifactContainer } from '../workspace/datastores';
import { condaRequirements } from './conda-requirements';
import { isoDurationSeconds } from './iso-duration';
import { fillCommand } from './job-command';
import { jobEnvironment } from './job-environment';
import { bringCode, bringInputs, makeFolders, takeOutputs, type JobFiles, type JobFolders } from './job-files';
import { JobError } from './job-error';
import { JobLog } from './job-log';

export interface JobEnd {
  status: 'Completed' | 'Failed' | 'Canceled';
  error?: { code: string; message: string };
}

interface JobRun extends JobFiles {
  setStatus(status: JobStatus): void;
}

/** SIGTERM to SIGKILL when a job is canceled. */
const cancelGraceMilliseconds = 3000;

/**
 * Runs one command job from Preparing to its end: brings code and inputs to the node, makes the Python environment, runs the command with its
 * output in `user_logs/std_log.txt`, brings back `outputs`, `logs` and the named outputs.
 * @throws Error when the node's own work fails: the job then ends as Failed with a ServiceError
 */
export async function runJob(o: JobRun): Promise<JobEnd> {
  const { job, context } = o;
  const folders = await makeFolders(context, job);
  const log = new JobLog(
    await context.blobs.appendBlob(artifactContainer, `${artifactPrefix(job.name)}user_logs/std_log.txt`),
    error => context.log(`Job ${job.name}: log not written: ${String(error)}`),
  );
  try {
    o.setStatus('Preparing');
    const [inputPaths, pythonBin] = await Promise.all([bringInputs(o, folders), bringPython(o), bringCode(o, folders)]);
    if (o.signal.aborted) return { status: 'Canceled' };
    o.setStatus('Running');
    const ran = await runCommand(o, folders, inputPaths, pythonBin, log);
    o.setStatus('Finalizing');
    await log.close();
    await takeOutputs(o, folders);
    return endOf(o, ran, log);
  } finally {
    await log.close();
    await rm(folders.root, { recursive: true, force: true });
  }
}

interface CommandRan {
  exit: ChildExit;
  timedOut: boolean;
}

async function runCommand(
  o: JobRun,
  folders: JobFolders,
  inputPaths: Record<string, string>,
  pythonBin: string,
  log: JobLog,
): Promise<CommandRan> {
  const { job, context } = o;
  const outputPaths = Object.fromEntries(
    Object.keys(job.request.outputs).map(name => [name, join(folders.outputs, name)]),
  );
  const timeoutSeconds = job.request.limits?.timeout ? isoDurationSeconds(job.request.limits.timeout) : undefined;
  const env = await jobEnvironment({
    job,
    context,
    experimentId: o.parts.runs.ensureExperiment(job.request.experimentName).id,
    inputPaths,
    outputPaths,
    pythonBin,
    temporaryFolder: folders.temporary,
  });
  const child = start('bash', ['-c', fillCommand(job.request.command, { ...inputPaths }, outputPaths)], {
    cwd: folders.work,
    env,
    endWithParent: true,
  });
  child.stdout.on('data', (chunk: Buffer) => log.write(chunk));
  child.stderr.on('data', (chunk: Buffer) => log.write(chunk));
  let timedOut = false;
  const end = (): void => void child.kill(cancelGraceMilliseconds);
  const timer =
    timeoutSeconds === undefined
      ? undefined
      : setTimeout(
          () => {
            timedOut = true;
            end();
          },
          // Longer than setTimeout can wait would fire at once.
          Math.min(timeoutSeconds * 1000, 2 ** 31 - 1),
        );
  if (o.signal.aborted) end();
  o.signal.addEventListener('abort', end, { once: true });
  try {
    return { exit: await child.exit, timedOut };
  } finally {
    clearTimeout(timer);
    o.signal.removeEventListener('abort', end);
    await child.kill(cancelGraceMilliseconds);
  }
}

function endOf(o: JobRun, { exit, timedOut }: CommandRan, log: JobLog): JobEnd {
  if (o.signal.aborted) return { status: 'Canceled' };
  if (timedOut) {
    return {
      status: 'Canceled',
      error: {
        code: 'UserError',
        message: `The job was canceled because it ran longer than its limits.timeout of ${o.job.request.limits?.timeout ?? ''}.`,
      },
    };
  }
  if (exit.code === 0) return { status: 'Completed' };
  const how = exit.code === null ? `was ended by ${String(exit.signal)}` : `exited with status code ${exit.code}`;
  const tail = log.tail.trimEnd().split('\n').slice(-10).join('\n');
  return {
    status: 'Failed',
    error: {
      code: 'UserError',
      message: `Execution failed. User process 'bash' ${how}. Please check log file 'user_logs/std_log.txt' for error details. Error: ${tail}`,
    },
  };
}

/** Turns the job's environment into a Python; its log goes to azureml-logs, as the image build's does on Azure. @returns the folder for PATH */
async function bringPython(o: JobRun): Promise<string> {
  const { job, context } = o;
  const environment = context.environments.find(job.request.environmentId);
  if (!environment) throw new Error(`The environment ${job.request.environmentId} is no longer there.`);
  if (environment.properties.build) {
    throw new JobError(
      `The environment ${environment.name}:${environment.version} has a build context. Local compute runs jobs in a Python environment made from a conda file; use an image with a conda file.`,
    );
  }
  const path = `${artifactPrefix(job.name)}azureml-logs/20_image_build_log.txt`;
  const log = new JobLog(await context.blobs.appendBlob(artifactContainer, path), error =>
    context.log(`Job ${job.name}: build log not written: ${String(error)}`),
  );
  try {
    const requirements = condaRequirements(environment.properties.condaFile);
    const { binDir, reused } = await o.parts.preparePython({
      requirements,
      cacheDir: context.cacheDir,
      log: line => {
        log.line(line);
        context.log(`Job ${job.name}: ${line}`);
      },
      signal: o.signal,
    });
    if (requirements.length > 0) context.noteUse('the Python environment of the training jobs', reused);
    return binDir;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    log.line(why);
    throw new JobError(
      `Image build failed: the environment ${environment.name}:${environment.version} could not be made. For more details, check log file azureml-logs/20_image_build_log.txt. ${why}`,
      { cause: error },
    );
  } finally {
    await log.close();
  }
}
