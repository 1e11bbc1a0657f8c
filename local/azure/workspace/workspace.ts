import type { FastifyInstance } from 'fastify';
import type { Collection } from '../../journal';
import { resourceList } from '../arm/resource-list';
import { stringMap } from '../assets/asset-body';
import { storageAccountArmId } from '../assets/codes';
import { storageSuffix } from '../blob/blob-proxy';
import type { AzureContext } from '../context';
import { record, text, type Body } from '../jobs/body-fields';

const created = '2025-01-01T00:00:00.0000000Z';

/** What of the workspace can be changed. */
interface WorkspaceWords {
  tags: Record<string, string>;
  friendlyName?: string;
  description?: string;
}

/** The workspace itself: read, described, tagged, and the keys of what belongs to it. `app` is the scope below it. */
export function registerWorkspace(app: FastifyInstance, context: AzureContext): void {
  const { account } = context.blobs;
  const storage = { userStorageKey: account.key, userStorageResourceId: storageAccountArmId(context) };
  app.get('/', () => workspaceResource(context));
  app.patch<{ Body: Body | undefined }>('/', request => {
    const given = request.body ?? {};
    const properties = record(given, 'properties');
    const [friendlyName, description] = [text(properties, 'friendlyName'), text(properties, 'description')];
    words(context).set('workspace', {
      ...wordsOf(context),
      ...(given.tags === undefined ? {} : { tags: stringMap(given.tags, 'tags') }),
      ...(friendlyName === null ? {} : { friendlyName }),
      ...(description === null ? {} : { description }),
    });
    return workspaceResource(context);
  });
  app.post('/listKeys', () => ({
    ...storage,
    appInsightsInstrumentationKey: null,
    containerRegistryCredentials: null,
  }));
  app.post('/listStorageAccountKeys', () => ({ userStorageKey: account.key }));
}

function words(context: AzureContext): Collection<WorkspaceWords> {
  return context.journal.collection('workspace');
}

function wordsOf(context: AzureContext): WorkspaceWords {
  return words(context).get('workspace') ?? { tags: {} };
}

/** GET subscriptions: what the caller may see; `az login` begins with it. `app` is the scope `/subscriptions`. */
export function registerSubscriptions(app: FastifyInstance, context: AzureContext): void {
  app.get('/', request =>
    resourceList(request.caller?.hasAccess ? [subscription(context)] : [], request, context.baseUrl, item => item),
  );
}

function subscription({ identity }: AzureContext): Record<string, unknown> {
  return {
    id: `/subscriptions/${identity.subscriptionId}`,
    subscriptionId: identity.subscriptionId,
    tenantId: identity.tenantId,
    displayName: 'Local Azure',
    state: 'Enabled',
    authorizationSource: 'RoleBased',
    managedByTenants: [],
  };
}

/** Lists by subscription and resource group; `app` is the scope `/subscriptions/:subscriptionId`. */
export function registerSubscription(app: FastifyInstance, context: AzureContext): void {
  const { identity } = context;
  const group = (): Record<string, unknown> => ({
    id: `/subscriptions/${identity.subscriptionId}/resourceGroups/${identity.resourceGroup}`,
    name: identity.resourceGroup,
    type: 'Microsoft.Resources/resourceGroups',
    location: identity.region,
    tags: {},
    properties: { provisioningState: 'Succeeded' },
  });
  app.get('/', () => subscription(context));
  app.get('/resourceGroups', request => resourceList([group()], request, context.baseUrl, item => item));
  app.get('/resourceGroups/:resourceGroup', group);
  for (const scope of ['', '/resourceGroups/:resourceGroup']) {
    app.get(`${scope}/providers/Microsoft.MachineLearningServices/workspaces`, request =>
      resourceList([workspaceResource(context)], request, context.baseUrl, item => item),
    );
  }
}

/** Where clients find the "api" host, without a token. */
export function registerDiscovery(app: FastifyInstance, context: AzureContext): void {
  app.get('/workspaces/:workspaceId', () => hosts(context));
  app.get('/', () => hosts(context));
}

/** The clouds document that `ARM_CLOUD_METADATA_URL` points to. Until api-version 2022-09-01 it is a list. */
export function registerCloudMetadata(app: FastifyInstance, context: AzureContext): void {
  app.get<{ Querystring: Record<string, string | undefined> }>('/endpoints', request => {
    const arm = context.baseUrl;
    const cloud = {
      name: 'GuardianLocalCloud',
      // azure-ai-ml derives the Azure ML resource id, https://ml.azure.com, from this host.
      portal: 'https://portal.azure.com',
      resourceManager: arm,
      authentication: {
        loginEndpoint: arm,
        audiences: [arm, `${arm}/`],
        tenant: context.identity.tenantId,
        identityProvider: 'AAD',
      },
      suffixes: { storage: storageSuffix, keyVaultDns: 'vault.azure.net', acrLoginServer: 'azurecr.io' },
    };
    return (request.query['api-version'] ?? '') >= '2022-09-01' ? cloud : [cloud];
  });
}

function hosts(context: AzureContext): Record<string, string> {
  const { baseUrl } = context;
  return { api: baseUrl, catalog: baseUrl, experimentation: baseUrl, history: baseUrl, studio: 'https://ml.azure.com' };
}

function workspaceResource(context: AzureContext): Record<string, unknown> {
  const { identity, baseUrl, workspaceArmId } = context;
  const { host } = new URL(baseUrl);
  const { tags, friendlyName = identity.workspace, description = '' } = wordsOf(context);
  return {
    id: workspaceArmId,
    name: identity.workspace,
    type: 'Microsoft.MachineLearningServices/workspaces',
    location: identity.region,
    kind: 'Default',
    tags,
    etag: null,
    identity: { type: 'SystemAssigned', principalId: identity.workspaceId, tenantId: identity.tenantId },
    sku: { name: 'Basic', tier: 'Basic' },
    properties: {
      friendlyName,
      description,
      workspaceId: identity.workspaceId,
      discoveryUrl: `${baseUrl}/discovery/workspaces/${identity.workspaceId}`,
      mlFlowTrackingUri: `azureml://${host}/mlflow/v1.0${workspaceArmId}`,
      storageAccount: storageAccountArmId(context),
      provisioningState: 'Succeeded',
      publicNetworkAccess: 'Enabled',
      hbiWorkspace: false,
      v1LegacyMode: false,
      tenantId: identity.tenantId,
    },
    systemData: {
      createdAt: created,
      createdBy: identity.clientId,
      createdByType: 'Application',
      lastModifiedAt: created,
      lastModifiedBy: identity.clientId,
      lastModifiedByType: 'Application',
    },
  };
}
