import type { ModelVersion } from '@azure/arm-machinelearning';
import { tag, type Tags } from '../release/tags';
import { TaskError } from '../task-error';
import { nearNames } from './near-names';
import { codeOf, statusOf } from './service-error';
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
  /** ISO 8601; 1970 when the service does not say. */
  readonly createdAt: string;
}

export interface NewModel {
  readonly uri: string;
  readonly type: string;
  readonly description: string | undefined;
  readonly tags: Readonly<Record<string, string>>;
  readonly properties: Readonly<Record<string, string>>;
  /** Development, Production or Archived, or a name of the user's own. */
  readonly stage: string | undefined;
}

/** Parallel registrations each lose at most once to each of the others. */
const versionAttempts = 50;
/** Knows `stage`, which the SDK's version does not. */
const modelsVersion = '2023-10-01';

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
  // A number is asked for by itself: a model may have thousands of versions.
  const named = version === 'latest' ? undefined : await getModel(workspace, name, version);
  if (named) return named;
  const versions: string[] = [];
  for await (const model of modelVersions(workspace, name)) {
    if (version === 'latest') return model;
    versions.push(model.version);
  }
  if (versions.length > 0)
    throw new TaskError(
      `The model '${name}' has no version ${version}. There ${versions.length === 1 ? 'is' : 'are'} ${versions.slice(0, 10).join(', ')}.`,
      { code: 'GuardianNotFound' },
    );
  const names: string[] = [];
  for await (const container of workspace.client.modelContainers.list(workspace.resourceGroup, workspace.name))
    names.push(container.name ?? '');
  throw new TaskError(`There is no model '${name}' in the workspace '${workspace.name}'. ${nearNames(name, names)}`, {
    code: 'GuardianNotFound',
  });
}

/**
 * Registers a version under the next free number. Reading the next number and taking it are two calls, so somebody else
 * may take it in between: the service then refuses to change that version's path, or the version that is read back holds
 * other content, and the next number is tried.
 */
export async function registerModel(workspace: Workspace, name: string, model: NewModel): Promise<Model> {
  let least = 1;
  for (let attempt = 1; attempt <= versionAttempts; attempt++) {
    const version = Math.max(least, await nextVersion(workspace, name));
    least = version + 1;
    try {
      await putModel(workspace, name, String(version), {
        modelUri: model.uri,
        modelType: model.type,
        ...(model.description === undefined ? {} : { description: model.description }),
        tags: model.tags,
        properties: model.properties,
        ...(model.stage === undefined ? {} : { stage: model.stage }),
      });
    } catch (error) {
      const taken = codeOf(error) === 'GuardianConflict' || (error instanceof TaskError && isFixedPath(error.message));
      if (taken) continue;
      throw error;
    }
    const made = await getModel(workspace, name, String(version));
    if (made && isOurs(made, model)) return made;
  }
  throw new TaskError(
    `Could not register the model '${name}': ${versionAttempts} version numbers in a row were taken by others first. Run the stage again.`,
    { code: 'GuardianConflict' },
  );
}

/** Whether the version holds what was to be registered: of two equal contents it does not matter whose write it was. */
function isOurs(made: Model, wanted: NewModel): boolean {
  const digest = wanted.properties['guardian.digest'];
  return digest === undefined
    ? Object.entries(wanted.properties).every(([key, value]) => made.properties[key] === value)
    : made.properties['guardian.digest'] === digest;
}

/** sha256 of the version's files, when RegisterModel recorded it; an import into a registry keeps only tags. */
export function digestOf({ properties, tags }: Pick<Model, 'properties' | 'tags'>): string | undefined {
  return properties[tag.digest] ?? tags[tag.digest];
}

/**
 * A deployment's tags, and those of the model version in it, which say where that came from. A model that cannot be read has none: what they are read
 * for is told after the work is done.
 */
export async function tagsWithModel(workspace: Workspace, tags: Tags): Promise<Tags> {
  const [name, version] = (tags[tag.model] ?? '').split(':');
  const found = name && version ? await getModel(workspace, name, version).catch(() => undefined) : undefined;
  return { ...tags, ...found?.tags };
}

/** `NAME:VERSION` of the model that a deployment refers to, by `…/models/NAME/versions/VERSION` or `azureml:NAME:VERSION`. */
export function referredModel(reference = ''): string | undefined {
  const [, name, version] =
    /\/models\/([^/]+)\/versions\/([^/]+)$/i.exec(reference) ?? /^azureml:([^:]+):([^:]+)$/.exec(reference) ?? [];
  return name && version ? `${name}:${version}` : undefined;
}

/** The service's answer to a PUT that names another path for a version that exists. */
function isFixedPath(message: string): boolean {
  return /paths cannot be updated|immutable/i.test(message);
}

/** Adds tags to a version, leaving the others. */
export async function tagModel(
  workspace: Workspace,
  model: Model,
  tags: Readonly<Record<string, string>>,
): Promise<void> {
  const doing = `tag the model ${model.name}:${model.version}`;
  // Raw, because the SDK's older version would drop fields such as `stage`, which a PUT then resets.
  const { body } = await workspace.send({
    method: 'GET',
    path: `/models/${model.name}/versions/${model.version}`,
    apiVersion: modelsVersion,
    doing,
  });
  const { properties } = body as { properties: Record<string, unknown> };
  // Only the service writes it.
  delete properties['provisioningState'];
  const current = (properties['tags'] as Record<string, string> | null | undefined) ?? {};
  if (Object.entries(tags).every(([name, value]) => current[name] === value)) return;
  await putModel(workspace, model.name, model.version, { ...properties, tags: { ...current, ...tags } }, doing);
}

async function putModel(
  workspace: Workspace,
  name: string,
  version: string,
  properties: Record<string, unknown>,
  doing = `register the model ${name}:${version}`,
): Promise<void> {
  await workspace.send({
    method: 'PUT',
    path: `/models/${name}/versions/${version}`,
    apiVersion: modelsVersion,
    body: { properties },
    doing,
  });
}

/** The service counts on from the highest number; versions that are no numbers do not count. */
async function nextVersion(workspace: Workspace, name: string): Promise<number> {
  try {
    const container = await workspace.client.modelContainers.get(workspace.resourceGroup, workspace.name, name);
    return Number(container.properties.nextVersion ?? '1') || 1;
  } catch (error) {
    if (statusOf(error) === 404) return 1;
    throw workspace.explain(error, `read the model '${name}'`);
  }
}

/** What the service tells of a version. */
export function ofResource(name: string, { id, name: version, properties, systemData }: ModelVersion): Model {
  return {
    name,
    version: version ?? '',
    id: id ?? '',
    uri: properties.modelUri ?? '',
    type: properties.modelType ?? 'custom_model',
    jobName: properties.jobName,
    tags: (properties.tags as Record<string, string> | undefined) ?? {},
    properties: (properties.properties as Record<string, string> | undefined) ?? {},
    // As text where it was not read by the SDK.
    createdAt: new Date(systemData?.createdAt ?? 0).toISOString(),
  };
}
