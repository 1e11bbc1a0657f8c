import type { ModelVersion } from '@azure/arm-machinelearning';
import { TaskError } from '../task-error';
import { nearNames, statusOf } from './service-error';
import type { Workspace } from './workspace';

/** A version of a registered model. */
export interface Model {
  readonly name: string;
  readonly version: string;
  /** ARM id. */
  readonly id: string;
  /** Where its files lie, as the service resolved it. */
  readonly uri: string;
  readonly type: string;
  readonly jobName: string | undefined;
  readonly tags: Readonly<Record<string, string>>;
  readonly properties: Readonly<Record<string, string>>;
}

export interface NewModel {
  readonly uri: string;
  readonly type: string;
  readonly description: string | undefined;
  readonly tags: Readonly<Record<string, string>>;
  readonly properties: Readonly<Record<string, string>>;
}

/** Parallel registrations each lose at most once to each of the others. */
const versionAttempts = 50;

/** The versions of a model, newest first; empty when there is no such model. */
export async function* modelVersions(workspace: Workspace, name: string): AsyncGenerator<Model> {
  const { client, resourceGroup } = workspace;
  try {
    for await (const found of client.modelVersions.list(resourceGroup, workspace.name, name, {
      orderBy: 'createdtime desc',
      listViewType: 'ActiveOnly',
    })) {
      yield ofResource(name, found);
    }
  } catch (error) {
    if (statusOf(error) !== 404) throw workspace.explain(error, `list the versions of the model '${name}'`);
  }
}

/** The version, or undefined when there is none. */
export async function getModel(workspace: Workspace, name: string, version: string): Promise<Model | undefined> {
  try {
    return ofResource(
      name,
      await workspace.client.modelVersions.get(workspace.resourceGroup, workspace.name, name, version),
    );
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    throw workspace.explain(error, `read the model ${name}:${version}`);
  }
}

/** The version that `latest` or a number means; a name or version that is not there is answered with what is. */
export async function findModel(workspace: Workspace, name: string, version: string): Promise<Model> {
  const versions: string[] = [];
  for await (const model of modelVersions(workspace, name)) {
    if (version === 'latest' || model.version === version) return model;
    versions.push(model.version);
  }
  if (versions.length > 0)
    throw new TaskError(
      `The model '${name}' has no version ${version}. There ${versions.length === 1 ? 'is' : 'are'} ${versions.slice(0, 10).join(', ')}.`,
    );
  const names: string[] = [];
  for await (const container of workspace.client.modelContainers.list(workspace.resourceGroup, workspace.name))
    names.push(container.name ?? '');
  throw new TaskError(`There is no model '${name}' in the workspace '${workspace.name}'. ${nearNames(name, names)}`);
}

/**
 * Registers a version under the next free number. Reading the next number and taking it are two calls, so somebody else
 * may take it in between: the service then refuses to change that version's path, and the next number is tried.
 */
export async function registerModel(workspace: Workspace, name: string, model: NewModel): Promise<Model> {
  for (let attempt = 1; attempt <= versionAttempts; attempt++) {
    const version = await nextVersion(workspace, name);
    const made = await workspace.send({
      method: 'PUT',
      path: `/models/${name}/versions/${version}`,
      apiVersion: '2023-10-01',
      body: {
        properties: {
          modelUri: model.uri,
          modelType: model.type,
          ...(model.description === undefined ? {} : { description: model.description }),
          tags: model.tags,
          properties: model.properties,
        },
      },
      allow: [400, 409],
      doing: `register the model ${name}:${version}`,
    });
    if (made.status < 300)
      return ofResource(name, {
        ...(made.body as { id: string; name: string }),
        properties: (made.body as { properties: ModelVersion['properties'] }).properties,
      });
    const { error } = made.body as { error?: { code?: string; message?: string } };
    const taken = made.status === 409 || /cannot be updated/i.test(error?.message ?? '');
    if (!taken)
      throw new TaskError(
        `Could not register the model ${name}:${version}. Azure answered ${made.status} ${error?.code ?? ''}: ${error?.message ?? 'no reason given'}`,
      );
  }
  throw new TaskError(
    `Could not register the model '${name}': ${versionAttempts} version numbers in a row were taken by others first. Run the stage again.`,
  );
}

/** Adds tags to a version, leaving the others. */
export async function tagModel(
  workspace: Workspace,
  model: Model,
  tags: Readonly<Record<string, string>>,
): Promise<void> {
  const { client, resourceGroup } = workspace;
  try {
    const current = await client.modelVersions.get(resourceGroup, workspace.name, model.name, model.version);
    await client.modelVersions.createOrUpdate(resourceGroup, workspace.name, model.name, model.version, {
      properties: {
        ...current.properties,
        tags: { ...(current.properties.tags as Record<string, string> | undefined), ...tags },
      },
    });
  } catch (error) {
    throw workspace.explain(error, `tag the model ${model.name}:${model.version}`);
  }
}

async function nextVersion(workspace: Workspace, name: string): Promise<string> {
  try {
    const container = await workspace.client.modelContainers.get(workspace.resourceGroup, workspace.name, name);
    return container.properties.nextVersion ?? '1';
  } catch (error) {
    if (statusOf(error) === 404) return '1';
    throw workspace.explain(error, `read the model '${name}'`);
  }
}

function ofResource(name: string, { id, name: version, properties }: ModelVersion): Model {
  return {
    name,
    version: version ?? '',
    id: id ?? '',
    uri: properties.modelUri ?? '',
    type: properties.modelType ?? 'custom_model',
    jobName: properties.jobName,
    tags: (properties.tags as Record<string, string> | undefined) ?? {},
    properties: (properties.properties as Record<string, string> | undefined) ?? {},
  };
}
