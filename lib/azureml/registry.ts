import type { ModelVersion } from '@azure/arm-machinelearning';
import type { TaskHost } from '../host/task-host';
import { TaskError } from '../task-error';
import { ofResource, type Model } from './models';
import { pollDelay } from './online-operation';
import { codeOf } from './service-error';
import { listed, type Workspace } from './workspace';

/** The version that azure-ai-ml 1.35 speaks to registries; ARM's own front end has no import. */
const apiVersion = '2021-10-01-dataplanepreview';
/** Parallel runs each lose at most once to each of the others. */
const versionAttempts = 20;

/** An Azure ML registry, which shares models between workspaces. */
export interface Registry {
  readonly name: string;
  /** URL below which its assets are, without a slash at the end. */
  readonly url: string;
}

/**
 * Finds a registry by its name alone, as azure-ai-ml does: every region's host tells where the registry is.
 * @throws TaskError when there is none, or the connection may not see it
 */
export async function openRegistry(workspace: Workspace, name: string): Promise<Registry> {
  const api = await workspace.apiUrl();
  const { status, body } = await workspace.send({
    method: 'GET',
    path: `${api}/registrymanagement/v1.0/registries/${encodeURIComponent(name)}/discovery`,
    apiVersion: '',
    allow: [404],
    doing: `look for the registry '${name}'`,
  });
  const found = body as { primaryRegionResourceProviderUri?: string; subscriptionId?: string; resourceGroup?: string };
  const { primaryRegionResourceProviderUri: host, subscriptionId, resourceGroup } = found;
  if (status === 404 || !host || !subscriptionId || !resourceGroup)
    throw new TaskError(
      `There is no registry '${name}' (registryName), or ${workspace.connection.principal} may not see it: it needs the role AzureML Registry User on the registry.`,
      { code: 'GuardianNotFound' },
    );
  return {
    name,
    url: `${host.replace(/\/+$/, '')}/mferp/managementfrontend/subscriptions/${subscriptionId}/resourceGroups/${resourceGroup}/providers/Microsoft.MachineLearningServices/registries/${name}`,
  };
}

/** How a job, a deployment or another workspace names a model of the registry. */
export function registryModelId(registry: Pick<Registry, 'name'>, model: Pick<Model, 'name' | 'version'>): string {
  return `azureml://registries/${registry.name}/models/${model.name}/versions/${model.version}`;
}

/** The versions of a model in the registry; empty when it has no such model. */
export async function* registryVersions(workspace: Workspace, registry: Registry, name: string): AsyncGenerator<Model> {
  const list = {
    path: `${registry.url}/models/${name}/versions?api-version=${apiVersion}`,
    apiVersion,
    allow: [404],
    doing: `list the versions of the model '${name}' in the registry '${registry.name}'`,
  };
  for await (const found of listed<ModelVersion>(workspace, list)) yield ofResource(name, found);
}

/**
 * The version of a registry's model that `latest` or a number means, as a deployment names it.
 * @throws TaskError that says what there is instead
 */
export async function registryModel(
  workspace: Workspace,
  registryName: string,
  name: string,
  version: string,
): Promise<Model> {
  const registry = await openRegistry(workspace, registryName);
  const versions: Model[] = [];
  for await (const found of registryVersions(workspace, registry, name)) {
    if (found.version === version) return { ...found, id: registryModelId(registry, found) };
    versions.push(found);
  }
  // The registry's order is its own.
  const latest = versions.sort((a, b) => b.createdAt.localeCompare(a.createdAt))[0];
  if (version === 'latest' && latest) return { ...latest, id: registryModelId(registry, latest) };
  const there = versions.map(other => other.version);
  throw new TaskError(
    there.length === 0
      ? `There is no model '${name}' in the registry '${registryName}'. RegisterModel shares one by its input registryName. Names are case-sensitive.`
      : `The model '${name}' has no version ${version} in the registry '${registryName}'. There ${there.length === 1 ? 'is' : 'are'} ${there.slice(0, 10).join(', ')}.`,
    { code: 'GuardianNotFound' },
  );
}

/**
 * Brings a version of the workspace's model into the registry, by reference: the service copies the files. The registry's version has the
 * same number where that is free, else the next free one.
 * @param isSame whether a version of the registry is this model already
 * @returns the version in the registry, and whether it is new there
 */
export async function shareModel(
  workspace: Workspace,
  registry: Registry,
  model: Model,
  isSame: (other: Model) => boolean,
  host: TaskHost,
): Promise<{ version: string; isNew: boolean }> {
  for (let attempt = 1; attempt <= versionAttempts; attempt++) {
    const taken = new Set<string>();
    for await (const other of registryVersions(workspace, registry, model.name)) {
      if (isSame(other)) return { version: other.version, isNew: false };
      taken.add(other.version);
    }
    const version = freeVersion(model.version, taken);
    try {
      await importModel(workspace, registry, model, version, host);
      return { version, isNew: true };
    } catch (error) {
      // Somebody else took the number in between.
      if (codeOf(error) !== 'GuardianConflict') throw error;
    }
  }
  throw new TaskError(
    `Could not share the model ${model.name}:${model.version} with the registry '${registry.name}': ${versionAttempts} version numbers in a row were taken by others first. Run the stage again.`,
    { code: 'GuardianConflict' },
  );
}

function freeVersion(wanted: string, taken: ReadonlySet<string>): string {
  if (!taken.has(wanted)) return wanted;
  const numbers = [...taken].filter(version => /^\d+$/.test(version)).map(Number);
  return String(Math.max(0, ...numbers) + 1);
}

async function importModel(
  workspace: Workspace,
  registry: Registry,
  model: Model,
  version: string,
  host: TaskHost,
): Promise<void> {
  const doing = `share the model ${model.name}:${model.version} with the registry '${registry.name}' as version ${version}`;
  const source = `azureml://locations/${workspace.location}/workspaces/${workspace.guid}/models/${model.name}/versions/${model.version}`;
  let answer = await workspace.send({
    method: 'POST',
    path: `${registry.url}/import?api-version=${apiVersion}`,
    apiVersion,
    body: {
      properties: {
        referenceType: 'Id',
        sourceAssetId: source,
        destinationName: model.name,
        destinationVersion: version,
      },
    },
    doing,
  });
  const location = answer.header('location');
  for (let looks = 0; answer.status === 202 && location !== undefined; looks++) {
    await host.clock.sleep(pollDelay(looks, answer.header('retry-after')), host.signal);
    answer = await workspace.send({ method: 'GET', path: location, apiVersion, doing });
  }
}
