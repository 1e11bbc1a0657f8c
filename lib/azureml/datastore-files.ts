import { createWriteStream } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname, resolve, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { ContainerClient } from '@azure/storage-blob';
import type { TaskHost } from '../host/task-host';
import { TaskError } from '../task-error';
import { blobReadRetries, untilTaken } from './blob-access';
import { datastoreContainer } from './datastore-container';
import type { ContentFile } from './folder-content';
import { serviceError } from './service-error';
import { hashStream } from './stream-hash';
import type { Workspace } from './workspace';

const parallelReads = 8;

/** A blob below a datastore URI. */
interface DatastoreFile {
  readonly blob: string;
  readonly size: number;
  /** Path relative to the URI; of a URI that is a file, its name. */
  readonly path: string;
}

/**
 * Downloads what lies below a datastore URI into a folder, each file streamed to disk and there whole or not at all.
 * @param uri `azureml://…/datastores/<name>/paths/<path>`, a file or a folder
 * @returns how many files there were
 */
export async function downloadUri(workspace: Workspace, uri: string, folder: string, host: TaskHost): Promise<number> {
  return eachFile(workspace, uri, host, async (container, file) => {
    const target = inside(folder, file.path);
    await mkdir(dirname(target), { recursive: true });
    const partial = `${target}.partial`;
    try {
      const out = createWriteStream(partial);
      await pipeline(await contentOf(container, file, host), out);
      checkSize(file, out.bytesWritten);
      await rename(partial, target);
    } finally {
      await rm(partial, { force: true });
    }
  });
}

/** Reads the files below a datastore URI once to hash them; they are streamed, not kept. */
export async function hashUri(
  workspace: Workspace,
  uri: string,
  host: TaskHost,
): Promise<Pick<ContentFile, 'path' | 'size' | 'sha256'>[]> {
  const files: Pick<ContentFile, 'path' | 'size' | 'sha256'>[] = [];
  await eachFile(workspace, uri, host, async (container, file) => {
    const { size, sha256 } = await hashStream(await contentOf(container, file, host));
    checkSize(file, size);
    files.push({ path: file.path, size, sha256 });
  });
  return files;
}

/** The paths of the files below a datastore URI, relative to it. */
export async function pathsBelow(workspace: Workspace, uri: string, host: TaskHost): Promise<string[]> {
  const { files } = await open(workspace, uri, host);
  return files.map(({ path }) => path);
}

/** Whether a URI is on a datastore of the workspace. */
export function isOnDatastore(uri: string): boolean {
  return datastorePattern.test(uri);
}

const datastorePattern = /^azureml:\/\/(?:.*\/)?datastores\/([^/]+)(?:\/paths)?\/(.*)$/;

async function eachFile(
  workspace: Workspace,
  uri: string,
  host: TaskHost,
  action: (container: ContainerClient, file: DatastoreFile) => Promise<void>,
): Promise<number> {
  const { container, files, explain } = await open(workspace, uri, host);
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let file = files[next++]; file; file = files[next++]) {
      try {
        await untilTaken(() => action(container, file), host);
      } catch (error) {
        throw explain(error, `read ${file.blob}`);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(parallelReads, files.length) }, worker));
  return files.length;
}

/** The container behind a datastore URI, and what lies below the URI. */
async function open(
  workspace: Workspace,
  uri: string,
  host: TaskHost,
): Promise<{
  container: ContainerClient;
  files: DatastoreFile[];
  explain: (error: unknown, doing: string) => Error;
}> {
  const [, datastore, path] = datastorePattern.exec(uri) ?? [];
  if (datastore === undefined || path === undefined)
    throw new TaskError(`${uri} is not on a datastore of the workspace, so it cannot be read from here.`, {
      code: 'GuardianInput',
    });
  const container = await datastoreContainer(workspace, datastore, host);
  const explain = (error: unknown, doing: string): Error =>
    error instanceof TaskError
      ? error
      : serviceError(error, doing, { ...workspace.connection, endpoint: new URL(container.url).origin });
  const files = await untilTaken(() => filesBelow(container, path, host), host).catch((error: unknown) => {
    throw explain(error, `list ${uri}`);
  });
  return { container, files, explain };
}

async function filesBelow(container: ContainerClient, path: string, host: TaskHost): Promise<DatastoreFile[]> {
  const folder = path === '' || path.endsWith('/') ? path : `${path}/`;
  const files: DatastoreFile[] = [];
  for await (const { name, properties } of container.listBlobsFlat({ prefix: path, abortSignal: host.signal })) {
    const size = properties.contentLength ?? 0;
    if (name === path) files.push({ blob: name, size, path: name.slice(name.lastIndexOf('/') + 1) });
    // A name that ends with a slash is a folder's marker.
    else if (name.startsWith(folder) && !name.endsWith('/'))
      files.push({ blob: name, size, path: name.slice(folder.length) });
  }
  return files;
}

async function contentOf(
  container: ContainerClient,
  { blob }: DatastoreFile,
  host: TaskHost,
): Promise<NodeJS.ReadableStream> {
  const { readableStreamBody } = await container
    .getBlobClient(blob)
    .download(0, undefined, { abortSignal: host.signal, maxRetryRequests: blobReadRetries });
  if (!readableStreamBody) throw new TaskError(`The storage answered without the content of ${blob}.`);
  return readableStreamBody;
}

function checkSize({ blob, size }: DatastoreFile, arrived: number): void {
  if (arrived !== size) throw new TaskError(`${blob} has ${size} bytes, but ${arrived} arrived. Run the stage again.`);
}

/** Names of blobs are others' text: none may lead out of the folder. */
function inside(folder: string, path: string): string {
  const target = resolve(folder, path);
  if (target.startsWith(resolve(folder) + sep)) return target;
  throw new TaskError(
    `The file name ${JSON.stringify(path)} leads out of the folder ${folder}, so it is not downloaded.`,
  );
}
