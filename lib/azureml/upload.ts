import { isIP } from 'node:net';
import { basename } from 'node:path';
import { ContainerClient, StorageSharedKeyCredential } from '@azure/storage-blob';
import type { TaskHost } from '../host/task-host';
import { contentDigest, folderContent, type ContentFile } from './folder-content';
import { serviceError, statusOf } from './service-error';
import type { Workspace } from './workspace';

/** `startPendingUpload` and the search by hash came with this version; the SDK speaks an older one. */
const codeVersion = '2023-04-01';
const parallelUploads = 8;

/**
 * Makes a folder of source code a code asset and returns its ARM id. The asset's name is the content's hash, so that an
 * unchanged folder uploads nothing.
 */
export async function uploadCode(workspace: Workspace, folder: string, host: TaskHost): Promise<string> {
  const files = await folderContent(folder);
  const digest = contentDigest(files);
  const path = `/codes/guardian-${digest.slice(0, 32)}/versions/1`;
  const existing = await workspace.send({
    method: 'GET',
    path,
    apiVersion: codeVersion,
    allow: [404],
    doing: 'look for the code asset',
  });
  if (existing.status === 200) {
    host.info(`Code: unchanged since an earlier run (${files.length} files), nothing to upload.`);
    return (existing.body as { id: string }).id;
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
  await uploadFiles(new ContainerClient(credential.sasUri), name, files, folder, workspace, host);
  const created = await workspace.send({
    method: 'PUT',
    path,
    apiVersion: codeVersion,
    body: {
      properties: {
        codeUri: `${blobUri}/${name}`,
        isAnonymous: true,
        properties: { hash_sha256: digest, hash_version: '202208' },
      },
    },
    doing: `register the uploaded code of ${folder}`,
  });
  return (created.body as { id: string }).id;
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
  const digest = contentDigest(files);
  const { container, datastore } = await defaultContainer(workspace, host);
  const single = files.length === 1 && files[0]?.absolute === path;
  const folder = single ? `LocalUpload/${digest}` : `LocalUpload/${digest}/${basename(path)}`;
  await uploadFiles(container, folder, files, path, workspace, host);
  const place = single ? `${folder}/${basename(path)}` : `${folder}/`;
  const url = new URL(container.url);
  return {
    uri: `azureml://subscriptions/${workspace.subscriptionId}/resourcegroups/${workspace.resourceGroup}/workspaces/${workspace.name}/datastores/${datastore}/paths/${place}`,
    url: `${url.origin}${url.pathname}/${place}`,
    digest,
  };
}

interface PendingUpload {
  blobReferenceForConsumption: { blobUri: string; credential: { sasUri: string } };
}

async function defaultContainer(
  workspace: Workspace,
  host: TaskHost,
): Promise<{ container: ContainerClient; datastore: string }> {
  const { client, resourceGroup, name } = workspace;
  try {
    const store = await client.datastores.get(resourceGroup, name, 'workspaceblobstore');
    const secrets = await client.datastores.listSecrets(resourceGroup, name, 'workspaceblobstore');
    const properties = store.properties as {
      accountName?: string;
      containerName?: string;
      endpoint?: string;
      protocol?: string;
    };
    const { accountName = '', containerName = '', endpoint = 'core.windows.net', protocol = 'https' } = properties;
    // An IP address has no subdomains: the account then stands in the path, as in the storage SDKs.
    const account = isIP(endpoint.replace(/:\d+$/, ''))
      ? `${protocol}://${endpoint}/${accountName}`
      : `${protocol}://${accountName}.blob.${endpoint}`;
    const url = `${account}/${containerName}`;
    if (secrets.secretsType === 'Sas') {
      const { sasToken = '' } = secrets as { sasToken?: string };
      host.maskSecret(sasToken);
      return {
        container: new ContainerClient(`${url}?${sasToken.replace(/^\?/, '')}`),
        datastore: 'workspaceblobstore',
      };
    }
    const { key = '' } = secrets as { key?: string };
    host.maskSecret(key);
    // A datastore without stored credentials is reached with our own identity.
    const credential = key === '' ? workspace.connection.credential : new StorageSharedKeyCredential(accountName, key);
    return { container: new ContainerClient(url, credential), datastore: 'workspaceblobstore' };
  } catch (error) {
    throw workspace.explain(error, "open the workspace's default datastore 'workspaceblobstore'");
  }
}

/** Sends the files that are not there yet, some at a time, each streamed from disk. */
async function uploadFiles(
  container: ContainerClient,
  prefix: string,
  files: readonly ContentFile[],
  source: string,
  workspace: Workspace,
  host: TaskHost,
): Promise<void> {
  const total = files.reduce((sum, file) => sum + file.size, 0);
  let [next, sent, skipped] = [0, 0, 0];
  const worker = async (): Promise<void> => {
    for (let file = files[next++]; file; file = files[next++]) {
      const blob = container.getBlockBlobClient(`${prefix}/${file.path}`);
      try {
        await blob.uploadFile(file.absolute, { conditions: { ifNoneMatch: '*' }, abortSignal: host.signal });
        sent += file.size;
      } catch (error) {
        // The prefix is the content's hash: what is there under this name is this file, whole, from an earlier try.
        if (statusOf(error) !== 409)
          throw serviceError(error, `upload ${file.path}`, {
            ...workspace.connection,
            endpoint: new URL(container.url).origin,
          });
        skipped += 1;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(parallelUploads, files.length) }, worker));
  host.info(
    skipped === files.length
      ? `Upload: ${source} is there already (${files.length} files).`
      : `Upload: ${source}, ${files.length - skipped} of ${files.length} files, ${kilobytes(sent)} of ${kilobytes(total)}.`,
  );
}

function kilobytes(bytes: number): string {
  return bytes < 1e6 ? `${Math.ceil(bytes / 1000)} KB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
