import type { TaskHost } from './task-host';

/** Does what is good to have but must not fail a step whose work is done: a failure becomes a warning. A cancellation still ends it. */
export async function attempt(host: TaskHost, write: () => Promise<void>): Promise<void> {
  try {
    await write();
  } catch (error) {
    host.signal.throwIfAborted();
    host.warn(error instanceof Error ? error.message : String(error));
  }
}
