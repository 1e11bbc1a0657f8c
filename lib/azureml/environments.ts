import { createHash } from 'node:crypto';
import type { EnvironmentVersionProperties } from '@azure/arm-machinelearning';
import { TaskError } from '../task-error';
import { nearNames } from './near-names';
import { statusOf } from './service-error';
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
 * ARM id of what a reference means: `azureml:name:version`, `azureml:name@latest`; an ARM id or `azureml://registries/…`
 * is taken as it is.
 */
export async function resolveEnvironment(workspace: Workspace, reference: string): Promise<string> {
  if (reference.startsWith('azureml://')) return reference;
  const arm = /^(?:azureml:)?(\/subscriptions\/.+)$/.exec(reference)?.[1];
  if (arm !== undefined) return arm;
  const match = /^azureml:([^:@]+)(?::([^:@]+)|@latest)$/.exec(reference);
  if (!match?.[1]) {
    throw new TaskError(
      `The environment "${reference}" is not a reference: write azureml:name:version, azureml:name@latest or azureml://registries/….`,
      { code: 'GuardianInput' },
    );
  }
  const [, name, version] = match;
  const wanted = version ?? (await latestVersion(workspace, name));
  const id = wanted === undefined ? undefined : await findEnvironment(workspace, name, wanted);
  if (id !== undefined) return id;
  throw await environmentNotFound(workspace, name, version);
}

async function environmentNotFound(workspace: Workspace, name: string, version: string | undefined): Promise<Error> {
  const { client, resourceGroup } = workspace;
  const existing: string[] = [];
  try {
    for await (const container of client.environmentContainers.list(resourceGroup, workspace.name))
      existing.push(container.name ?? '');
  } catch (error) {
    return workspace.explain(error, "list the workspace's environments");
  }
  const instead = existing.includes(name) ? 'It has other versions; see it in the studio.' : nearNames(name, existing);
  return new TaskError(
    `There is no environment '${name}'${version ? ` version ${version}` : ''} in the workspace '${workspace.name}'. ${instead}`,
    { code: 'GuardianNotFound' },
  );
}

/** An environment that a job file spells out. */
export interface InlineEnvironment {
  /** Undefined: an environment of this job alone. */
  readonly name: string | undefined;
  readonly version: string | undefined;
  readonly properties: EnvironmentVersionProperties;
}

/** Makes the environment and returns its ARM id. A version that is not given is the content's hash, so that equal ones are one image. */
export async function inlineEnvironment(
  workspace: Workspace,
  { name, version, properties }: InlineEnvironment,
): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify(properties)).digest('hex');
  if (name !== undefined && version !== undefined) return createEnvironment(workspace, name, version, properties);
  // The name that `az ml` gives such environments.
  const asset = name ?? 'CliV2AnonymousEnvironment';
  return (
    (await findEnvironment(workspace, asset, hash)) ??
    createEnvironment(workspace, asset, hash, { ...properties, isAnonymous: name === undefined })
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
