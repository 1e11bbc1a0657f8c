/** A number of agents, each of which runs one job at a time. */
export class AgentPool {
  private readonly waiting: (() => void)[] = [];

  constructor(private free: number) {}

  /** Runs `job` as soon as an agent is free, in the order of the calls. */
  async run<T>(job: () => Promise<T>): Promise<T> {
    if (this.free > 0) this.free--;
    else await new Promise<void>(resolve => this.waiting.push(resolve));
    try {
      return await job();
    } finally {
      // The agent goes straight to the next job in line.
      const next = this.waiting.shift();
      if (next) next();
      else this.free++;
    }
  }
}
