import { JobError } from './job-error';

/** What decides how many nodes a cluster has; read anew at every change. */
export interface Scale {
  minNodes: number;
  maxNodes: number;
  /** Milliseconds without work after which the nodes above the minimum go. */
  idleMilliseconds: number;
}

interface Waiting {
  count: number;
  ready: (release: () => void) => void;
  refuse: (reason: unknown) => void;
}

/** A node that has to be allocated first is there after this time; Azure takes minutes, for which nothing here would wait. */
const allocationMilliseconds = 150;

/** The nodes of one cluster: from the minimum up to the maximum as jobs need them, first come, first served, and down again when idle. */
export class Nodes {
  readonly #waiting: Waiting[] = [];
  #current: number;
  #busy = 0;
  #target: number;
  #allocation: NodeJS.Timeout | undefined;
  #idle: NodeJS.Timeout | undefined;
  #changedAt = new Date();

  constructor(private readonly scale: () => Scale) {
    this.#current = this.#target = scale().minNodes;
  }

  /** As the compute resource shows it. */
  get state(): { current: number; target: number; busy: number; isResizing: boolean; changedAt: Date } {
    return {
      current: this.#current,
      target: this.#target,
      busy: this.#busy,
      isResizing: this.#allocation !== undefined,
      changedAt: this.#changedAt,
    };
  }

  /** Waits for so many nodes at once. @returns what gives them back @throws Error when the signal is aborted, JobError when there never will be so many */
  take(count: number, signal: AbortSignal): Promise<() => void> {
    return new Promise((ready, refuse) => {
      signal.throwIfAborted();
      const { maxNodes } = this.scale();
      if (count > maxNodes)
        throw new JobError(`The job asks for ${count} nodes, but the compute has at most ${maxNodes}.`);
      const waiting: Waiting = {
        count,
        refuse,
        ready: release => {
          signal.removeEventListener('abort', giveUp);
          ready(release);
        },
      };
      const giveUp = (): void => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        refuse(new Error('No longer wanted.'));
        this.#settle();
      };
      signal.addEventListener('abort', giveUp, { once: true });
      this.#waiting.push(waiting);
      this.#settle();
    });
  }

  /** After a change of the scale. */
  rescale(): void {
    this.#settle();
    this.#shrink();
  }

  close(): void {
    clearTimeout(this.#allocation);
    clearTimeout(this.#idle);
    this.#allocation = this.#idle = undefined;
  }

  /** Hands out what is there, in order, and asks for more where that is not enough. */
  #settle(): void {
    const { minNodes, maxNodes } = this.scale();
    for (;;) {
      const next = this.#waiting[0];
      if (!next || this.#current - this.#busy < next.count) break;
      this.#waiting.shift();
      this.#busy += next.count;
      clearTimeout(this.#idle);
      this.#idle = undefined;
      next.ready(this.#releaseOnce(next.count));
    }
    const wanted = this.#busy + this.#waiting.reduce((sum, { count }) => sum + count, 0);
    const target = Math.min(Math.max(wanted, minNodes, this.#current), Math.max(maxNodes, this.#busy));
    if (target <= this.#current || this.#allocation) return;
    this.#target = target;
    this.#changedAt = new Date();
    this.#allocation = setTimeout(() => {
      this.#allocation = undefined;
      this.#current = this.#target;
      this.#changedAt = new Date();
      this.#settle();
    }, allocationMilliseconds);
  }

  #releaseOnce(count: number): () => void {
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      this.#busy -= count;
      this.#settle();
      clearTimeout(this.#idle);
      this.#idle = setTimeout(() => this.#shrink(), this.scale().idleMilliseconds).unref();
    };
  }

  #shrink(): void {
    const { minNodes } = this.scale();
    const least = Math.max(minNodes, this.#busy);
    if (this.#allocation || this.#current <= least) return;
    this.#current = this.#target = least;
    this.#changedAt = new Date();
  }
}
