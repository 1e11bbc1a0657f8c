import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { root } from '../../../scripts/product';
import { pythonWith } from '../python-packages';

const execute = promisify(execFile);

/** A property as the official SDK's model describes it. */
export interface PublishedProperty {
  /** msrest's notation: `str`, `int`, `duration`, `[str]`, `{int}`, a model's name and so on. */
  type: string;
  required?: boolean;
  /** Only the service writes it. */
  readonly?: boolean;
  pattern?: string;
  /** Of an enumeration. */
  values?: string[];
}

export interface PublishedModel {
  /** By their names in JSON. */
  properties: Record<string, PublishedProperty>;
  /** Which property says which of these models (by that property's value) is meant. */
  discriminator?: { property: string; subtypes: Record<string, string> };
}

export interface PublishedOperation {
  method: string;
  /** Path with `{names}` for what varies. */
  template: string;
  /** Pattern of each varying part, where it has one. */
  path: Record<string, string | null>;
  query: Record<string, { required: boolean }>;
  body?: { model: string; required: boolean };
}

/** Where the models of a resource provider lie in the packages of requirements.txt: releases that carry one set for each version of the API. */
const modelFolders = new Map([
  ['microsoft.machinelearningservices', 'azure/ai/ml/_restclient'],
  ['microsoft.containerservice', 'azure/mgmt/containerservice'],
  ['microsoft.insights', 'azure/mgmt/monitor'],
]);

/** What the official Python SDK knows of one version of an API. */
export interface PublishedSchema {
  operations: PublishedOperation[];
  models: Record<string, PublishedModel>;
}

/**
 * Reads one version of a resource provider's API. Nothing of the SDK is kept in the repository: the export lies in .local/cache.
 * @returns undefined when the SDK has no models of this version, or there is none for this provider
 */
export async function publishedSchema(provider: string, apiVersion: string): Promise<PublishedSchema | undefined> {
  const models = modelFolders.get(provider.toLowerCase());
  if (models === undefined || !/^\d{4}-\d{2}-\d{2}(-\w+)?$/.test(apiVersion)) return undefined;
  const requirements = join(__dirname, 'requirements.txt');
  const script = join(__dirname, 'export_models.py');
  const hash = createHash('sha256');
  for (const file of [requirements, script]) hash.update(await readFile(file));
  const folder = join(root, '.local/cache', `azure-schema-${hash.digest('hex').slice(0, 12)}`);
  const kept = join(folder, `${provider.toLowerCase()}-${apiVersion}.json`);
  let text: string;
  try {
    text = await readFile(kept, 'utf8');
  } catch {
    const { stdout } = await execute(await pythonWith(requirements), [script, models, apiVersion], {
      maxBuffer: 64 * 1024 * 1024,
    });
    text = stdout;
    await mkdir(folder, { recursive: true });
    await writeFile(`${kept}.${process.pid}`, text);
    await rename(`${kept}.${process.pid}`, kept);
  }
  return (JSON.parse(text) as PublishedSchema | null) ?? undefined;
}
