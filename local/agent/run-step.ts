import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { processCommand } from './commands';
import { StepCanceled, StepTimedOut } from './step-end';
import { taskEnvironment } from './step-environment';
import { runStepProcess } from './step-process';
import type { StepContext } from './step-context';
import type { TaskDefinition } from './task-definition';
import { resolveInputs } from './task-inputs';
import type { TaskResult } from './task-result';

export interface StepLimits {
  /** Aborted when the run or the job is cancelled. */
  signal?: AbortSignal;
  /** The step's own time limit; none when absent. */
  timeoutMs?: number;
  /** Further attempts after a failure, at most 10. */
  retries?: number;
  /** Milliseconds of the retries' second; 1000 unless a test shortens it. */
  second?: number;
}

/**
 * Runs a step's work with its time limit and retries, and says how it ended as the agent's StepsRunner does: cancelled from outside is
 * Canceled, out of time is Failed, an exception is one error and Failed.
 * @returns the step's final result, commands' failures included.
 */
export async function runStep(
  step: StepContext,
  limits: StepLimits,
  work: (signal: AbortSignal) => Promise<void>,
): Promise<TaskResult> {
  const cancel = new AbortController();
  const onCancel = (): void => cancel.abort(new StepCanceled());
  if (limits.signal?.aborted) onCancel();
  else limits.signal?.addEventListener('abort', onCancel, { once: true });
  const timer =
    limits.timeoutMs === undefined ? undefined : setTimeout(() => cancel.abort(new StepTimedOut()), limits.timeoutMs);
  try {
    await withRetries(step, limits, cancel.signal, () => work(cancel.signal));
    cancel.signal.throwIfAborted();
  } catch (error) {
    const reason: unknown = cancel.signal.aborted ? cancel.signal.reason : error;
    step.error(reason instanceof Error ? reason.message : String(reason));
    // What the step itself reported does not count any more.
    step.result = reason instanceof StepCanceled ? 'Canceled' : 'Failed';
  } finally {
    clearTimeout(timer);
    limits.signal?.removeEventListener('abort', onCancel);
  }
  return step.complete();
}

async function withRetries(
  step: StepContext,
  { retries = 0, second = 1000 }: StepLimits,
  signal: AbortSignal,
  attempt: () => Promise<void>,
): Promise<void> {
  const most = Math.min(retries, 10);
  if (retries > most) {
    step.warning(
      `The maximum allowed number of attempts is 10 but got ${retries}. Retry attempts count will be decreased to 10.`,
    );
  }
  for (let done = 0; ; done++) {
    const delay = (done + 1) ** 2 * second;
    try {
      await attempt();
      if (step.result !== 'Failed' || done >= most) return;
      step.warning(
        `RetryHelper encountered task failure, will retry (attempt #: ${done + 1} out of ${most}) after ${delay} ms`,
      );
    } catch (error) {
      if (signal.aborted || done >= most) throw error;
      const message = error instanceof Error ? error.message : String(error);
      step.warning(
        `RetryHelper encountered exception, will retry (attempt #: ${done + 1} ${message}) after ${delay} ms`,
      );
    }
    step.restart();
    await sleep(delay, undefined, { signal });
  }
}

export interface TaskWork {
  task: TaskDefinition;
  /** As written in the pipeline. */
  inputs: Record<string, string>;
  env: Record<string, string>;
  /** Folder that relative file inputs belong to. */
  root: string;
  /** The node that runs the task's handler. */
  nodePath: string;
}

/** Launches a task's handler once. @throws Error when it cannot be launched or exits with another code than 0. */
export async function runTaskHandler(step: StepContext, o: TaskWork, signal: AbortSignal): Promise<void> {
  const { job } = step;
  const { inputs, connections } = resolveInputs(o.task, o.inputs, {
    variables: job.variables,
    environment: job.environment,
    connections: [...job.connections.values()],
    root: o.root,
  });
  const target = join(o.task.folder, o.task.handler.target);
  if (!existsSync(target)) throw new Error(`File not found: '${target}'`);
  step.debug(`Using node path: ${o.nodePath}`);
  await runCommand(step, {
    command: o.nodePath,
    args: [target],
    cwd: o.task.handler.workingDirectory ?? job.variables.get('System.DefaultWorkingDirectory') ?? o.root,
    env: taskEnvironment(job, {
      env: expandedEnv(step, o.env),
      inputs,
      connections,
      taskVariables: step.taskVariables,
    }),
    interrupt: 'process',
    signal,
  });
}

/** A step's `env` with variables put in. */
export function expandedEnv(step: StepContext, env: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).map(([name, value]) => [name.trim(), step.job.variables.expand(value.trim())]),
  );
}

/** Runs one process of a step whose output may hold logging commands. @throws Error for an exit code other than 0. */
export async function runCommand(
  step: StepContext,
  o: {
    command: string;
    args: string[];
    cwd: string;
    env: Record<string, string>;
    interrupt: 'process' | 'group';
    signal: AbortSignal;
    /** Makes the message for an exit code other than 0; the agent's own unless given. */
    exitMessage?: (code: string) => string;
    /** Called for each line on standard error. */
    onErrorLine?: () => void;
  },
): Promise<void> {
  const milliseconds = (name: string, otherwise: number): number => {
    const value = Number(step.job.variables.get(name) ?? otherwise);
    return Number.isFinite(value) ? value : otherwise;
  };
  o.signal.throwIfAborted();
  const { exitCode, endLeftovers } = await runStepProcess({
    ...o,
    forceCompleted: step.forceCompleted,
    grace: {
      interrupt: milliseconds('PROCESS_SIGINT_TIMEOUT', 7500),
      terminate: milliseconds('PROCESS_SIGTERM_TIMEOUT', 2500),
    },
    onLine: (line, isError) => {
      if (step.isForceCompleted) return;
      if (isError) o.onErrorLine?.();
      if (!processCommand(step, line)) step.output(line);
    },
  });
  step.job.leftovers.push(endLeftovers);
  step.exitCode = exitCode;
  if (step.isForceCompleted) {
    step.debug(
      'The task was marked as "done", but the process has not closed after 5 seconds. Treating the task as complete.',
    );
    return;
  }
  o.signal.throwIfAborted();
  if (exitCode === 0) return;
  const code = String(exitCode ?? 'null (ended by a signal)');
  throw new Error(
    o.exitMessage?.(code) ??
      `Exit code ${code} returned from process: file name '${o.command}', arguments '${o.args.map(arg => `"${arg}"`).join(' ')}'.`,
  );
}
