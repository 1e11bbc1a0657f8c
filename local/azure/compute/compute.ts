import type { Collection } from '../../journal';
import type { CodeLookup } from '../assets/codes';
import type { DataLookup } from '../assets/data';
import type { JobOutputs } from '../assets/data-uri';
import type { AzureContext } from '../context';
import { hasEnded, type JobRecord, type JobStatus, type JobStore } from '../jobs/job-record';
import type { RunStatus, RunStore } from '../tracking/run-store';
import { serverless, type Cluster } from './clusters';
import { JobError } from './job-error';
import { JobQueue } from './job-queue';
import type { PreparePython } from './python';
import { runJob, type JobEnd } from './job-runner';

/** What the lookups below must find; see their modules. */
export interface ComputeParts {
  jobs: JobStore;
  runs: RunStore;
  clusters: Collection<Cluster>;
  codes: CodeLookup;
  data: DataLookup;
  jobOutputs: JobOutputs;
  preparePython: PreparePython;
}

const runStatus: Record<JobStatus, RunStatus> = {
  NotStarted: 'SCHEDULED',
  Queued: 'SCHEDULED',
  Preparing: 'SCHEDULED',
  Running: 'RUNNING',
  Finalizing: 'RUNNING',
  CancelRequested: 'RUNNING',
  Completed: 'FINISHED',
  Failed: 'FAILED',
  Canceled: 'KILLED',
};

/** The clusters at work: queues jobs, runs them, cancels them, and settles what a restart interrupted. */
export class Compute {
  readonly #queues = new Map<string, JobQueue>();
  readonly #cancels = new Map<string, AbortController>();

  constructor(
    private readonly context: AzureContext,
    private readonly parts: ComputeParts,
  ) {}

  busyNodes(cluster: string): number {
    return this.#queues.get(cluster)?.busy ?? 0;
  }

  /** Queues a job; it must be in the store already. */
  submit(job: JobRecord, cluster: Cluster): void {
    const cancel = new AbortController();
    this.#cancels.set(job.name, cancel);
    this.#setStatus(job.name, 'Queued');
    this.#queue(cluster).add(job.name, () => this.#run(job.name, cancel.signal));
  }

  /** Ends a job that has not ended; harmless for others. */
  cancel(name: string): void {
    const job = this.parts.jobs.get(name);
    if (!job || hasEnded(job.status)) return;
    if ([...this.#queues.values()].some(queue => queue.remove(name))) {
      this.#cancels.delete(name);
      this.#end(name, { status: 'Canceled' });
      return;
    }
    this.#setStatus(name, 'CancelRequested');
    this.#cancels.get(name)?.abort();
  }

  /** After a restart: waiting jobs wait again, in their order; what had started has failed, or is canceled when that had been asked for. */
  resume(): void {
    for (const job of this.parts.jobs.all()) {
      if (hasEnded(job.status)) continue;
      if (job.status === 'NotStarted' || job.status === 'Queued') {
        this.submit(job, this.#clusterOf(job));
      } else if (job.status === 'CancelRequested') {
        this.#end(job.name, { status: 'Canceled' });
      } else {
        this.#end(job.name, {
          status: 'Failed',
          error: {
            code: 'ServiceError',
            message: 'The compute node was lost: local Azure stopped while the job was under way.',
          },
        });
      }
    }
  }

  /** Ends the processes of all jobs; their state is settled by `resume` at the next start. */
  async close(): Promise<void> {
    for (const cancel of this.#cancels.values()) cancel.abort();
    await Promise.all([...this.#queues.values()].map(queue => queue.close()));
  }

  #queue(cluster: Cluster): JobQueue {
    let queue = this.#queues.get(cluster.name);
    if (!queue) {
      queue = new JobQueue(cluster.maxNodes);
      this.#queues.set(cluster.name, queue);
    }
    return queue;
  }

  #clusterOf(job: JobRecord): Cluster {
    const name = job.request.computeId?.split('/').at(-1);
    return (name === undefined ? undefined : this.parts.clusters.get(name)) ?? serverless;
  }

  async #run(name: string, signal: AbortSignal): Promise<void> {
    const job = this.parts.jobs.get(name);
    if (!job) return;
    let end: JobEnd;
    try {
      end = await runJob({
        job,
        context: this.context,
        parts: this.parts,
        signal,
        setStatus: status => {
          // A cancel that came in between stays visible until the end.
          if (!signal.aborted) this.#setStatus(name, status);
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
    if (this.context.signal.aborted) return;
    this.#end(name, end);
  }

  #setStatus(name: string, status: JobStatus): void {
    const startedAt = status === 'Running' ? { startedAt: new Date().toISOString() } : {};
    const before = this.parts.jobs.get(name)?.status;
    if (before === status) return;
    this.parts.jobs.change(name, { status, ...startedAt });
    this.parts.runs.changeRun(name, {
      status: runStatus[status],
      ...(status === 'Running' ? { startTime: Date.now() } : {}),
      ...(hasEnded(status) ? { endTime: Date.now() } : {}),
    });
    this.context.log(`Job ${name}: ${status}`);
  }

  #end(name: string, end: JobEnd): void {
    this.parts.jobs.change(name, { endedAt: new Date().toISOString(), ...(end.error ? { error: end.error } : {}) });
    this.#setStatus(name, end.status);
  }
}
