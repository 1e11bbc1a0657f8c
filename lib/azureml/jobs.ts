import type { CommandJob, JobBase, JobInputUnion } from '@azure/arm-machinelearning';
import { TaskError } from '../task-error';
import type { Workspace } from './workspace';

/** A job as its ARM resource shows it. */
export interface Job {
  readonly name: string;
  /** Command, Sweep or Pipeline; others that the workspace may hold by their own name. */
  readonly type: string;
  /** NotStarted, Starting, Provisioning, Preparing, Queued, Running, Finalizing, CancelRequested, Completed, Failed, Canceled, NotResponding, Paused or Unknown. */
  readonly status: string;
  readonly experimentName: string;
  readonly tags: Readonly<Record<string, string>>;
  /** Each input's literal value or URI. */
  readonly inputs: Readonly<Record<string, string>>;
  /** URI of each named output, `default` being the job's artifacts, as far as the service has placed them. */
  readonly outputs: Readonly<Record<string, string>>;
  readonly properties: Readonly<Record<string, string>>;
  readonly studioUrl: string | undefined;
}

/** Statuses that a job does not leave by itself. https://learn.microsoft.com/rest/api/azureml/jobs/get */
const endStatuses = new Set(['Completed', 'Failed', 'Canceled', 'NotResponding', 'Paused']);

export function hasEnded(status: string): boolean {
  return endStatuses.has(status);
}

/**
 * Not through the SDK: its mappers (2.1.1) of asset inputs and outputs stand under a base that the discriminator does not
 * lead to, so that a `uri_folder` input is sent and read without its `uri`.
 */
const apiVersion = '2023-10-01';

/** The job, or undefined when there is none of this name. */
export async function getJob(workspace: Workspace, name: string, signal?: AbortSignal): Promise<Job | undefined> {
  const { status, body } = await workspace.send({
    method: 'GET',
    path: `/jobs/${encodeURIComponent(name)}`,
    apiVersion,
    allow: [404],
    doing: `read the status of job ${name}`,
    ...(signal ? { signal } : {}),
  });
  return status === 404 ? undefined : ofResource(name, body as JobBase);
}

/** Longest that a submission may take, with its retries. */
const submitMilliseconds = 120_000;

/**
 * Submits a job. A cancellation does not break it off, because the job might then run unseen: who is cancelled meanwhile has its name, and
 * cancels it. The service answers a PUT on an existing name with the old job, so the name must be a fresh one.
 * @param properties of the job's resource, in the form of 2023-10-01
 */
export async function createJob(workspace: Workspace, name: string, properties: object): Promise<Job> {
  const { body } = await workspace.send({
    method: 'PUT',
    path: `/jobs/${name}`,
    apiVersion,
    body: { properties },
    doing: `submit job ${name}`,
    signal: AbortSignal.timeout(submitMilliseconds),
  });
  return ofResource(name, body as JobBase);
}

/** Asks for the job's cancellation; the answer does not say that it has ended. A job that has ended already is left as it is. */
export async function cancelJob(workspace: Workspace, name: string, signal: AbortSignal): Promise<void> {
  await workspace.send({
    method: 'POST',
    path: `/jobs/${name}/cancel`,
    apiVersion,
    doing: `cancel job ${name}`,
    signal,
  });
}

/** The job that a later task names; an error that says so when there is none. */
export async function existingJob(workspace: Workspace, name: string): Promise<Job> {
  const job = await getJob(workspace, name);
  if (job) return job;
  throw new TaskError(
    `There is no job '${name}' in the workspace '${workspace.name}' (jobName). The output jobName of SubmitTrainingJob names it; is that step's name right?`,
    { code: 'GuardianNotFound' },
  );
}

function ofResource(name: string, { properties }: JobBase): Job {
  const { inputs, outputs } = properties as Partial<CommandJob>;
  return {
    name,
    type: properties.jobType,
    status: properties.status ?? 'Unknown',
    experimentName: properties.experimentName ?? 'Default',
    tags: (properties.tags as Record<string, string> | undefined) ?? {},
    inputs: Object.fromEntries(
      Object.entries(inputs ?? {}).flatMap(([key, input]) => (input ? [[key, textOf(input)]] : [])),
    ),
    outputs: Object.fromEntries(
      Object.entries(outputs ?? {}).flatMap(([key, output]) =>
        output && 'uri' in output && output.uri ? [[key, output.uri]] : [],
      ),
    ),
    properties: (properties.properties as Record<string, string> | undefined) ?? {},
    studioUrl: properties.services?.['Studio']?.endpoint,
  };
}

function textOf(input: JobInputUnion): string {
  if ('value' in input) return input.value;
  return 'uri' in input ? input.uri : '';
}
