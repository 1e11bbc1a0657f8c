import type { Job } from './model';

/**
 * A job's end before its time: because the run is cancelled or the job's time is over. Steps that run in spite of it have the job's
 * cancelTimeoutInMinutes; then nothing more is waited for.
 */
export class JobCancellation {
  /** Undefined until the job is cancelled. */
  private because: string | undefined;
  private readonly listeners = new Set<() => void>();
  private readonly timers: NodeJS.Timeout[] = [];
  private readonly hardStop = new AbortController();
  private readonly onRunCanceled = (): void => this.cancel('');

  /** @param minute length of a minute in milliseconds. */
  constructor(
    private readonly runSignal: AbortSignal,
    private readonly job: Job,
    private readonly minute: number,
  ) {
    if (job.timeoutInMinutes > 0) {
      const reason = `The job running on agent Local agent ran longer than the maximum time of ${job.timeoutInMinutes} minutes.`;
      this.timers.push(setTimeout(() => this.cancel(reason), job.timeoutInMinutes * minute));
    }
    if (runSignal.aborted) this.onRunCanceled();
    else runSignal.addEventListener('abort', this.onRunCanceled, { once: true });
  }

  get isCanceled(): boolean {
    return this.because !== undefined;
  }

  /** Why, when it was not the run that was cancelled. */
  get reason(): string {
    return this.because ?? '';
  }

  /** Aborted when not even steps that run in spite of a cancellation may go on. */
  get hardSignal(): AbortSignal {
    return this.hardStop.signal;
  }

  /** Calls `listener` when the job is cancelled. @returns a function that stops that. */
  onCancel(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  dispose(): void {
    this.timers.forEach(clearTimeout);
    this.runSignal.removeEventListener('abort', this.onRunCanceled);
  }

  private cancel(reason: string): void {
    if (this.isCanceled) return;
    this.because = reason;
    this.timers.push(setTimeout(() => this.hardStop.abort(), this.job.cancelTimeoutInMinutes * this.minute));
    for (const listener of this.listeners) listener();
  }
}
