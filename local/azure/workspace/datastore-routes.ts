import type { FastifyInstance, FastifyRequest } from 'fastify';
import { notFound, userError } from '../arm/arm-error';
import { queryValue } from '../arm/arm-scope';
import { resourceList } from '../arm/resource-list';
import { assetName } from '../assets/asset-body';
import type { AzureContext } from '../context';
import { oneOf, type Body } from '../jobs/body-fields';
import { placeField, readDatastore } from './datastore-body';
import { artifactDatastore, defaultDatastore, type Datastore } from './datastores';

interface Named {
  Params: { name: string };
  Body: Body | undefined;
}

/** Datastores: listed, read, added, changed, deleted, and their secrets. */
export function registerDatastores(app: FastifyInstance, context: AzureContext): void {
  const { datastores } = context;
  const find = (name: string): Datastore => {
    const store = datastores.get(name);
    if (store) return store;
    const known = datastores.all().map(other => other.name);
    throw notFound(`Could not find datastore ${name}. Datastores of this workspace: ${known.join(', ')}.`);
  };
  const refuseOwn = (name: string, what: string): void => {
    if (datastores.isOwn(name)) throw userError(`The datastore ${name} came with the workspace and cannot be ${what}.`);
  };
  const show = (store: Datastore): unknown => datastoreResource(store, context);

  app.get('/datastores', request => resourceList(wanted(datastores.all(), request), request, context.baseUrl, show));
  app.get<Named>('/datastores/:name', request => show(find(request.params.name)));
  app.put<Named>('/datastores/:name', (request, reply) => {
    const name = assetName('datastore', request.params.name);
    refuseOwn(name, 'changed');
    const { properties } = request.body ?? {};
    const store = readDatastore(name, (properties ?? {}) as Body);
    const { account } = datastores;
    const isChecked = queryValue(request, 'skipValidation')?.toLowerCase() !== 'true';
    if (
      isChecked &&
      store.account === account.name &&
      store.secrets?.key !== undefined &&
      store.secrets.key !== account.key
    )
      throw userError(`The account key is not one of the storage account ${account.name}.`, { target: 'credentials' });
    const isNew = datastores.get(name) === undefined;
    datastores.put(store);
    return reply.code(isNew ? 201 : 200).send(show(store));
  });
  app.delete<Named>('/datastores/:name', (request, reply) => {
    const { name } = request.params;
    refuseOwn(name, 'deleted');
    if (!datastores.get(name)) return reply.code(204).send();
    datastores.delete(name);
    return reply.code(200).send();
  });
  app.post<{ Params: { name: string }; Body: { expirableSecret?: boolean; expireAfterHours?: number } | undefined }>(
    '/datastores/:name/listSecrets',
    request => {
      const store = find(request.params.name);
      if (store.secrets === null) throw userError(`The datastore ${store.name} has no credentials.`);
      const isContainer = store.kind === 'AzureBlob' && store.secrets.key === datastores.account.key;
      // The artifact store always gives its key: azure-ai-ml signs log URLs with whatever it gets here as if it were a key.
      if (request.body?.expirableSecret === true && isContainer && store.name !== artifactDatastore) {
        const hours = Math.min(Math.max(request.body.expireAfterHours ?? 1, 1), 24);
        return { secretsType: 'Sas', sasToken: context.blobs.sasToken(store.place, '', 'rwdlac', hours) };
      }
      return store.secrets;
    },
  );
}

/** `names`, `searchText`, `isDefault`, `orderBy`, `orderByAsc` of Datastores_List. @throws ArmError 400 */
function wanted(all: Datastore[], request: FastifyRequest): Datastore[] {
  const get = (name: string): string | undefined => queryValue(request, name);
  const names = get('names')?.split(',');
  const words = get('searchText')?.toLowerCase() ?? '';
  const isDefault = get('isDefault')?.toLowerCase();
  const found = all.filter(
    ({ name }) =>
      (names?.includes(name) ?? true) &&
      name.toLowerCase().includes(words) &&
      (isDefault === undefined || isDefault === String(name === defaultDatastore)),
  );
  if (get('orderBy') === undefined) return found;
  // Of the service's orders those that this place can tell apart.
  oneOf({ orderBy: get('orderBy') }, 'orderBy', ['name'], 'name');
  const sign = get('orderByAsc')?.toLowerCase() === 'false' ? -1 : 1;
  return found.sort((a, b) => sign * a.name.localeCompare(b.name));
}

function datastoreResource(store: Datastore, context: AzureContext): Record<string, unknown> {
  const { name, kind, place, account, credentials, properties } = store;
  const ownAccount = context.datastores.isOwn(name);
  return {
    id: `${context.workspaceArmId}/datastores/${name}`,
    name,
    type: 'Microsoft.MachineLearningServices/workspaces/datastores',
    properties: {
      properties: null,
      isDefault: name === defaultDatastore,
      credentials,
      datastoreType: kind,
      ...(account === undefined ? {} : { accountName: account }),
      ...(kind === 'OneLake' ? {} : { [placeField[kind]]: place }),
      ...properties,
      // An IP address has no subdomains: clients then put the account into the path, as the storage SDKs do.
      ...(ownAccount ? { endpoint: new URL(context.blobs.blobUrl(place)).host, protocol: 'https' } : {}),
      subscriptionId: context.identity.subscriptionId,
      resourceGroup: context.identity.resourceGroup,
    },
    systemData: null,
  };
}
