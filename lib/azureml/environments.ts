import { createHash } from 'node:crypto';
import type { EnvironmentVersionProperties } from '@azure/arm-machinelearning';
import { TaskError } from '../task-error';
import { nearNames, statusOf } from './service-error';
import type { Workspace } from './workspace';

/** The version's ARM id, or undefined when there is none. */
export async function findEnvironment(
  workspace: Workspace,
  name: string,
  version: string,
): Promise<string | undefined> {
  try {
    const found = await workspace.client.environmentVersions.get(
      workspace.resourceGroup,
      workspace.name,
      name,
      version,
    );
    return found.id ?? `${workspace.id}/environments/${name}/versions/${version}`;
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    throw workspace.explain(error, `read the environment ${name}:${version}`);
  }
}

export async function createEnvironment(
  workspace: Workspace,
  name: string,
  version: string,
  properties: EnvironmentVersionProperties,
): Promise<string> {
  try {
    const made = await workspace.client.environmentVersions.createOrUpdate(
      workspace.resourceGroup,
      workspace.name,
      name,
      version,
      { properties },
    );
    return made.id ?? `${workspace.id}/environments/${name}/versions/${version}`;
  } catch (error) {
    throw workspace.explain(error, `create the environment ${name}:${version}`);
  }
}

/**
 * ARM id of what a reference means: `azureml:name:version`, `azureml:name@latest`, or `azureml://registries/…`, which is
 * taken as it is.
 */
export async function resolveEnvironment(workspace: Workspace, reference: string): Promise<string> {
  if (reference.startsWith('azureml://')) return reference;
  const match = /^azureml:([^:@]+)(?::([^:@]+)|@latest)$/.exec(reference);
  if (!match?.[1]) {
    throw new TaskError(
      `The environment "${reference}" is not a reference: write azureml:name:version, azureml:name@latest or azureml://registries/….`,
    );
  }
  const [, name, version] = match;
  const wanted = version ?? (await latestVersion(workspace, name));
  const id = wanted === undefined ? undefined : await findEnvironment(workspace, name, wanted);
  if (id !== undefined) return id;
  const existing: string[] = [];
  for await (const container of workspace.client.environmentContainers.list(workspace.resourceGroup, workspace.name))
    existing.push(container.name ?? '');
  throw new TaskError(
    `There is no environment '${name}'${version ? ` version ${version}` : ''} in the workspace '${workspace.name}'. ${nearNames(name, existing)}`,
  );
}

/** An environment that only one job names: its version is its content's hash, so that equal ones are one image. */
export async function anonymousEnvironment(
  workspace: Workspace,
  properties: EnvironmentVersionProperties,
): Promise<string> {
  const name = 'CliV2AnonymousEnvironment';
  const version = createHash('sha256').update(JSON.stringify(properties)).digest('hex');
  return (
    (await findEnvironment(workspace, name, version)) ??
    createEnvironment(workspace, name, version, { ...properties, isAnonymous: true })
  );
}

async function latestVersion(workspace: Workspace, name: string): Promise<string | undefined> {
  const { client, resourceGroup } = workspace;
  for await (const found of client.environmentVersions.list(resourceGroup, workspace.name, name, {
    orderBy: 'createdtime desc',
    top: 1,
  }))
    return found.name;
  return undefined;
}
