import type { Collection, Journal } from '../../journal';
import type { JobOutputs } from '../assets/data-uri';
import { resolveDataUri } from '../assets/data-uri';
import type { BlobPlace } from '../blob/blob-store';
import type { AzureContext } from '../context';
import type { JobRequest } from './job-request';

export type JobStatus =
  | 'NotStarted'
  | 'Starting'
  | 'Preparing'
  | 'Queued'
  | 'Running'
  | 'Finalizing'
  | 'CancelRequested'
  | 'Completed'
  | 'Failed'
  | 'Canceled';

/** Why a job failed, as its run tells it. */
export interface JobFailure {
  code: string;
  message: string;
  /** The message with its variable parts as `{Name}`, and those parts; absent when it has none. */
  messageFormat?: string;
  messageParameters?: Record<string, string>;
  innerCode?: string;
}

/** A job as it is kept. Display name, tags, times and metrics are those of its run. */
export interface JobRecord {
  name: string;
  /** Counts up with every job of the workspace: the order of creation. */
  ordinal: number;
  request: JobRequest;
  status: JobStatus;
  createdAt: string;
  createdBy: string;
  startedAt?: string;
  endedAt?: string;
  error?: JobFailure;
  /** The sweep or pipeline that made it, and which trial or step it is there. */
  parent?: { job: string; key: string };
  /** Of a trial: what was drawn from the search space. */
  searchSpace?: Record<string, string>;
}

const ended: ReadonlySet<JobStatus> = new Set(['Completed', 'Failed', 'Canceled']);

export function hasEnded(status: JobStatus): boolean {
  return ended.has(status);
}

/** The jobs of the workspace, with their order of creation and their children as indexes in memory. */
export class JobStore {
  readonly #jobs: Collection<JobRecord>;
  /** Jobs without a parent, oldest first. */
  readonly #order: { ordinal: number; name: string }[] = [];
  readonly #children = new Map<string, string[]>();
  #nextOrdinal = 1;

  constructor(journal: Journal) {
    this.#jobs = journal.collection('jobs');
    const jobs = [...this.#jobs.entries()].map(([, job]) => job).sort((a, b) => a.ordinal - b.ordinal);
    for (const job of jobs) this.#index(job);
  }

  get(name: string): JobRecord | undefined {
    return this.#jobs.get(name);
  }

  add(job: Omit<JobRecord, 'ordinal'>): JobRecord {
    const added = { ...job, ordinal: this.#nextOrdinal };
    this.#jobs.set(job.name, added);
    this.#index(added);
    return added;
  }

  change(name: string, change: Partial<Omit<JobRecord, 'name' | 'ordinal' | 'parent'>>): JobRecord | undefined {
    const job = this.#jobs.get(name);
    if (!job) return undefined;
    const changed = { ...job, ...change };
    this.#jobs.set(name, changed);
    return changed;
  }

  remove(name: string): void {
    const job = this.#jobs.get(name);
    if (!job) return;
    this.#jobs.delete(name);
    const siblings = job.parent ? this.#children.get(job.parent.job) : undefined;
    if (siblings) siblings.splice(siblings.indexOf(name), 1);
    const place = this.#placeOf(job.ordinal);
    if (this.#order[place]?.name === name) this.#order.splice(place, 1);
  }

  /** In the order in which they were made. */
  children(parent: string): JobRecord[] {
    return (this.#children.get(parent) ?? []).flatMap(name => this.#jobs.get(name) ?? []);
  }

  /** Jobs without a parent, newest first, from the first one older than `before`; costs what is taken from it. */
  *newest(before = Infinity): IterableIterator<JobRecord> {
    for (let place = this.#placeOf(before) - 1; place >= 0; place -= 1) {
      const job = this.#jobs.get(this.#order[place]?.name ?? '');
      if (job) yield job;
    }
  }

  /** Every job and child, oldest first; for the start of the server. */
  unfinished(): JobRecord[] {
    return [...this.#jobs.entries()]
      .map(([, job]) => job)
      .filter(job => !hasEnded(job.status))
      .sort((a, b) => a.ordinal - b.ordinal);
  }

  #index(job: JobRecord): void {
    this.#nextOrdinal = Math.max(this.#nextOrdinal, job.ordinal + 1);
    if (!job.parent) {
      this.#order.push({ ordinal: job.ordinal, name: job.name });
      return;
    }
    const siblings = this.#children.get(job.parent.job);
    if (siblings) siblings.push(job.name);
    else this.#children.set(job.parent.job, [job.name]);
  }

  /** Index of the first job in order whose ordinal is at least this one. */
  #placeOf(ordinal: number): number {
    let low = 0;
    let high = this.#order.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#order[middle]?.ordinal ?? 0) < ordinal) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Datastore of outputs that name no place of their own, as in Azure ML. */
const outputDatastore = 'workspaceblobstore';

/** Where a named output of a job lies: where the client wants it, else in the default datastore. */
export function outputUri(job: Pick<JobRecord, 'name' | 'request'>, output: string): string {
  const given = job.request.outputs[output]?.uri;
  // The service takes these two placeholders in a datastore path. Source: docs, how-to-read-write-data-v2.
  const uri = given ?? `azureml://datastores/${outputDatastore}/paths/azureml/\${{name}}/\${{output_name}}/`;
  return uri.replaceAll('${{name}}', job.name).replaceAll('${{output_name}}', output);
}

export function outputPlace(
  context: AzureContext,
  job: Pick<JobRecord, 'name' | 'request'>,
  output: string,
): BlobPlace {
  return resolveDataUri(outputUri(job, output), context, () => undefined).place;
}

/** The lookup that URIs of the form azureml://jobs/… and runs:/… need. A run that is no job has artifacts only. */
export function jobOutputs(
  jobs: JobStore,
  context: () => AzureContext,
  isRun: (id: string) => boolean = () => false,
): JobOutputs {
  return name => {
    const job = jobs.get(name);
    if (!job) return isRun(name) ? { outputs: {} } : undefined;
    const outputs = Object.keys(job.request.outputs).map(
      output => [output, outputPlace(context(), job, output)] as const,
    );
    return { outputs: Object.fromEntries(outputs) };
  };
}
