/** Reconciles one object; a number asks to be called again after so many milliseconds. */
export type Reconcile = (key: string) => number | undefined;

const retryMilliseconds = 1000;

/**
 * Calls `reconcile` once for every key that was added since its last call, never within the write that added it, and
 * again after a failure.
 */
export class WorkQueue {
  readonly #waiting = new Set<string>();
  readonly #timers = new Map<string, NodeJS.Timeout>();
  #scheduled: NodeJS.Immediate | undefined;
  #stopped = false;

  constructor(
    private readonly reconcile: Reconcile,
    private readonly log: (line: string) => void,
  ) {}

  add(key: string): void {
    if (this.#stopped) return;
    this.#waiting.add(key);
    this.#scheduled ??= setImmediate(() => this.#work());
  }

  stop(): void {
    this.#stopped = true;
    if (this.#scheduled) clearImmediate(this.#scheduled);
    for (const timer of this.#timers.values()) clearTimeout(timer);
  }

  #work(): void {
    this.#scheduled = undefined;
    const keys = [...this.#waiting];
    this.#waiting.clear();
    for (const key of keys) {
      let again: number | undefined;
      try {
        again = this.reconcile(key);
      } catch (error) {
        this.log(`${key}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
        again = retryMilliseconds;
      }
      clearTimeout(this.#timers.get(key));
      this.#timers.delete(key);
      if (again !== undefined)
        this.#timers.set(
          key,
          setTimeout(() => this.add(key), again),
        );
    }
  }
}
