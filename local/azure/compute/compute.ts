import type { AzureContext } from '../context';
import { hasEnded, type JobRecord, type JobStatus } from '../jobs/job-record';
import { addJob, type NewJob } from '../jobs/new-job';
import { runStatusOf } from '../tracking/run-status';
import type { ComputeParts } from './compute-parts';
import { computeName, scaleOf, serverless, type ComputeRecord } from './compute-record';
import type { JobControl } from './job-control';
import { JobError } from './job-error';
import { JobLog } from './job-log';
import { runJob, type JobEnd } from './job-runner';
import { Nodes } from './nodes';
import { Pipelines } from './pipelines';
import { Sweeps } from './sweeps';

/** The computes at work: sets jobs under way, runs them on their nodes, cancels them, and settles what a restart interrupted. */
export class Compute implements JobControl {
  readonly #nodes = new Map<string, Nodes>();
  readonly #cancels = new Map<string, AbortController>();
  /** Jobs at work, and logs that are being closed. */
  readonly #running = new Set<Promise<void>>();
  readonly #deadlines = new Map<string, NodeJS.Timeout>();
  readonly #logs = new Map<string, JobLog>();
  readonly #sweeps: Sweeps;
  readonly #pipelines: Pipelines;

  constructor(
    private readonly context: AzureContext,
    private readonly parts: ComputeParts,
  ) {
    this.#sweeps = new Sweeps(parts, this);
    this.#pipelines = new Pipelines(parts, this);
  }

  /** The nodes of a compute, if a job ever needed some. */
  nodes(compute: string): Nodes['state'] | undefined {
    return this.#nodes.get(compute)?.state;
  }

  /** After a change of a compute's scale. */
  rescale(compute: string): void {
    this.#nodes.get(compute)?.rescale();
  }

  forget(compute: string): void {
    this.#nodes.get(compute)?.close();
    this.#nodes.delete(compute);
  }

  begin(job: NewJob): JobRecord {
    const added = addJob(job, this.parts);
    this.submit(added);
    return added;
  }

  /** Sets a job under way; it must be in the store already. */
  submit(job: JobRecord): void {
    switch (job.request.jobType) {
      case 'Sweep':
        this.#sweeps.start(job);
        return;
      case 'Pipeline':
        this.#pipelines.start(job);
        return;
      case 'Command': {
        const running = this.#run(job.name);
        this.#running.add(running);
        void running.finally(() => this.#running.delete(running));
      }
    }
  }

  /** Ends a job that has not ended, with its children; harmless for others, and for one whose command has ended. */
  cancel(name: string): void {
    const job = this.parts.jobs.get(name);
    if (!job || hasEnded(job.status) || job.status === 'CancelRequested' || job.status === 'Finalizing') return;
    this.setStatus(name, 'CancelRequested');
    if (job.request.jobType === 'Command') {
      this.#cancels.get(name)?.abort();
      return;
    }
    for (const child of this.parts.jobs.children(name)) this.cancel(child.name);
    this.#advance(job);
  }

  /**
   * After a restart: jobs that had no node yet start again; what ran on one has failed, or is canceled when that had been asked for; sweeps and
   * pipelines go on with what is left of them.
   */
  resume(): void {
    const unfinished = this.parts.jobs.unfinished();
    const parents = unfinished.filter(job => job.request.jobType !== 'Command');
    for (const job of unfinished.filter(job => job.request.jobType === 'Command')) {
      if (job.status === 'CancelRequested') this.#settle(job.name, { status: 'Canceled' });
      else if (job.status === 'Running' || job.status === 'Finalizing') {
        this.#settle(job.name, {
          status: 'Failed',
          error: {
            code: 'ServiceError',
            message: 'The compute node was lost: local Azure stopped while the job was under way.',
          },
        });
      } else this.submit(job);
    }
    for (const job of parents) {
      if (job.status === 'CancelRequested') {
        for (const child of this.parts.jobs.children(job.name)) this.cancel(child.name);
        this.#advance(job);
      } else if (job.status === 'NotStarted') this.submit(job);
      else if (job.request.jobType === 'Sweep') this.#sweeps.resume(job);
      else this.#advance(job);
    }
  }

  /** Ends the processes of all jobs; their state is settled by `resume` at the next start. */
  async close(): Promise<void> {
    for (const timer of this.#deadlines.values()) clearTimeout(timer);
    for (const cancel of this.#cancels.values()) cancel.abort();
    await Promise.all(this.#running);
    for (const nodes of this.#nodes.values()) nodes.close();
    await Promise.all([...this.#logs.values()].map(log => log.close()));
  }

  setStatus(name: string, status: JobStatus): void {
    const job = this.parts.jobs.get(name);
    if (!job || job.status === status) return;
    const now = new Date();
    const starts = status === 'Running';
    this.parts.runs.changeRun(name, { status: runStatusOf[status], ...(starts ? { startTime: now.getTime() } : {}) });
    this.parts.jobs.change(name, { status, ...(starts ? { startedAt: now.toISOString() } : {}) });
    this.context.log(`Job ${name}: ${status}`);
  }

  end(name: string, end: JobEnd): void {
    this.#settle(name, end);
    const parent = this.parts.jobs.get(name)?.parent;
    const job = parent && this.parts.jobs.get(parent.job);
    if (job) this.#advance(job);
  }

  note(job: string, path: string, line: string): void {
    const key = `${job}/${path}`;
    let log = this.#logs.get(key);
    if (!log) {
      log = JobLog.open(
        this.context.blobs,
        job,
        path,
        error => this.context.log(`Job ${job}: ${path} not written: ${String(error)}`),
        true,
      );
      this.#logs.set(key, log);
    }
    log.line(line);
  }

  deadline(name: string, milliseconds: number, action: () => void): void {
    const startedAt = Date.parse(this.parts.jobs.get(name)?.startedAt ?? new Date().toISOString());
    const left = Math.max(startedAt + milliseconds - Date.now(), 0);
    // Longer than setTimeout can wait would fire at once.
    this.#deadlines.set(name, setTimeout(action, Math.min(left, 2 ** 31 - 1)));
  }

  #settle(name: string, end: JobEnd): void {
    const now = new Date();
    clearTimeout(this.#deadlines.get(name));
    this.#deadlines.delete(name);
    for (const [key, log] of this.#logs) {
      if (!key.startsWith(`${name}/`)) continue;
      this.#logs.delete(key);
      const closing = log.close();
      this.#running.add(closing);
      void closing.finally(() => this.#running.delete(closing));
    }
    this.parts.runs.changeRun(name, { status: runStatusOf[end.status], endTime: now.getTime() });
    // In one write, so that whoever sees the end sees why.
    this.parts.jobs.change(name, {
      status: end.status,
      endedAt: now.toISOString(),
      ...(end.error ? { error: end.error } : {}),
    });
    this.context.log(`Job ${name}: ${end.status}`);
  }

  #advance(job: JobRecord): void {
    // Stopped with the whole server: the next start goes on.
    if (this.#isStopping()) return;
    if (job.request.jobType === 'Sweep') this.#sweeps.advance(job.name);
    else if (job.request.jobType === 'Pipeline') this.#pipelines.advance(job.name);
  }

  #isStopping(): boolean {
    return this.context.signal.aborted;
  }

  #nodesOf(job: JobRecord): Nodes {
    const record = this.#computeOf(job);
    let nodes = this.#nodes.get(record.name);
    if (!nodes) {
      nodes = new Nodes(() => scaleOf(this.parts.computes.get(record.name) ?? record));
      this.#nodes.set(record.name, nodes);
    }
    return nodes;
  }

  #computeOf(job: JobRecord): ComputeRecord {
    const { computeId } = job.request;
    return (computeId === null ? undefined : this.parts.computes.get(computeName(computeId))) ?? serverless;
  }

  async #run(name: string): Promise<void> {
    // In a later turn: the first answer of the service comes before the work, and says NotStarted.
    await new Promise(resolve => setImmediate(resolve));
    // Not begun any more when the server stops: `close` would not know of it.
    if (this.#isStopping()) return;
    const job = this.parts.jobs.get(name);
    if (job?.request.jobType !== 'Command' || hasEnded(job.status)) return;
    if (job.status === 'CancelRequested') {
      this.end(name, { status: 'Canceled' });
      return;
    }
    const { request } = job;
    const cancel = new AbortController();
    const { signal } = cancel;
    this.#cancels.set(name, cancel);
    let end: JobEnd;
    try {
      end = await runJob({
        job,
        request,
        context: this.context,
        parts: this.parts,
        signal,
        takeNodes: () => this.#nodesOf(job).take(request.resources.instanceCount, signal),
        setStatus: status => {
          // A cancel that came in between stays visible until the end.
          if (!signal.aborted) this.setStatus(name, status);
        },
      });
    } catch (error) {
      // It did not come to the job's process, or what the process left could not be kept.
      const message = error instanceof Error ? error.message : String(error);
      const code = error instanceof JobError ? 'UserError' : 'ServiceError';
      end = signal.aborted ? { status: 'Canceled' } : { status: 'Failed', error: { code, message } };
      if (!signal.aborted) this.context.log(`Job ${name}: ${message}`);
    }
    this.#cancels.delete(name);
    // Stopped with the whole server: the next start settles it.
    if (this.#isStopping()) return;
    this.end(name, end);
  }
}
