import { createReadStream, existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { artifactPrefix, resolveDataUri } from '../assets/data-uri';
import type { BlobPlace } from '../blob/blob-store';
import type { AzureContext } from '../context';
import { outputPlace, type JobInput, type JobRecord } from '../jobs/job-record';
import { artifactContainer } from '../workspace/datastores';
import type { ComputeParts } from './compute';
import { JobError } from './job-error';

/** What moving a job's files needs. */
export interface JobFiles {
  job: JobRecord;
  context: AzureContext;
  parts: ComputeParts;
  signal: AbortSignal;
}

/** Folders of a job on the node. */
export interface JobFolders {
  root: string;
  /** Working folder of the command: the code, `outputs` and `logs`. */
  work: string;
  inputs: string;
  outputs: string;
  temporary: string;
}

/** Makes the job's folders, empty. */
export async function makeFolders(context: AzureContext, job: JobRecord): Promise<JobFolders> {
  // Paths go into the command as they are, and on Azure they never hold blanks: a state folder that does is not used for this.
  const base = /^[\w./-]+$/.test(context.stateDir)
    ? join(context.stateDir, 'jobs')
    : join(tmpdir(), `guardian-jobs-${context.identity.workspaceId}`);
  const root = join(base, job.name);
  await rm(root, { recursive: true, force: true });
  const folders: JobFolders = {
    root,
    work: join(root, 'wd'),
    inputs: join(root, 'inputs'),
    outputs: join(root, 'outputs'),
    temporary: join(root, 'tmp'),
  };
  // A folder to write to is there when the command starts; a file is the command's to make.
  const named = Object.entries(job.request.outputs).filter(([, output]) => output.jobOutputType !== 'uri_file');
  const made = [
    join(folders.work, 'outputs'),
    join(folders.work, 'logs'),
    folders.inputs,
    folders.outputs,
    folders.temporary,
    ...named.map(([name]) => join(folders.outputs, name)),
  ];
  for (const folder of made) {
    await mkdir(folder, { recursive: true });
  }
  return folders;
}

/** Downloads the code asset into the working folder. */
export async function bringCode(o: JobFiles, folders: JobFolders): Promise<void> {
  if (o.job.request.codeId === null) return;
  const place = o.parts.codes(o.job.request.codeId);
  if (!place) throw new Error(`The code ${o.job.request.codeId} is no longer there.`);
  await o.context.blobs.download(place.container, place.path, folders.work, o.signal);
}

/** Literal values, and the local paths of the others after they have been downloaded; by input name. */
export async function bringInputs(o: JobFiles, folders: JobFolders): Promise<Record<string, string>> {
  const entries = await Promise.all(
    Object.entries(o.job.request.inputs).map(
      async ([name, input]) => [name, await bringInput(o, folders, name, input)] as const,
    ),
  );
  return Object.fromEntries(entries);
}

async function bringInput(o: JobFiles, folders: JobFolders, name: string, input: JobInput): Promise<string> {
  if (input.jobInputType === 'literal') return input.value ?? '';
  const place = inputPlace(o, input.uri ?? '');
  const folder = join(folders.inputs, name);
  const files = await o.context.blobs.download(place.container, place.path, folder, o.signal);
  if (files.length === 0) throw new JobError(`Input ${name}: there are no files at ${input.uri ?? ''}.`);
  const isFile = files.length === 1 && place.path.split('/').at(-1) === files[0];
  return isFile ? join(folder, files[0] ?? '') : folder;
}

function inputPlace(o: JobFiles, uri: string): BlobPlace {
  if (/^azureml:\/\/(datastores|jobs|subscriptions\/.*\/datastores)\/|^https:|^runs:/i.test(uri)) {
    return resolveDataUri(uri, o.context, o.parts.jobOutputs).place;
  }
  const place = /\/models\/|^azureml:.*\/models\//i.test(uri) ? o.context.models.find(uri)?.place : o.parts.data(uri);
  if (!place) throw new JobError(`The data asset ${uri} was not found.`);
  return place;
}

/** Uploads what the command left in outputs, logs and the named outputs; before the job is seen as ended. */
export async function takeOutputs(o: JobFiles, folders: JobFolders): Promise<void> {
  const { blobs } = o.context;
  const prefix = artifactPrefix(o.job.name);
  for (const name of ['outputs', 'logs'])
    await blobs.uploadFolder(join(folders.work, name), artifactContainer, `${prefix}${name}/`);
  for (const [name, output] of Object.entries(o.job.request.outputs)) {
    const place = outputPlace(o.context, o.job, name);
    const path = join(folders.outputs, name);
    if (output.jobOutputType !== 'uri_file') await blobs.uploadFolder(path, place.container, place.path);
    else if (existsSync(path))
      await blobs.putStream(place.container, place.path.replace(/\/+$/, ''), createReadStream(path));
  }
}
