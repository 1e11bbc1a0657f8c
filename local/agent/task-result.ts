/** How a step, job, stage or run ended, from best to worst in the order of the agent's own enumeration. */
export type TaskResult = 'Succeeded' | 'SucceededWithIssues' | 'Failed' | 'Canceled' | 'Skipped';

const inOrder: readonly TaskResult[] = ['Succeeded', 'SucceededWithIssues', 'Failed', 'Canceled', 'Skipped'];

/** Reads a result as the agent does: the exact name, so `Cancelled` (two l) is none. */
export function parseTaskResult(text: string): TaskResult | undefined {
  return inOrder.find(result => result === text);
}

/** The agent's rule for a second result of one step: the worse one stays, and what is canceled or skipped stays so. */
export function mergeResults(current: TaskResult | undefined, coming: TaskResult): TaskResult {
  if (current === undefined) return coming;
  if (current === 'Canceled' || current === 'Skipped') return current;
  return inOrder.indexOf(coming) >= inOrder.indexOf(current) ? coming : current;
}

/** True for the two results that let what depends on it run. */
export function isSuccess(result: TaskResult | undefined): boolean {
  return result === undefined || result === 'Succeeded' || result === 'SucceededWithIssues';
}
