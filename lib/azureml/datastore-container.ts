import { isIP } from 'node:net';
import { AnonymousCredential, ContainerClient, StorageSharedKeyCredential } from '@azure/storage-blob';
import type { TaskHost } from '../host/task-host';
import { blobOptions } from './blob-access';
import type { Workspace } from './workspace';

/** The workspace's default datastore. */
export const defaultDatastore = 'workspaceblobstore';

/** The blob container behind a datastore, with the permission that the datastore stores, else our own. */
export async function datastoreContainer(
  workspace: Workspace,
  datastore: string,
  host: TaskHost,
): Promise<ContainerClient> {
  const { client, resourceGroup, name, connection } = workspace;
  try {
    const { properties } = await client.datastores.get(resourceGroup, name, datastore);
    const url = containerUrl(properties as BlobDatastore);
    const options = blobOptions(url, host);
    if (properties.credentials.credentialsType === 'None')
      return new ContainerClient(url, connection.credential, options);
    const secrets = await client.datastores.listSecrets(resourceGroup, name, datastore);
    if (secrets.secretsType === 'Sas') {
      const { sasToken = '' } = secrets as { sasToken?: string };
      host.maskSecret(sasToken);
      return new ContainerClient(`${url}?${sasToken.replace(/^\?/, '')}`, new AnonymousCredential(), options);
    }
    const { key = '' } = secrets as { key?: string };
    host.maskSecret(key);
    const { accountName = '' } = properties as BlobDatastore;
    return new ContainerClient(
      url,
      key === '' ? connection.credential : new StorageSharedKeyCredential(accountName, key),
      options,
    );
  } catch (error) {
    throw workspace.explain(error, `open the datastore '${datastore}'`);
  }
}

interface BlobDatastore {
  accountName?: string;
  containerName?: string;
  endpoint?: string;
  protocol?: string;
}

function containerUrl({ accountName = '', containerName = '', endpoint, protocol }: BlobDatastore): string {
  const suffix = endpoint ?? 'core.windows.net';
  // An IP address has no subdomains: the account then stands in the path, as in the storage SDKs.
  const account = isIP(suffix.replace(/:\d+$/, ''))
    ? `${protocol ?? 'https'}://${suffix}/${accountName}`
    : `${protocol ?? 'https'}://${accountName}.blob.${suffix}`;
  return `${account}/${containerName}`;
}
