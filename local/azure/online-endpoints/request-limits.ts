import { setTimeout as sleep } from 'node:timers/promises';

const askAgainMilliseconds = 5;

/** How many requests come and are under way: what the router's limits are about. */
export class RequestLimits {
  private readonly seconds = new Map<string, { second: number; count: number }>();
  private readonly pending = new Map<string, number>();

  /** Counts a request to an endpoint. @returns whether it is one too many in this second */
  exceedsRate(endpoint: string, perSecond: number): boolean {
    const second = Math.floor(Date.now() / 1000);
    const held = this.seconds.get(endpoint);
    const count = held?.second === second ? held.count + 1 : 1;
    this.seconds.set(endpoint, { second, count });
    return count > perSecond;
  }

  /**
   * A place among the requests of a deployment that are under way, waiting for it that long.
   * @returns what gives it free again; undefined when there was none
   */
  async place(deployment: string, places: number, waitMilliseconds: number): Promise<(() => void) | undefined> {
    const deadline = Date.now() + waitMilliseconds;
    while ((this.pending.get(deployment) ?? 0) >= places) {
      if (Date.now() >= deadline) return undefined;
      await sleep(askAgainMilliseconds);
    }
    this.pending.set(deployment, (this.pending.get(deployment) ?? 0) + 1);
    return () => {
      const left = (this.pending.get(deployment) ?? 1) - 1;
      if (left > 0) this.pending.set(deployment, left);
      else this.pending.delete(deployment);
    };
  }
}
