import type { CommandJob, JobBase, JobInputUnion } from '@azure/arm-machinelearning';
import { TaskError } from '../task-error';
import { statusOf } from './service-error';
import type { Workspace } from './workspace';

/** A job as its ARM resource shows it. */
export interface Job {
  readonly name: string;
  /** NotStarted, Starting, Provisioning, Preparing, Queued, Running, Finalizing, CancelRequested, Completed, Failed, Canceled, NotResponding, Paused or Unknown. */
  readonly status: string;
  readonly experimentName: string;
  readonly tags: Readonly<Record<string, string>>;
  /** Each input's literal value or URI. */
  readonly inputs: Readonly<Record<string, string>>;
  readonly studioUrl: string | undefined;
}

/** Statuses that a job does not leave by itself. https://learn.microsoft.com/rest/api/azureml/jobs/get */
const endStatuses = new Set(['Completed', 'Failed', 'Canceled', 'NotResponding', 'Paused']);

export function hasEnded(status: string): boolean {
  return endStatuses.has(status);
}

/** The job, or undefined when there is none of this name. */
export async function getJob(workspace: Workspace, name: string, signal?: AbortSignal): Promise<Job | undefined> {
  try {
    return ofResource(
      name,
      await workspace.client.jobs.get(
        workspace.resourceGroup,
        workspace.name,
        name,
        signal ? { abortSignal: signal } : {},
      ),
    );
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    throw workspace.explain(error, `read the status of job ${name}`);
  }
}

/**
 * Submits a job. The service answers a PUT on an existing name with the old job, so the name must be a fresh one.
 *
 * Not through the SDK: its serializer (2.1.1) files the mappers of asset inputs and outputs under a base that the
 * discriminator does not lead to, and so sends a `uri_folder` input without its `uri`.
 */
export async function createJob(workspace: Workspace, name: string, properties: object): Promise<Job> {
  const { body } = await workspace.send({
    method: 'PUT',
    path: `/jobs/${name}`,
    apiVersion: '2023-10-01',
    body: { properties },
    doing: `submit job ${name}`,
  });
  return ofResource(name, body as JobBase);
}

/** Asks for the job's cancellation; the answer does not say that it has ended. A job that has ended already is left as it is. */
export async function cancelJob(workspace: Workspace, name: string, signal: AbortSignal): Promise<void> {
  await workspace.send({
    method: 'POST',
    path: `/jobs/${name}/cancel`,
    apiVersion: '2022-10-01',
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
  const { inputs } = properties as Partial<CommandJob>;
  return {
    name,
    status: properties.status ?? 'Unknown',
    experimentName: properties.experimentName ?? 'Default',
    tags: (properties.tags as Record<string, string> | undefined) ?? {},
    inputs: Object.fromEntries(
      Object.entries(inputs ?? {}).flatMap(([key, input]) => (input ? [[key, textOf(input)]] : [])),
    ),
    studioUrl: properties.services?.['Studio']?.endpoint,
  };
}

function textOf(input: JobInputUnion): string {
  if ('value' in input) return input.value;
  return 'uri' in input ? input.uri : '';
}
