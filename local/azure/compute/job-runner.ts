import { rm } from 'node:fs/promises';
import type { JobFailure, JobRecord, JobStatus } from '../jobs/job-record';
import { isoDurationSeconds } from './iso-duration';
import { fillCommand } from './job-command';
import { jobEnvironment } from './job-environment';
import {
  bringCode,
  bringInputs,
  makeFolders,
  outputValues,
  takeOutputs,
  type JobFiles,
  type JobFolders,
} from './job-files';
import { JobLog } from './job-log';
import { runProcesses, type ProcessesEnd } from './job-processes';
import { bringPython, type NodePython } from './job-python';
import { registerOutputs } from './output-assets';

export interface JobEnd {
  status: 'Completed' | 'Failed' | 'Canceled';
  error?: JobFailure;
}

export interface JobRun extends JobFiles {
  setStatus(status: JobStatus): void;
  /** Waits until the job's nodes are free. @returns what gives them back */
  takeNodes(): Promise<() => void>;
}

/**
 * Runs one command job to its end, in the service's order: the environment is prepared, the job waits for its nodes, they bring code and inputs and
 * run the command with its output in `user_logs`, and `outputs`, `logs` and the named outputs are kept.
 * @throws Error when the node's own work fails; JobError when what the job asked for is at fault
 */
export async function runJob(o: JobRun): Promise<JobEnd> {
  o.setStatus('Starting');
  o.setStatus('Preparing');
  const python = await bringPython(o);
  o.signal.throwIfAborted();
  o.setStatus('Queued');
  const release = await o.takeNodes();
  try {
    return await runOnNodes(o, python);
  } finally {
    release();
  }
}

async function runOnNodes(o: JobRun, python: NodePython): Promise<JobEnd> {
  const folders = await makeFolders(o);
  try {
    o.signal.throwIfAborted();
    o.setStatus('Running');
    const [inputs] = await Promise.all([bringInputs(o, folders), bringCode(o, folders)]);
    o.signal.throwIfAborted();
    const ran = await runCommand(o, folders, inputs, python);
    const end = endOf(o, ran);
    if (end.status !== 'Canceled') o.setStatus('Finalizing');
    await takeOutputs(o, folders);
    if (end.status === 'Completed') registerOutputs(o);
    return end;
  } finally {
    await rm(folders.root, { recursive: true, force: true });
  }
}

async function runCommand(
  o: JobRun,
  folders: JobFolders,
  inputs: Record<string, string>,
  python: NodePython,
): Promise<ProcessesEnd> {
  const { job, request, context } = o;
  const outputs = outputValues(o, folders);
  const isLiteral = (name: string): boolean => request.inputs[name]?.jobInputType === 'literal';
  const timeout = request.limits?.timeout;
  return runProcesses({
    request,
    command: fillCommand(request.command, { inputs, outputs, search_space: job.searchSpace ?? {} }),
    environment: await jobEnvironment({
      job,
      request,
      context,
      experimentId: o.parts.runs.ensureExperiment(request.experimentName).id,
      rootRun: rootOf(job, o).name,
      literals: only(inputs, isLiteral),
      inputPaths: only(inputs, name => !isLiteral(name)),
      outputPaths: outputs,
      python,
      temporaryFolder: folders.temporary,
    }),
    work: folders.work,
    timeoutSeconds: timeout ? isoDurationSeconds(timeout) : undefined,
    signal: o.signal,
    openLog: path =>
      JobLog.open(context.blobs, job.name, path, error =>
        context.log(`Job ${job.name}: log not written: ${String(error)}`),
      ),
  });
}

function rootOf(job: JobRecord, o: JobRun): JobRecord {
  const parent = job.parent && o.parts.jobs.get(job.parent.job);
  return parent ? rootOf(parent, o) : job;
}

function only(values: Record<string, string>, wanted: (name: string) => boolean): Record<string, string> {
  return Object.fromEntries(Object.entries(values).filter(([name]) => wanted(name)));
}

function endOf(o: JobRun, { exit, timedOut, log, logPath }: ProcessesEnd): JobEnd {
  if (o.signal.aborted) return { status: 'Canceled' };
  if (timedOut) {
    return {
      status: 'Canceled',
      error: {
        code: 'UserError',
        message: `The job was canceled because it ran longer than its limits.timeout of ${o.request.limits?.timeout ?? ''}.`,
      },
    };
  }
  if (exit.code === 0) return { status: 'Completed' };
  // A shell gives 128 + the signal's number; a process that a signal ended has no code of its own.
  const how = exit.code === null ? `was ended by ${String(exit.signal)}` : `exited with status code ${exit.code}`;
  const tail = log.tail.trimEnd().split('\n').slice(-10).join('\n');
  return {
    status: 'Failed',
    error: {
      code: 'UserError',
      message: `Execution failed. User process 'bash' ${how}. Please check log file '${logPath}' for error details. Error: ${tail}`,
      messageFormat:
        "Execution failed. User process '{ProcessName}' exited with status code {StatusCode}. Please check log file '{LogFile}' for error details. Error: {Error}",
      messageParameters: {
        ProcessName: 'bash',
        StatusCode: String(exit.code ?? exit.signal),
        LogFile: logPath,
        Error: tail,
      },
      innerCode: 'BadArgument',
    },
  };
}
