import type { CommandJob, JobBase } from '@azure/arm-machinelearning';
import { nearNames, statusOf } from './service-error';
import type { Workspace } from './workspace';
import { TaskError } from '../task-error';

/** A job as its ARM resource shows it. */
export interface Job {
  readonly name: string;
  /** NotStarted, Starting, Provisioning, Preparing, Queued, Running, Finalizing, CancelRequested, Completed, Failed, Canceled, NotResponding, Paused or Unknown. */
  readonly status: string;
  readonly experimentName: string;
  readonly tags: Readonly<Record<string, string>>;
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
export async function createJob(workspace: Workspace, name: string, properties: CommandJob): Promise<Job> {
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

/** ARM id of a compute; a wrong name is answered with the names that exist. */
export async function computeId(workspace: Workspace, name: string): Promise<string> {
  try {
    const compute = await workspace.client.computeOperations.get(workspace.resourceGroup, workspace.name, name);
    // The service finds a compute whatever the case, and the job then fails later: names are compared as they are written.
    if (compute.name === name) return compute.id ?? `${workspace.id}/computes/${name}`;
  } catch (error) {
    if (statusOf(error) !== 404) throw workspace.explain(error, `read the compute '${name}'`);
  }
  const existing: string[] = [];
  for await (const compute of workspace.client.computeOperations.list(workspace.resourceGroup, workspace.name))
    existing.push(compute.name ?? '');
  throw new TaskError(
    `There is no compute '${name}' in the workspace '${workspace.name}'. ${nearNames(name, existing)}`,
  );
}

function ofResource(name: string, { properties }: JobBase): Job {
  return {
    name,
    status: properties.status ?? 'Unknown',
    experimentName: properties.experimentName ?? 'Default',
    tags: (properties.tags as Record<string, string> | undefined) ?? {},
    studioUrl: properties.services?.['Studio']?.endpoint,
  };
}
