import { cancelJob, getJob, hasEnded } from '../../lib/azureml/jobs';
import type { Workspace } from '../../lib/azureml/workspace';
import type { TaskHost } from '../../lib/host/task-host';

/** The agent kills the task 10 s after a cancellation: what has to be said by then is sent and seen within this. */
export const cancelGraceMilliseconds = 4_000;

/**
 * Asks the service to cancel the job and waits until it has ended, at most `milliseconds`. Says in one line what was
 * done, and never throws: it runs while something else has failed already.
 */
export async function cancelAndSay(
  workspace: Workspace,
  job: string,
  milliseconds: number,
  host: TaskHost,
): Promise<void> {
  const limit = AbortSignal.timeout(milliseconds);
  let status = 'not asked';
  try {
    await cancelJob(workspace, job, limit);
    status = 'CancelRequested';
    // Finalizing is too late: the command has ended, and its outputs are being written.
    while (!hasEnded(status) && status !== 'Finalizing') {
      await host.clock.sleep(500, limit);
      status = (await getJob(workspace, job, limit))?.status ?? 'Canceled';
    }
    host.info(
      status === 'Canceled' ? `Job ${job} was cancelled.` : `Job ${job} was too far to be cancelled: it is ${status}.`,
    );
  } catch (error) {
    if (limit.aborted && status !== 'not asked') {
      host.info(`Job ${job} was asked to cancel; its end was not waited for.`);
      return;
    }
    host.warn(
      `Job ${job} could not be cancelled and may still run: cancel it in the studio. ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}
