import assert from 'node:assert/strict';
import type { TaskRun } from '../../local/agent/run-task';

export function log(run: TaskRun): string {
  return run.lines.join('\n');
}

/** The run, which must have succeeded. */
export function succeeded(run: TaskRun): TaskRun {
  assert.equal(run.result, 'Succeeded', log(run));
  return run;
}

/** The one error with which a run failed. */
export function failed(run: TaskRun): string {
  assert.equal(run.result, 'Failed', log(run));
  const errors = run.commands.filter(
    ({ area, event, properties }) => area === 'task' && event === 'logissue' && properties['type'] === 'error',
  );
  assert.equal(errors.length, 1, log(run));
  return errors[0]?.data ?? '';
}
