import type { TaskHost } from '../../lib/host/task-host';

const tellMilliseconds = 60_000;

/** Waits while a step of a rollout gathers requests, and tells how long is left. */
export async function bake(minutes: number, host: TaskHost): Promise<void> {
  const end = host.clock.now().getTime() + minutes * 60_000;
  for (let left = end - host.clock.now().getTime(); left > 0; left = end - host.clock.now().getTime()) {
    host.debug(`${Math.ceil(left / 1000)} s of this step are left`);
    await host.clock.sleep(Math.min(left, tellMilliseconds), host.signal);
  }
}

/** For the write before the watch, the looks at the metrics after it and a first answer to what they say. */
const marginMilliseconds = 2 * 60_000;

/** Until when a step that begins now keeps others off the endpoint, unless it ends before. */
export function watchedUntil(minutes: number, host: TaskHost): Date {
  return new Date(host.clock.now().getTime() + minutes * 60_000 + marginMilliseconds);
}
