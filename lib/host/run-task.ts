import { setMaxListeners } from 'node:events';
import * as tl from 'azure-pipelines-task-lib/task';
import { TaskError } from '../task-error';
import { pipelinesHost } from './pipelines-host';
import { withoutCommands } from './without-commands';
import type { Outcome, TaskHost } from './task-host';

/**
 * Runs a task and is the only place that tells the agent how it ended. A TaskError is shown as it stands, anything else
 * that is thrown as a defect; either way as one error, with the stack in the debug log only.
 *
 * The agent cancels with SIGINT, sends SIGTERM after 7.5 s and kills after 2.5 s more: both abort `host.signal`, and the
 * task has that long to undo what it began. A cancelled step gets its result from the agent, so none is reported.
 */
export function runTask(run: (host: TaskHost) => Promise<Outcome>): void {
  const cancel = new AbortController();
  // Uploads and waits listen to it at the same time, as many as there are: no leak that Node.js should warn of in the log.
  setMaxListeners(0, cancel.signal);
  const onSignal = (name: NodeJS.Signals): void => {
    if (cancel.signal.aborted) return;
    cancel.abort(new TaskError(`The pipeline cancelled this step (${name}).`, { code: 'GuardianCanceled' }));
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  stopAtUncaughtErrors();

  const finish = async (): Promise<void> => {
    try {
      const { result, message } = await run(pipelinesHost(cancel.signal));
      if (cancel.signal.aborted) reportCancellation(cancel.signal.reason);
      else if (result === 'succeeded') tl.setResult(tl.TaskResult.Succeeded, withoutCommands(message));
      else tl.setResult(tl.TaskResult.SucceededWithIssues, withoutCommands(message));
    } catch (error) {
      tl.debug(withoutCommands(describeStack(error)));
      if (cancel.signal.aborted) reportCancellation(cancel.signal.reason);
      else reportFailure(error);
    } finally {
      process.off('SIGINT', onSignal);
      process.off('SIGTERM', onSignal);
    }
  };
  void finish();
}

/** One error, not two: the result goes without a text of its own, which task-lib would log again. */
function reportFailure(error: unknown): void {
  process.exitCode = 1;
  const { message, errorCode } = explained(error);
  tl.logIssue(tl.IssueType.Error, withoutCommands(message), undefined, undefined, undefined, errorCode);
  tl.command('task.complete', { result: 'Failed' }, withoutCommands(message));
}

function reportCancellation(reason: unknown): void {
  process.exitCode = 1;
  tl.writeExternalOutput(`${reason instanceof Error ? reason.message : 'The step was cancelled.'}\n`, {
    source: 'remote',
  });
}

function explained(error: unknown): TaskError {
  if (error instanceof TaskError) return error;
  const text = error instanceof Error ? error.message : String(error);
  return new TaskError(
    `The task broke off because of a defect of its own: ${text} Run the pipeline with System.Debug set to true and report it with the log.`,
    { code: 'GuardianDefect', cause: error },
  );
}

/**
 * task-lib reports an error that nobody caught, but leaves the process running with exit code 0. Whatever still runs
 * then is not to be trusted: the process ends once the report is written.
 */
function stopAtUncaughtErrors(): void {
  process.on('uncaughtException', error => {
    if ((error as NodeJS.ErrnoException).code === 'EPIPE') return;
    process.exitCode = 1;
    process.stdout.write('', () => process.exit());
  });
}

function describeStack(error: unknown): string {
  const stacks: string[] = [];
  for (let current = error; current instanceof Error; current = current.cause)
    stacks.push(current.stack ?? current.message);
  return stacks.join('\ncaused by ');
}
