import { TaskError } from '../task-error';
import { nearNames } from './near-names';
import { statusOf } from './service-error';
import type { Workspace } from './workspace';

interface ComputeProperties {
  computeType?: string;
  provisioningState?: string;
  properties?: { scaleSettings?: { maxNodeCount?: number } | null } | null;
}

/**
 * ARM id of the compute that a job asks for, once it is clear that the job can run there: a job for a cluster that is not
 * there, is broken or is too small would wait for ever.
 * @param reference a name, `azureml:name` or an ARM id
 * @param nodes how many the job needs
 */
export async function computeId(workspace: Workspace, reference: string, nodes: number): Promise<string> {
  const name = reference.replace(/^azureml:/, '');
  if (name.startsWith('/subscriptions/')) return name;
  // Compute that the service brings along: no resource to look at.
  if (name === 'serverless') return `${workspace.id}/computes/serverless`;
  const compute = await findCompute(workspace, name);
  const { provisioningState, properties } = compute.properties as ComputeProperties;
  if (provisioningState === 'Failed' || provisioningState === 'Deleting') {
    throw new TaskError(
      `The compute '${name}' cannot take jobs: its state is ${provisioningState}. See its page in the studio, or name another.`,
      { code: 'GuardianNotFound' },
    );
  }
  const most = properties?.scaleSettings?.maxNodeCount;
  if (most !== undefined && nodes > most) {
    throw new TaskError(
      `The job asks for ${nodes} nodes, but the cluster '${name}' has at most ${most}: it would wait for ever. Lower resources.instance_count (instanceCount), or raise the cluster's maximum.`,
      { code: 'GuardianInput' },
    );
  }
  return compute.id ?? `${workspace.id}/computes/${name}`;
}

async function findCompute(workspace: Workspace, name: string): Promise<{ id?: string; properties?: object }> {
  const { client, resourceGroup } = workspace;
  try {
    const compute = await client.computeOperations.get(resourceGroup, workspace.name, name);
    // The service finds a compute whatever the case, and the job then fails later: names are compared as they are written.
    if (compute.name === name) return compute;
  } catch (error) {
    if (statusOf(error) !== 404) throw workspace.explain(error, `read the compute '${name}'`);
  }
  const existing: string[] = [];
  try {
    for await (const compute of client.computeOperations.list(resourceGroup, workspace.name))
      existing.push(compute.name ?? '');
  } catch (error) {
    throw workspace.explain(error, "list the workspace's computes");
  }
  throw new TaskError(
    `There is no compute '${name}' in the workspace '${workspace.name}'. ${nearNames(name, existing)}`,
    { code: 'GuardianNotFound' },
  );
}
