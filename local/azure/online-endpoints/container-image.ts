import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { OperationError } from '../arm/operations';
import type { FoundEnvironment } from '../assets/environment-lookup';
import type { CodeLookup } from '../assets/codes';
import { condaRequirements } from '../compute/conda-requirements';
import type { PreparePython } from '../compute/python';
import type { AzureContext } from '../context';
import type { Image } from '../images/execute-dockerfile';
import type { ImageBuilder } from '../images/image-builder';
import { pythonImage } from '../images/python-image';
import type { DeploymentRecord } from './endpoint-store';

export interface ImageParts {
  context: AzureContext;
  images: ImageBuilder;
  preparePython: PreparePython;
  codes: CodeLookup;
}

/**
 * What a deployment's container is made of: the image of its environment; for a scoring script a Python of the environment's conda file;
 * for an MLflow model without environment a Python of what the model says that it needs.
 * @throws OperationError with the service's code
 */
export async function containerImage(
  { properties, endpoint, name }: DeploymentRecord,
  environment: FoundEnvironment | undefined,
  /** Where the model was downloaded to, and where files of the deployment may be put. */
  folders: { model: string | undefined; own: string },
  { context, images, preparePython, codes }: ImageParts,
): Promise<Image> {
  const { codeConfiguration } = properties;
  if (environment?.properties.build) return images.image(environment);
  if (environment && codeConfiguration && environment.properties.condaFile !== '') {
    const folder = await downloadCode(codeConfiguration.codeId, folders.own, context, codes);
    return pythonImage(
      {
        name: environment.name,
        version: environment.version,
        requirements: condaRequirements(environment.properties.condaFile),
        folder,
        environment: { AML_APP_ROOT: folder, AZUREML_ENTRY_SCRIPT: codeConfiguration.scoringScript },
      },
      context,
      preparePython,
    );
  }
  if (environment) return images.image(environment);
  const model = folders.model === undefined ? undefined : await folderWith('MLmodel', folders.model);
  if (model === undefined)
    throw new OperationError('BadArgument', 'The model of a deployment without environment has no file MLmodel.');
  return pythonImage(
    {
      name: `${endpoint}-${name}`,
      version: 'mlflow',
      requirements: await requirementsOf(model),
      folder: model,
      environment: { MLFLOW_MODEL_FOLDER: model },
    },
    context,
    preparePython,
  );
}

async function downloadCode(
  codeId: string | null,
  own: string,
  { blobs, signal }: AzureContext,
  codes: CodeLookup,
): Promise<string> {
  const place = codeId === null ? undefined : codes(codeId);
  if (!place) throw new OperationError('BadArgument', `The code ${codeId ?? ''} of the deployment was not found.`);
  const folder = join(own, 'code');
  const files = await blobs.download(place.container, place.path, folder, signal);
  if (files.length === 0) throw new OperationError('BadArgument', `There is nothing in the code ${codeId ?? ''}.`);
  return folder;
}

/** What MLflow wrote beside the model about the packages that it needs. */
async function requirementsOf(model: string): Promise<string[]> {
  const requirements = join(model, 'requirements.txt');
  if (existsSync(requirements))
    return (await readFile(requirements, 'utf8')).split(/\r?\n/).filter(line => !/^\s*(#|$)/.test(line));
  const conda = join(model, 'conda.yaml');
  if (existsSync(conda)) return condaRequirements(await readFile(conda, 'utf8'));
  throw new OperationError('BadArgument', 'The MLflow model has neither requirements.txt nor conda.yaml.');
}

async function folderWith(file: string, root: string): Promise<string | undefined> {
  const found = (await readdir(root, { recursive: true })).find(path => path === file || path.endsWith(`/${file}`));
  return found === undefined ? undefined : dirname(join(root, found));
}
