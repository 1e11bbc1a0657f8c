import type { FastifyInstance } from 'fastify';
import { notFound } from '../arm/arm-error';
import { queryValue } from '../arm/arm-scope';
import { resourceList } from '../arm/resource-list';
import type { AzureContext } from '../context';

interface Datastore {
  name: string;
  kind: 'AzureBlob' | 'AzureFile';
  /** Container or file share. */
  place: string;
  isDefault: boolean;
}

/** Container of the datastore that holds what jobs leave behind. */
export const artifactContainer = 'azureml';
export const artifactDatastore = 'workspaceartifactstore';

/** The datastores that every workspace has. File shares are listed, as in Azure, but nothing here serves them. */
function datastores(workspaceGuid: string): Datastore[] {
  return [
    { name: 'workspaceblobstore', kind: 'AzureBlob', place: `azureml-blobstore-${workspaceGuid}`, isDefault: true },
    { name: artifactDatastore, kind: 'AzureBlob', place: artifactContainer, isDefault: false },
    { name: 'workspacefilestore', kind: 'AzureFile', place: `azureml-filestore-${workspaceGuid}`, isDefault: false },
    {
      name: 'workspaceworkingdirectory',
      kind: 'AzureFile',
      place: 'code-391ff5ac-6576-460f-ba4d-7e03433c68b6',
      isDefault: false,
    },
  ];
}

/** The blob container behind a datastore, or undefined when there is no such blob datastore. */
export function containerOfDatastore(name: string, workspaceGuid: string): string | undefined {
  return datastores(workspaceGuid).find(store => store.name === name && store.kind === 'AzureBlob')?.place;
}

export function datastoreOfContainer(container: string, workspaceGuid: string): string | undefined {
  return datastores(workspaceGuid).find(store => store.place === container && store.kind === 'AzureBlob')?.name;
}

/** Makes the containers that clients expect to be there. */
export async function ensureDatastoreContainers(context: AzureContext): Promise<void> {
  const containers = datastores(context.identity.workspaceId).filter(store => store.kind === 'AzureBlob');
  await Promise.all(containers.map(store => context.blobs.container(store.place)));
}

/** GET datastores, GET datastores/{name}, POST datastores/{name}/listSecrets. */
export function registerDatastores(app: FastifyInstance, context: AzureContext): void {
  const all = datastores(context.identity.workspaceId);
  const show = (store: Datastore): unknown => {
    const { account } = context.blobs;
    return {
      id: `${context.workspaceArmId}/datastores/${store.name}`,
      name: store.name,
      type: 'Microsoft.MachineLearningServices/workspaces/datastores',
      properties: {
        description: null,
        tags: null,
        properties: null,
        isDefault: store.isDefault,
        credentials: { credentialsType: 'AccountKey' },
        datastoreType: store.kind,
        accountName: account.name,
        [store.kind === 'AzureBlob' ? 'containerName' : 'fileShareName']: store.place,
        // An IP address has no subdomains: clients then put the account into the path, as the storage SDKs do.
        endpoint: new URL(context.blobs.blobUrl(store.place)).host,
        protocol: 'https',
        serviceDataAccessAuthIdentity: 'None',
        subscriptionId: context.identity.subscriptionId,
        resourceGroup: context.identity.resourceGroup,
      },
      systemData: null,
    };
  };
  const find = (name: string): Datastore => {
    const store = all.find(candidate => candidate.name === name);
    if (!store)
      throw notFound(
        `Could not find datastore ${name}. Datastores of this workspace: ${all.map(known => known.name).join(', ')}.`,
      );
    return store;
  };
  app.get('/datastores', request => {
    const onlyDefault = queryValue(request, 'isDefault')?.toLowerCase() === 'true';
    return resourceList(
      all.filter(store => !onlyDefault || store.isDefault),
      request,
      context.baseUrl,
      show,
    );
  });
  app.get<{ Params: { name: string } }>('/datastores/:name', request => show(find(request.params.name)));
  app.post<{ Params: { name: string }; Body: { expirableSecret?: boolean; expireAfterHours?: number } | undefined }>(
    '/datastores/:name/listSecrets',
    request => {
      const store = find(request.params.name);
      // The artifact store always gives its key: azure-ai-ml signs log URLs with whatever it gets here as if it were a key.
      if (request.body?.expirableSecret === true && store.kind === 'AzureBlob' && store.name !== artifactDatastore) {
        const hours = Math.min(Math.max(request.body.expireAfterHours ?? 1, 1), 24);
        return { secretsType: 'Sas', sasToken: context.blobs.sasToken(store.place, '', 'rwdlac', hours) };
      }
      return { secretsType: 'AccountKey', key: context.blobs.account.key };
    },
  );
}
