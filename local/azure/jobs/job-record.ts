import type { Collection, Journal } from '../../journal';
import { resolveDataUri, type JobOutputs } from '../assets/data-uri';
import type { BlobPlace } from '../blob/blob-store';
import type { AzureContext } from '../context';

export type JobStatus =
  | 'NotStarted'
  | 'Queued'
  | 'Preparing'
  | 'Running'
  | 'Finalizing'
  | 'CancelRequested'
  | 'Completed'
  | 'Failed'
  | 'Canceled';

export interface JobInput {
  jobInputType: string;
  /** Of a literal. */
  value?: string;
  uri?: string;
  mode?: string;
}

export interface JobOutput {
  jobOutputType: string;
  mode: string;
  /** Where the client wants it; without one it goes below the job's own artifacts. */
  uri?: string;
}

/** What the client asked for, with the service's defaults. */
export interface JobRequest {
  command: string;
  environmentId: string;
  computeId: string | null;
  codeId: string | null;
  experimentName: string;
  description: string | null;
  properties: Record<string, string>;
  inputs: Record<string, JobInput>;
  outputs: Record<string, JobOutput>;
  environmentVariables: Record<string, string>;
  resources: {
    instanceCount: number;
    instanceType: string | null;
    shmSize: string | null;
    dockerArgs: string | null;
    properties: unknown;
  };
  limits: { jobLimitsType: 'Command'; timeout: string | null } | null;
  distribution: Record<string, unknown> | null;
  identity: Record<string, unknown> | null;
  queueSettings: Record<string, unknown> | null;
}

/** A job as it is kept. Display name, tags, times and metrics are those of its run. */
export interface JobRecord {
  name: string;
  request: JobRequest;
  status: JobStatus;
  createdAt: string;
  createdBy: string;
  startedAt?: string;
  endedAt?: string;
  /** Why it failed. */
  error?: { code: string; message: string };
}

const ended: ReadonlySet<JobStatus> = new Set(['Completed', 'Failed', 'Canceled']);

export function hasEnded(status: JobStatus): boolean {
  return ended.has(status);
}

/** The jobs of the workspace. */
export class JobStore {
  readonly #jobs: Collection<JobRecord>;

  constructor(journal: Journal) {
    this.#jobs = journal.collection('jobs');
  }

  get(name: string): JobRecord | undefined {
    return this.#jobs.get(name);
  }

  add(job: JobRecord): void {
    this.#jobs.set(job.name, job);
  }

  change(name: string, change: Partial<Omit<JobRecord, 'name'>>): JobRecord | undefined {
    const job = this.#jobs.get(name);
    if (!job) return undefined;
    const changed = { ...job, ...change };
    this.#jobs.set(name, changed);
    return changed;
  }

  /** Oldest first. */
  all(): JobRecord[] {
    return [...this.#jobs.entries()].map(([, job]) => job);
  }
}

/** Where a named output of a job lies: where the client wants it, else in the default datastore, as in Azure ML. */
export function outputPlace(context: AzureContext, job: JobRecord, output: string): BlobPlace {
  const uri =
    job.request.outputs[output]?.uri ??
    'azureml://datastores/workspaceblobstore/paths/azureml/${{name}}/${{output_name}}/';
  const filled = uri.replaceAll('${{name}}', job.name).replaceAll('${{output_name}}', output);
  return resolveDataUri(filled, context, () => undefined).place;
}

/** The lookup that URIs of the form azureml://jobs/… need. */
export function jobOutputs(jobs: JobStore, context: () => AzureContext): JobOutputs {
  return name => {
    const job = jobs.get(name);
    if (!job) return undefined;
    const outputs = Object.keys(job.request.outputs).map(
      output => [output, outputPlace(context(), job, output)] as const,
    );
    return { outputs: Object.fromEntries(outputs) };
  };
}
