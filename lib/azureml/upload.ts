import { basename } from 'node:path';
import { AnonymousCredential, ContainerClient } from '@azure/storage-blob';
import type { TaskHost } from '../host/task-host';
import { TaskError } from '../task-error';
import { blobOptions, untilTaken } from './blob-access';
import { datastoreContainer, defaultDatastore } from './datastore-container';
import { contentDigest, folderContent, type ContentFile } from './folder-content';
import { serviceError, statusOf } from './service-error';
import type { Workspace } from './workspace';

/** `startPendingUpload` and the search by hash came with this version; the SDK speaks an older one. */
const codeVersion = '2023-04-01';
const parallelUploads = 8;
const reportMilliseconds = 5_000;

/**
 * Makes a folder of source code a code asset and returns its ARM id. The asset's name is the content's hash, so that an
 * unchanged folder uploads nothing.
 */
export async function uploadCode(workspace: Workspace, folder: string, host: TaskHost): Promise<string> {
  const files = await folderContent(folder);
  if (files.length === 0 || files[0]?.absolute === folder) {
    throw new TaskError(
      files.length === 0
        ? `The code folder ${folder} holds no files that are uploaded: it is empty, or .amlignore or .gitignore leaves everything out.`
        : `code is the file ${folder}, but must be a folder: name the one that holds it.`,
      { code: 'GuardianInput' },
    );
  }
  const digest = contentDigest(files);
  const path = `/codes/guardian-${digest.slice(0, 32)}/versions/1`;
  const existing = await findCode(workspace, path);
  if (existing !== undefined) {
    host.info(`Code: unchanged since an earlier run (${files.length} files), nothing to upload.`);
    return existing;
  }
  const pending = await workspace.send({
    method: 'POST',
    path: `${path}/startPendingUpload`,
    apiVersion: codeVersion,
    body: { pendingUploadType: 'TemporaryBlobReference' },
    doing: `ask for a place to upload ${folder}`,
  });
  const { blobUri, credential } = (pending.body as PendingUpload).blobReferenceForConsumption;
  host.maskSecret(new URL(credential.sasUri).searchParams.get('sig') ?? '');
  const name = basename(folder);
  const container = new ContainerClient(
    credential.sasUri,
    new AnonymousCredential(),
    blobOptions(credential.sasUri, host),
  );
  await uploadFiles(container, name, files, folder, workspace, host);
  try {
    const created = await workspace.send({
      method: 'PUT',
      path,
      apiVersion: codeVersion,
      body: {
        properties: {
          codeUri: `${blobUri}/${encodeURIComponent(name)}`,
          isAnonymous: true,
          properties: { hash_sha256: digest, hash_version: 'guardian-1' },
        },
      },
      doing: `register the uploaded code of ${folder}`,
    });
    return (created.body as { id: string }).id;
  } catch (error) {
    // Another job with the same code was faster, and a version's place cannot be changed: its upload is as good.
    const others = await findCode(workspace, path);
    if (others === undefined) throw error;
    return others;
  }
}

async function findCode(workspace: Workspace, path: string): Promise<string | undefined> {
  const found = await workspace.send({
    method: 'GET',
    path,
    apiVersion: codeVersion,
    allow: [404],
    doing: 'look for the code asset',
  });
  return found.status === 404 ? undefined : (found.body as { id: string }).id;
}

/** An uploaded file or folder. */
export interface UploadedContent {
  /** `azureml://datastores/…` form for job inputs and models; a folder ends with a slash. */
  readonly uri: string;
  /** https form for build contexts; a folder ends with a slash. */
  readonly url: string;
  readonly digest: string;
}

/** Uploads a file or folder to the workspace's default datastore, below its content hash; what is there already is not sent again. */
export async function uploadData(workspace: Workspace, path: string, host: TaskHost): Promise<UploadedContent> {
  const files = await folderContent(path);
  if (files.length === 0) throw new TaskError(`${path} holds no files to upload.`, { code: 'GuardianInput' });
  const digest = contentDigest(files);
  const container = await datastoreContainer(workspace, defaultDatastore, host);
  const single = files.length === 1 && files[0]?.absolute === path;
  const folder = single ? `LocalUpload/${digest}` : `LocalUpload/${digest}/${basename(path)}`;
  const missing = await untilTaken(() => missingFiles(container, folder, files, workspace, host.signal), host);
  if (missing.length > 0) await uploadFiles(container, folder, missing, path, workspace, host);
  else host.info(`Upload: ${path} is there already (${files.length} files).`);
  const place = single ? `${folder}/${basename(path)}` : `${folder}/`;
  const url = new URL(container.url);
  return {
    uri: `azureml://subscriptions/${workspace.subscriptionId}/resourcegroups/${workspace.resourceGroup}/workspaces/${workspace.name}/datastores/${defaultDatastore}/paths/${place}`,
    url: `${url.origin}${url.pathname}/${place}`,
    digest,
  };
}

interface PendingUpload {
  blobReferenceForConsumption: { blobUri: string; credential: { sasUri: string } };
}

/** The files that are not below the prefix yet. Blobs appear whole or not at all: an upload that broke off goes on where it stopped. */
async function missingFiles(
  container: ContainerClient,
  prefix: string,
  files: readonly ContentFile[],
  workspace: Workspace,
  signal: AbortSignal,
): Promise<ContentFile[]> {
  const sizes = new Map<string, number>();
  try {
    for await (const blob of container.listBlobsFlat({ prefix: `${prefix}/`, abortSignal: signal }))
      sizes.set(blob.name, blob.properties.contentLength ?? 0);
  } catch (error) {
    throw serviceError(error, 'look for an earlier upload', {
      ...workspace.connection,
      endpoint: new URL(container.url).origin,
    });
  }
  return files.filter(file => sizes.get(`${prefix}/${file.path}`) !== file.size);
}

/** Sends files, some at a time, each streamed from disk. */
async function uploadFiles(
  container: ContainerClient,
  prefix: string,
  missing: readonly ContentFile[],
  source: string,
  workspace: Workspace,
  host: TaskHost,
): Promise<void> {
  const explain = (error: unknown, doing: string): Error =>
    serviceError(error, doing, { ...workspace.connection, endpoint: new URL(container.url).origin });
  const total = missing.reduce((sum, file) => sum + file.size, 0);
  let [next, done, sent] = [0, 0, 0];
  let reported = host.clock.now().getTime();
  const say = (): void =>
    host.info(`Upload: ${source}, ${done} of ${missing.length} files, ${kilobytes(sent)} of ${kilobytes(total)}.`);
  const worker = async (): Promise<void> => {
    for (let file = missing[next++]; file; file = missing[next++]) {
      try {
        const blob = container.getBlockBlobClient(`${prefix}/${file.path}`);
        const { absolute } = file;
        await untilTaken(
          () => blob.uploadFile(absolute, { conditions: { ifNoneMatch: '*' }, abortSignal: host.signal }),
          host,
        );
      } catch (error) {
        // The prefix is the content's hash: what another upload put under this name meanwhile is this file.
        if (statusOf(error) !== 409) throw explain(error, `upload ${file.path}`);
      }
      done += 1;
      sent += file.size;
      if (done < missing.length && host.clock.now().getTime() - reported > reportMilliseconds) {
        reported = host.clock.now().getTime();
        say();
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(parallelUploads, missing.length) }, worker));
  say();
}

function kilobytes(bytes: number): string {
  return bytes < 1e6 ? `${Math.ceil(bytes / 1000)} KB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
