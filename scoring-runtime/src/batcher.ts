/** Times and sizes of one batch, for the metrics. */
export interface BatchReport {
  readonly size: number;
  readonly waitedMilliseconds: readonly number[];
  readonly ranMilliseconds: number;
}

interface Waiting<In, Out> {
  readonly input: In;
  readonly since: number;
  readonly signal: AbortSignal;
  readonly resolve: (output: Out) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Gathers inputs that arrive side by side into batches. When nothing runs, an input goes at once and alone: a batch
 * waits only while inputs are known to be on their way, and never longer than the delay.
 */
export class Batcher<In, Out> {
  readonly #queue: Waiting<In, Out>[] = [];
  #expected = 0;
  #running = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly limits: {
      readonly maxSize: number;
      readonly maxDelayMilliseconds: number;
      /** Batches that run side by side. */
      readonly runs: number;
    },
    /** Must answer with one output an input, in order. */
    private readonly run: (inputs: In[]) => Promise<readonly Out[]>,
    private readonly report: (batch: BatchReport) => void,
  ) {}

  /** Inputs that wait for their batch. */
  get queued(): number {
    return this.#queue.length;
  }

  /** Announces an input that is being prepared. The function it returns takes that back and must be called, before or after `submit`. */
  expect(): () => void {
    this.#expected++;
    let open = true;
    return () => {
      if (!open) return;
      open = false;
      this.#expected--;
      this.#next();
    };
  }

  /** @param signal an input that nobody waits for any more is dropped when its turn comes */
  submit(input: In, signal: AbortSignal): Promise<Out> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ input, since: performance.now(), signal, resolve, reject });
      this.#next();
    });
  }

  #next(): void {
    const idle = this.limits.runs - this.#running;
    if (idle === 0) return;
    const oldest = this.#queue[0];
    if (!oldest) return;
    const delay = oldest.since + this.limits.maxDelayMilliseconds - performance.now();
    if (this.#queue.length < this.limits.maxSize && this.#expected > 0 && delay > 0) {
      this.#timer ??= setTimeout(() => {
        this.#timer = undefined;
        this.#next();
      }, delay);
      return;
    }
    clearTimeout(this.#timer);
    this.#timer = undefined;
    // What waits is shared out among those who can take it now.
    const share = Math.ceil(this.#queue.length / idle);
    void this.#runBatch(this.#queue.splice(0, Math.min(share, this.limits.maxSize)));
    this.#next();
  }

  async #runBatch(taken: Waiting<In, Out>[]): Promise<void> {
    const batch: Waiting<In, Out>[] = [];
    for (const waiting of taken) {
      if (waiting.signal.aborted) waiting.reject(waiting.signal.reason);
      else batch.push(waiting);
    }
    const started = performance.now();
    this.#running++;
    try {
      if (batch.length > 0) await this.#answer(batch, started);
    } catch (error) {
      for (const { reject } of batch) reject(error);
    } finally {
      this.#running--;
      this.#next();
    }
  }

  async #answer(batch: Waiting<In, Out>[], started: number): Promise<void> {
    const outputs = await this.run(batch.map(({ input }) => input));
    batch.forEach(({ resolve, reject }, index) => {
      const output = outputs[index];
      if (output === undefined) reject(new Error(`A batch of ${batch.length} was answered with ${outputs.length}.`));
      else resolve(output);
    });
    this.report({
      size: batch.length,
      waitedMilliseconds: batch.map(({ since }) => started - since),
      ranMilliseconds: performance.now() - started,
    });
  }
}
