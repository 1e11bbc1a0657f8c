interface Waiting {
  job: string;
  run: () => Promise<void>;
}

/** One cluster's queue: first come, first served, as many jobs at a time as it has nodes. */
export class JobQueue {
  readonly #waiting: Waiting[] = [];
  readonly #running = new Map<string, Promise<void>>();

  constructor(
    /** Most jobs at a time; every job takes one node. */
    readonly nodes: number,
  ) {}

  get busy(): number {
    return this.#running.size;
  }

  /** Puts a job behind the others; `run` must not reject. */
  add(job: string, run: () => Promise<void>): void {
    this.#waiting.push({ job, run });
    this.#fill();
  }

  /** Takes a job out that has not started. False when it is not waiting. */
  remove(job: string): boolean {
    const index = this.#waiting.findIndex(waiting => waiting.job === job);
    if (index < 0) return false;
    this.#waiting.splice(index, 1);
    return true;
  }

  /** Starts nothing more and waits for what runs. */
  async close(): Promise<void> {
    this.#waiting.length = 0;
    await Promise.all(this.#running.values());
  }

  #fill(): void {
    while (this.#running.size < this.nodes) {
      const next = this.#waiting.shift();
      if (!next) return;
      const run = next.run().finally(() => {
        this.#running.delete(next.job);
        this.#fill();
      });
      this.#running.set(next.job, run);
    }
  }
}
