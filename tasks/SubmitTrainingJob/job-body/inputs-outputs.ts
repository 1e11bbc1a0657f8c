import type { JobInput, JobOutput } from '../job-file/parts';
import { pythonText } from '../job-file/component';
import { isRemote, localPath } from '../../../lib/azureml/local-path';
import type { JobAssets } from './job-assets';
import { present } from '../../../lib/azureml/present';
import type { Json } from './settings';

/** Names of ways to reach data, in job files and in the API. */
export const modes = {
  ro_mount: 'ReadOnlyMount',
  rw_mount: 'ReadWriteMount',
  download: 'Download',
  upload: 'Upload',
  direct: 'Direct',
  eval_mount: 'EvalMount',
  eval_download: 'EvalDownload',
} as const;

export async function inputsOf(
  inputs: Readonly<Record<string, JobInput>>,
  folder: string,
  assets: JobAssets,
): Promise<Record<string, Json>> {
  const body: Record<string, Json> = {};
  for (const [name, input] of Object.entries(inputs)) body[name] = await inputOf(input, folder, assets);
  return body;
}

async function inputOf(input: JobInput, folder: string, assets: JobAssets): Promise<Json> {
  if (!isData(input)) return { jobInputType: 'literal', value: pythonText(input) };
  const { type, path, mode } = input;
  return {
    jobInputType: type,
    uri: await uriOf(type, path, folder, assets),
    ...(mode === undefined ? {} : { mode: modes[mode] }),
  };
}

/** Whether an input is data rather than a single value, which the service takes as text only. */
export function isData<T extends { path: string }>(input: JobInput | T): input is T {
  return typeof input === 'object' && 'path' in input;
}

export async function uriOf(type: string, path: string, folder: string, assets: JobAssets): Promise<string> {
  if (!isRemote(path)) return assets.data(localPath(folder, path));
  if (!path.startsWith('azureml:')) return path;
  return assets.asset(type.endsWith('_model') ? 'models' : 'data', path);
}

export function outputOf({ type, path, mode, description, name, version }: JobOutput): Json {
  return {
    jobOutputType: type,
    ...present({
      uri: path,
      mode: mode && modes[mode],
      description,
      assetName: name,
      assetVersion: version,
    }),
  };
}
