import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { runScript } from '../agent/run-script';
import { runStep, runTaskHandler } from '../agent/run-step';
import { StepContext } from '../agent/step-context';
import type { TaskDefinition } from '../agent/task-definition';
import { isSuccess } from '../agent/task-result';
import { downloadArtifacts, publishArtifact } from './artifact-steps';
import { evaluate } from './expressions/evaluate';
import { objectValue, toBoolean } from './expressions/values';
import { copySources } from './git-source';
import type { Step } from './model';
import type { RunContext } from './run-context';
import type { RunningJob } from './run-job';
import type { StepRun } from './run-record';
import { runtimeContext, type RunStatus } from './runtime-context';

const unrestricted = { restrictedMode: false, settableVariables: undefined };

/** Runs one step of a job, or skips it by its condition. Never rejects: what goes wrong is the step's result. */
export async function runJobStep(running: RunningJob, step: Step, position: number): Promise<StepRun> {
  const { run, plan, context: job } = running;
  const task = step.kind === 'task' ? run.tasks.find(step.task) : undefined;
  const kind = step.kind === 'task' ? step.task : step.kind === 'script' ? step.shell : step.kind;
  const displayName = job.variables.expand(step.displayName);
  const recordName = `${String(position).padStart(2, '0')}-${(step.name || displayName).replace(/[^\w.-]+/g, '-').slice(0, 60)}`;
  const jobFolder = [plan.job.name, plan.leg].filter(part => part !== undefined).join('.');
  const log = join('logs', plan.stage.name, jobFolder, `${recordName}.log`);
  const prefix = linePrefix(running);
  const context = new StepContext(
    job,
    {
      // A step without a name can set outputs too; nobody can refer to them.
      refName: step.name || `step${position}`,
      recordName: join(plan.stage.name, jobFolder, recordName),
      displayName,
      outputNames: task?.outputNames ?? [],
      restrictions: task?.restrictions ?? unrestricted,
    },
    line => {
      run.records.log(log, line);
      run.onLine(`${prefix}${line}`);
    },
  );
  const record = (started: Date | undefined): StepRun => ({
    name: step.name,
    displayName,
    task: kind,
    result: context.result ?? 'Succeeded',
    outputs: context.outputs,
    issues: context.issues,
    startedAt: started?.toISOString(),
    finishedAt: started && new Date().toISOString(),
    seconds: started === undefined ? 0 : (Date.now() - started.getTime()) / 1000,
    exitCode: context.exitCode,
    log,
  });

  job.variables.recalculate().forEach(warning => context.warning(warning));
  for (const [name, value] of Object.entries({
    'Agent.JobStatus': running.cancellation.isCanceled ? 'Canceled' : (running.result ?? 'Succeeded'),
    'System.TaskInstanceId': randomUUID(),
    'System.TaskInstanceName': step.name,
    'System.TaskDisplayName': displayName,
    'Task.DisplayName': displayName,
  })) {
    job.variables.set({ name, value, isReadOnly: true });
  }

  const shouldRun = (): boolean => conditionHolds(running, step);
  try {
    if (running.cancellation.hardSignal.aborted || !shouldRun()) {
      context.debug(`Skipping step due to condition evaluation: ${step.condition?.text ?? 'succeeded()'}`);
      context.result = 'Skipped';
      return record(undefined);
    }
  } catch (error) {
    context.error(error instanceof Error ? error.message : String(error));
    context.result = 'Failed';
    return record(undefined);
  }

  const started = new Date();
  const event = {
    stage: plan.stage.name,
    job: jobFolder,
    step: displayName,
    name: step.name,
    task: kind,
    record: context.identity.recordName,
  };
  run.onEvent({ type: 'stepStarted', ...event });
  context.output(`##[section]Starting: ${displayName}`);
  if (task) writeTaskHeader(task, line => run.records.log(log, line));
  const stop = new AbortController();
  const stopHard = (): void => stop.abort();
  running.cancellation.hardSignal.addEventListener('abort', stopHard, { once: true });
  const unlisten = running.cancellation.onCancel(() => {
    job.variables.set({ name: 'Agent.JobStatus', value: 'Canceled' });
    if (running.cancellation.reason) context.error(running.cancellation.reason);
    // A step that is to run in spite of a cancellation goes on.
    if (shouldRun()) return;
    context.error('The Operation will be canceled. The next steps may not contain expected logs.');
    stop.abort();
  });
  await runStep(
    context,
    {
      signal: stop.signal,
      ...(step.timeoutInMinutes > 0 ? { timeoutMs: step.timeoutInMinutes * run.time.minute } : {}),
      retries: step.retryCount,
      second: run.time.second,
    },
    signal => work(running, context, step, task, signal),
  );
  unlisten();
  running.cancellation.hardSignal.removeEventListener('abort', stopHard);
  if (context.result === 'Failed' && step.continueOnError) context.result = 'SucceededWithIssues';
  context.output(`##[section]Finishing: ${displayName}`);
  const done = record(started);
  run.onEvent({ type: 'stepFinished', ...event, result: done.result, seconds: done.seconds });
  return done;
}

function conditionHolds(running: RunningJob, step: Step): boolean {
  const { context, cancellation } = running;
  const status: RunStatus = {
    canceled: cancellation.isCanceled,
    results: () => [running.result ?? 'Succeeded'],
  };
  if (step.condition === undefined) return !cancellation.isCanceled && isSuccess(running.result);
  const variables = objectValue(context.variables.all().map(({ name, value }) => [name, value]));
  return toBoolean(evaluate(step.condition.expression, runtimeContext.ofStepCondition(variables, status)));
}

async function work(
  running: RunningJob,
  context: StepContext,
  step: Step,
  task: TaskDefinition | undefined,
  signal: AbortSignal,
): Promise<void> {
  const { run, context: job } = running;
  switch (step.kind) {
    case 'task': {
      if (task === undefined) throw new Error(`There is no task ${step.task}.`);
      const root = job.variables.get('Build.SourcesDirectory') ?? '.';
      const { inputs, env } = step;
      await runTaskHandler(context, { task, inputs, env, root, nodePath: run.nodePath }, signal);
      return;
    }
    case 'script':
      await runScript(context, step, signal);
      return;
    case 'checkout':
      await checkout(running, context, step);
      return;
    case 'artifact':
      await downloadRepository(running, context, step.alias);
      return;
    case 'publish':
      publishArtifact(context, step);
      return;
    case 'download':
      downloadArtifacts(context, step);
  }
}

async function checkout(
  { run, context: job }: RunningJob,
  context: StepContext,
  step: Extract<Step, { kind: 'checkout' }>,
): Promise<void> {
  if (step.repository === 'none') return;
  const folder = join(job.variables.get('Agent.BuildDirectory') ?? '.', step.path);
  for (const name of ['Build.SourcesDirectory', 'Build.Repository.LocalPath', 'System.DefaultWorkingDirectory']) {
    job.variables.set({ name, value: folder });
  }
  await copyRepository(run, context, folder);
}

/** A repository as an artifact of a release does not move the working directory. */
async function downloadRepository(
  { run, context: job }: RunningJob,
  context: StepContext,
  alias: string,
): Promise<void> {
  await copyRepository(run, context, join(job.variables.get('System.DefaultWorkingDirectory') ?? '.', alias));
}

async function copyRepository(run: RunContext, context: StepContext, folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const count = await copySources(run.project.sourcesDir, folder);
  context.output(
    count === undefined
      ? `Copied ${run.project.sourcesDir}, which is no Git work tree, to ${folder}.`
      : `Copied ${count} files of ${run.project.sourcesDir} at ${context.job.variables.get('Build.SourceVersion') ?? ''} to ${folder}.`,
  );
}

function writeTaskHeader(task: TaskDefinition, write: (line: string) => void): void {
  const { major, minor, patch } = task.version;
  const rule = '='.repeat(78);
  write(rule);
  write(`Task         : ${task.friendlyName}`);
  write(`Description  : ${task.description}`);
  write(`Version      : ${major}.${minor}.${patch}`);
  write(`Author       : ${task.author}`);
  write(`Help         : ${task.help}`);
  write(rule);
}

function linePrefix({ run, plan }: RunningJob): string {
  if (!run.manyJobs) return '';
  const job = [plan.job.name, plan.leg].filter(part => part !== undefined).join(' ');
  return run.manyStages ? `[${plan.stage.name}/${job}] ` : `[${job}] `;
}
