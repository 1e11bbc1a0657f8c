import { createReadStream, createWriteStream, existsSync } from 'node:fs';
import { chmod, cp, mkdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { artifactPrefix, resolveDataUri } from '../assets/data-uri';
import type { BlobPlace } from '../blob/blob-store';
import type { AzureContext } from '../context';
import { outputPlace, outputUri, type JobRecord } from '../jobs/job-record';
import type { CommandRequest, JobInput } from '../jobs/job-request';
import { artifactContainer } from '../workspace/datastores';
import type { ComputeParts } from './compute-parts';
import { JobError } from './job-error';

/** What moving a job's files needs. */
export interface JobFiles {
  job: JobRecord;
  request: CommandRequest;
  context: AzureContext;
  parts: ComputeParts;
  signal: AbortSignal;
}

/** Folders of a job on its nodes. */
export interface JobFolders {
  root: string;
  /** Working folder of the command on each node: the code, `outputs` and `logs`. */
  work: string[];
  inputs: string;
  outputs: string;
  temporary: string;
}

/** Makes the job's folders, empty. */
export async function makeFolders({ context, job, request }: JobFiles): Promise<JobFolders> {
  // Paths go into the command as they are, and on Azure they never hold blanks: a state folder that does is not used for this.
  const base = /^[\w./-]+$/.test(context.stateDir)
    ? join(context.stateDir, 'jobs')
    : join(tmpdir(), `guardian-jobs-${context.identity.workspaceId}`);
  const root = join(base, job.name);
  await rm(root, { recursive: true, force: true });
  const nodes = Array.from({ length: request.resources.instanceCount }, (_unused, node) => node);
  const folders: JobFolders = {
    root,
    work: nodes.map(node => join(root, node === 0 ? 'wd' : `wd-${node}`)),
    inputs: join(root, 'inputs'),
    outputs: join(root, 'outputs'),
    temporary: join(root, 'tmp'),
  };
  // A folder to write to is there when the command starts; a file is the command's to make.
  const named = Object.entries(request.outputs).filter(([, output]) => output.jobOutputType !== 'uri_file');
  const made = [
    folders.inputs,
    folders.outputs,
    folders.temporary,
    ...named.map(([name]) => join(folders.outputs, name)),
  ];
  for (const folder of made) await mkdir(folder, { recursive: true });
  return folders;
}

/** Downloads the code asset into the working folder of every node. */
export async function bringCode(o: JobFiles, folders: JobFolders): Promise<void> {
  const [first = '', ...others] = folders.work;
  await mkdir(first, { recursive: true });
  if (o.request.codeId !== null) {
    const place = o.parts.codes(o.request.codeId);
    if (!place) throw new JobError(`The code ${o.request.codeId} is no longer there.`);
    const files = await o.context.blobs.download(place.container, place.path, first, o.signal);
    // Blobs have no modes; on Azure's nodes every file of the code may be executed.
    for (const file of files) await chmod(join(first, file), 0o755);
  }
  for (const other of others) await cp(first, other, { recursive: true });
  for (const work of folders.work)
    for (const name of ['outputs', 'logs']) await mkdir(join(work, name), { recursive: true });
}

/** What `${{inputs.x}}` stands for, by name: a literal's value, the URI of a direct input, the local path of another after it was downloaded. */
export async function bringInputs(o: JobFiles, folders: JobFolders): Promise<Record<string, string>> {
  const entries = await Promise.all(
    Object.entries(o.request.inputs).map(
      async ([name, input]) => [name, await bringInput(o, folders, name, input)] as const,
    ),
  );
  return Object.fromEntries(entries);
}

async function bringInput(o: JobFiles, folders: JobFolders, name: string, input: JobInput): Promise<string> {
  if (input.jobInputType === 'literal') return input.value ?? '';
  const uri = input.uri ?? '';
  if (input.mode === 'Direct') return uri;
  const folder = join(folders.inputs, name);
  const place = inputPlace(o, name, input);
  if (!place) return fetchFile(o, name, uri, folder);
  const files = await o.context.blobs.download(place.container, place.path, folder, o.signal);
  if (files.length === 0) throw new JobError(`Input ${name}: there are no files at ${uri}.`);
  // A folder stays one, also when all that is in it is a file of its own name.
  const isFolder =
    input.jobInputType === 'uri_folder' || (input.jobInputType !== 'uri_file' && place.path.endsWith('/'));
  const isFile = !isFolder && files.length === 1 && place.path.replace(/\/+$/, '').split('/').at(-1) === files[0];
  return isFile ? join(folder, files[0] ?? '') : folder;
}

/** Where in this storage account an input lies; undefined for an address on the internet. */
function inputPlace(o: JobFiles, name: string, input: JobInput): BlobPlace | undefined {
  const uri = input.uri ?? '';
  const ofStorage = /^wasbs?:\/\/([^@/]+)@([^/]+)\/(.*)$/i.exec(uri);
  if (ofStorage) {
    const [, container = '', host = '', path = ''] = ofStorage;
    const { account } = o.context.blobs;
    // The account stands in front of the host, or for an address without subdomains behind it.
    if (host.split('.')[0] === account.name) return { container, path };
    throw new JobError(
      `Input ${name}: the storage account of ${uri} cannot be reached; this workspace's is ${account.name}.`,
    );
  }
  if (/^https?:/i.test(uri)) return o.context.blobs.locate(uri);
  if (/^azureml:\/\/(datastores|jobs|subscriptions\/.*\/datastores)\/|^runs:/i.test(uri))
    return resolveDataUri(uri, o.context, o.parts.jobOutputs).place;
  // `azureml:name:version` does not say of what kind the asset is; the input does.
  const isModel = /\/models\//i.test(uri) || (!uri.includes('/') && input.jobInputType.endsWith('_model'));
  const place = isModel ? o.context.models.find(uri)?.place : o.parts.data(uri);
  if (!place) throw new JobError(`The ${isModel ? 'model' : 'data asset'} ${uri} was not found.`);
  return place;
}

async function fetchFile(o: JobFiles, name: string, uri: string, folder: string): Promise<string> {
  const file = join(folder, basename(new URL(uri).pathname) || 'data');
  await mkdir(folder, { recursive: true });
  try {
    const answer = await fetch(uri, { signal: o.signal });
    if (!answer.ok || !answer.body) throw new Error(`the server answered ${answer.status}`);
    await pipeline(Readable.fromWeb(answer.body), createWriteStream(file));
  } catch (error) {
    o.signal.throwIfAborted();
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    throw new JobError(
      `Input ${name}: ${uri} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}.`,
    );
  }
  return file;
}

/** What `${{outputs.y}}` stands for, by name: a local path, or the URI of a direct output. */
export function outputValues({ job, request }: JobFiles, folders: JobFolders): Record<string, string> {
  return Object.fromEntries(
    Object.entries(request.outputs).map(([name, output]) => [
      name,
      output.mode === 'Direct' ? outputUri(job, name) : join(folders.outputs, name),
    ]),
  );
}

/** Uploads what the command left in outputs, logs, the named outputs and inputs that may be written; before the job is seen as ended. */
export async function takeOutputs(o: JobFiles, folders: JobFolders): Promise<void> {
  const { blobs } = o.context;
  const prefix = artifactPrefix(o.job.name);
  // The first node last: where several wrote the same file, its one counts.
  for (const work of [...folders.work].reverse())
    for (const name of ['outputs', 'logs'])
      await blobs.uploadFolder(join(work, name), artifactContainer, `${prefix}${name}/`);
  for (const [name, output] of Object.entries(o.request.outputs)) {
    if (output.mode === 'Direct') continue;
    const place = outputPlace(o.context, o.job, name);
    const path = join(folders.outputs, name);
    if (output.jobOutputType !== 'uri_file') await blobs.uploadFolder(path, place.container, place.path);
    else if (existsSync(path))
      await blobs.putStream(place.container, place.path.replace(/\/+$/, ''), createReadStream(path));
  }
  for (const [name, input] of Object.entries(o.request.inputs)) {
    if (input.mode !== 'ReadWriteMount') continue;
    const place = inputPlace(o, name, input);
    if (!place) continue;
    const folder = join(folders.inputs, name);
    const file = join(folder, place.path.replace(/\/+$/, '').split('/').at(-1) ?? '');
    if (existsSync(file) && (await stat(file)).isFile())
      await blobs.putStream(place.container, place.path.replace(/\/+$/, ''), createReadStream(file));
    else await blobs.uploadFolder(folder, place.container, place.path);
  }
}
