import { setAlias } from '../../lib/azureml/model-aliases';
import type { Model } from '../../lib/azureml/models';
import { openRegistry, registryModelId, shareModel } from '../../lib/azureml/registry';
import type { Workspace } from '../../lib/azureml/workspace';
import type { TaskHost } from '../../lib/host/task-host';
import type { Inputs } from './inputs';

/**
 * Makes a version known beyond its number: shares it with the registry, then moves the aliases to it. A run that is repeated changes nothing.
 * @param isSame whether another version holds the same content
 * @returns the id in the registry; undefined without one
 */
export async function makeKnown(
  workspace: Workspace,
  model: Model,
  isSame: (other: Model) => boolean,
  { aliases, registryName }: Pick<Inputs, 'aliases' | 'registryName'>,
  host: TaskHost,
): Promise<string | undefined> {
  let id: string | undefined;
  if (registryName !== undefined) {
    const registry = await openRegistry(workspace, registryName);
    const { version, isNew } = await shareModel(workspace, registry, model, isSame, host);
    id = registryModelId(registry, { name: model.name, version });
    host.info(isNew ? `Shared as ${id}.` : `${id} has this content already: nothing to share.`);
  }
  for (const alias of aliases) {
    await setAlias(workspace, model.name, alias, model.version);
    host.info(`The alias ${alias} leads to ${model.name}:${model.version}.`);
  }
  return id;
}
