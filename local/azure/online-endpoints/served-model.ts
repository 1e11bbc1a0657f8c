import { mkdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { OperationError } from '../arm/operations';
import type { FoundModel } from '../assets/model-lookup';
import type { AzureContext } from '../context';

/**
 * Puts a model where the service mounts it, `…/azureml-models/{name}/{version}`, a folder below its own name.
 * @returns the folder for AZUREML_MODEL_DIR. @throws OperationError BadArgument when there is nothing to download
 */
export async function downloadModel(
  model: FoundModel,
  folder: string,
  context: Pick<AzureContext, 'blobs' | 'signal'>,
  log: (line: string) => void,
): Promise<string> {
  const target = join(folder, 'azureml-models', model.name, model.version);
  const { container, path } = model.place;
  const prefix = path.replace(/\/+$/, '');
  await rm(target, { recursive: true, force: true });
  await mkdir(target, { recursive: true });
  log(`Downloading ${model.name}:${model.version} from ${container}/${path}`);
  const single = await context.blobs.exists(container, prefix);
  const below = single ? target : join(target, basename(prefix));
  const files = await context.blobs.download(container, path, below, context.signal);
  if (files.length === 0)
    throw new OperationError(
      'BadArgument',
      `The model ${model.name}:${model.version} cannot be downloaded: there is nothing at ${container}/${path}.`,
    );
  for (const file of files) log(`Downloaded ${file}`);
  return target;
}
