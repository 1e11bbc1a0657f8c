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
