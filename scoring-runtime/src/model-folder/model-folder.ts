import type { Dirent } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Manifest, manifestFile, ManifestError, parseManifest } from '../manifest';
import { onnxFileOf } from './mlflow-model';

/** A model as it lies on disk. */
export interface ModelFolder {
  readonly root: string;
  /** Path from the root to the model's folder: empty, or one name and a slash. */
  readonly prefix: string;
  /** Undefined where the folder has none; what it would say must then be inferred. */
  readonly manifest: Manifest | undefined;
  /** The ONNX file, relative to the model's folder. */
  readonly model: string;
}

/**
 * Finds the models in the folder, or else in the folders just below it: Azure ML mounts a registered folder with or
 * without its own name, depending on how it was registered, and several models may be registered as one folder.
 * What has a guardian-model.json comes before what has only an MLmodel or an ONNX file.
 * @returns at least one, in the order of their folders' names
 * @throws ManifestError when there is none, or a manifest is not valid
 */
export async function openModelFolders(root: string): Promise<ModelFolder[]> {
  const entries = await readdir(root, { withFileTypes: true }).catch((error: unknown) => {
    throw new ManifestError(
      `The model folder ${root} (AZUREML_MODEL_DIR) cannot be read: ${(error as NodeJS.ErrnoException).code ?? String(error)}`,
      { cause: error },
    );
  });
  // A mount may show folders as links; trying to read the file inside tells them apart from files.
  const below = entries.filter(entry => !entry.isFile()).map(entry => `${entry.name}/`);
  for (const open of [openWithManifest, openWithout]) {
    const own = await open(root, '');
    if (own) return [own];
    const found: ModelFolder[] = [];
    for (const prefix of below.sort()) {
      const one = await open(root, prefix);
      if (one) found.push(one);
    }
    if (found.length > 0) return found;
  }
  throw nothingIn(root, entries);
}

async function openWithManifest(root: string, prefix: string): Promise<ModelFolder | undefined> {
  const json = await readFile(join(root, prefix, manifestFile), 'utf8').catch(() => undefined);
  if (json === undefined) return undefined;
  const manifest = parseManifest(json, `${prefix}${manifestFile}`);
  return { root, prefix, manifest, model: manifest.model };
}

async function openWithout(root: string, prefix: string): Promise<ModelFolder | undefined> {
  const folder = join(root, prefix);
  const named = await onnxFileOf(folder);
  if (named !== undefined) return { root, prefix, manifest: undefined, model: named };
  const names = await readdir(folder).catch(() => []);
  const [model, ...others] = names.filter(name => name.endsWith('.onnx'));
  if (model === undefined) return undefined;
  if (others.length > 0)
    throw new ManifestError(
      `${folder} has several ONNX files (${[model, ...others].join(', ')}) and no ${manifestFile} that names one.`,
    );
  return { root, prefix, manifest: undefined, model };
}

function nothingIn(root: string, entries: readonly Dirent[]): ManifestError {
  const names = entries.map(entry => entry.name).sort();
  return new ManifestError(
    `There is no ${manifestFile} in ${root} nor in a folder just below, and no ONNX file either. ` +
      (names.length > 0 ? `It holds ${names.slice(0, 10).join(', ')}. ` : 'It is empty. ') +
      "The file says how an image becomes the model's input; training writes it beside model.onnx.",
  );
}
