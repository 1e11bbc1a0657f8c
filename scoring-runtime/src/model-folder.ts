import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Manifest, manifestFile, ManifestError, parseManifest } from './manifest';

/** A model as it lies on disk. */
export interface ModelFolder {
  readonly root: string;
  /** Path from the root to the manifest's folder: empty, or one name and a slash. */
  readonly prefix: string;
  readonly manifest: Manifest;
}

/**
 * Finds the manifest in the folder or in one folder below it: Azure ML mounts a registered folder with or without its
 * own name, depending on how it was registered.
 * @throws ManifestError when there is none, more than one, or one that is not valid
 */
export async function openModelFolder(root: string): Promise<ModelFolder> {
  const entries = await readdir(root, { withFileTypes: true }).catch((error: unknown) => {
    throw new ManifestError(
      `The model folder ${root} (AZUREML_MODEL_DIR) cannot be read: ${(error as NodeJS.ErrnoException).code ?? String(error)}`,
      { cause: error },
    );
  });
  // A mount may show folders as links; trying to read the file inside tells them apart from files.
  const prefixes = ['', ...entries.filter(entry => !entry.isFile()).map(entry => `${entry.name}/`)];
  const found: { prefix: string; json: string }[] = [];
  for (const prefix of prefixes) {
    const json = await readFile(join(root, prefix, manifestFile), 'utf8').catch(() => undefined);
    if (json === undefined) continue;
    found.push({ prefix, json });
    if (prefix === '') break;
  }
  const [first, ...others] = found;
  if (!first) {
    const names = entries.map(entry => entry.name).sort();
    throw new ManifestError(
      `There is no ${manifestFile} in ${root} nor in a folder just below. ` +
        (names.length > 0 ? `It holds ${names.slice(0, 10).join(', ')}. ` : 'It is empty. ') +
        "The file says how an image becomes the model's input; training writes it beside model.onnx.",
    );
  }
  if (others.length > 0) {
    throw new ManifestError(
      `${root} holds several models (${found.map(({ prefix }) => prefix).join(', ')}), but one container serves one.`,
    );
  }
  return { root, prefix: first.prefix, manifest: parseManifest(first.json) };
}
