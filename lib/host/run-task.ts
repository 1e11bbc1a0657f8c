import * as tl from 'azure-pipelines-task-lib/task';
import { TaskError } from '../task-error';
import { pipelinesHost } from './pipelines-host';
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
  const onSignal = (name: NodeJS.Signals): void =>
    cancel.abort(new TaskError(`The pipeline cancelled this step (${name}).`));
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);

  const finish = async (): Promise<void> => {
    try {
      const { result, message } = await run(pipelinesHost(cancel.signal));
      if (cancel.signal.aborted) process.exitCode = 1;
      else if (result === 'succeeded') tl.setResult(tl.TaskResult.Succeeded, message);
      else tl.setResult(tl.TaskResult.SucceededWithIssues, message);
    } catch (error) {
      process.exitCode = 1;
      tl.debugExternalOutput(describeStack(error), { source: 'remote' });
      if (cancel.signal.aborted) tl.writeExternalOutput(`${messageOf(error)}\n`, { source: 'remote' });
      else tl.setResult(tl.TaskResult.Failed, messageOf(error));
    } finally {
      process.off('SIGINT', onSignal);
      process.off('SIGTERM', onSignal);
    }
  };
  void finish();
}

function messageOf(error: unknown): string {
  if (error instanceof TaskError) return error.message;
  const text = error instanceof Error ? error.message : String(error);
  return `The task broke off because of a defect of its own: ${text} Run the pipeline with System.Debug set to true and report it with the log.`;
}

function describeStack(error: unknown): string {
  const stacks: string[] = [];
  for (let current = error; current instanceof Error; current = current.cause)
    stacks.push(current.stack ?? current.message);
  return stacks.join('\ncaused by ');
}
