import { createWriteStream } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname, resolve, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { BlobClient, ContainerClient } from '@azure/storage-blob';
import type { TaskHost } from '../host/task-host';
import { TaskError } from '../task-error';
import { blobReadRetries } from './blob-access';
import { datastoreContainer } from './datastore-container';
import { serviceError } from './service-error';
import type { Workspace } from './workspace';

const parallelReads = 8;

/**
 * Downloads what lies below a datastore URI into a folder, each file streamed to disk and there whole or not at all.
 * @param uri `azureml://…/datastores/<name>/paths/<path>`, a file or a folder
 * @returns how many files there were
 */
export async function downloadUri(workspace: Workspace, uri: string, folder: string, host: TaskHost): Promise<number> {
  const { datastore, path } = datastorePath(uri);
  const container = await datastoreContainer(workspace, datastore, host);
  const explain = (error: unknown, doing: string): Error =>
    serviceError(error, doing, { ...workspace.connection, endpoint: new URL(container.url).origin });
  const files: { name: string; size: number; relative: string }[] = [];
  try {
    for await (const { name, properties } of container.listBlobsFlat({ prefix: path, abortSignal: host.signal })) {
      const isBelow = path === '' || path.endsWith('/') || name.startsWith(`${path}/`);
      if (!isBelow && name !== path) continue;
      const relative = name === path ? (path.split('/').pop() ?? '') : name.slice(path.length).replace(/^\/+/, '');
      if (relative !== '' && !relative.endsWith('/'))
        files.push({ name, size: properties.contentLength ?? 0, relative });
    }
  } catch (error) {
    throw explain(error, `list ${uri}`);
  }
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let file = files[next++]; file; file = files[next++]) {
      try {
        await downloadBlob(blobOf(container, file.name), inside(folder, file.relative), file.size, host);
      } catch (error) {
        throw error instanceof TaskError ? error : explain(error, `download ${file.name}`);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(parallelReads, files.length) }, worker));
  return files.length;
}

function blobOf(container: ContainerClient, name: string): BlobClient {
  return container.getBlobClient(name);
}

async function downloadBlob(blob: BlobClient, target: string, size: number, host: TaskHost): Promise<void> {
  await mkdir(dirname(target), { recursive: true });
  const partial = `${target}.partial`;
  try {
    const answer = await blob.download(0, undefined, { abortSignal: host.signal, maxRetryRequests: blobReadRetries });
    const file = createWriteStream(partial);
    if (answer.readableStreamBody) await pipeline(answer.readableStreamBody, file);
    if (file.bytesWritten !== size)
      throw new TaskError(`${blob.name} has ${size} bytes, but ${file.bytesWritten} arrived. Run the stage again.`);
    await rename(partial, target);
  } finally {
    await rm(partial, { force: true });
  }
}

/** Names of blobs are others' text: none may lead out of the folder. */
function inside(folder: string, relative: string): string {
  const target = resolve(folder, relative);
  if (target.startsWith(resolve(folder) + sep)) return target;
  throw new TaskError(
    `The file name ${JSON.stringify(relative)} leads out of the folder ${folder}, so it is not downloaded.`,
  );
}

function datastorePath(uri: string): { datastore: string; path: string } {
  const [, datastore, path] = /^azureml:\/\/(?:.*\/)?datastores\/([^/]+)(?:\/paths)?\/(.*)$/.exec(uri) ?? [];
  if (datastore === undefined || path === undefined)
    throw new TaskError(`${uri} is not on a datastore of the workspace, so it cannot be downloaded from here.`, {
      code: 'GuardianInput',
    });
  return { datastore, path };
}
