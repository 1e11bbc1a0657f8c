import type { FastifyInstance } from 'fastify';
import { ArmError } from '../arm/arm-error';
import { sameName } from '../arm/arm-scope';
import { resourceList } from '../arm/resource-list';
import type { AzureContext } from '../context';
import { registryArmId, registryName } from './registry';

/** Registries as ARM resources: GET and the lists by subscription and resource group. `app` is the scope of one subscription. */
export function registerRegistryResource(app: FastifyInstance, context: AzureContext): void {
  for (const scope of ['', '/resourceGroups/:resourceGroup']) {
    const path = `${scope}/providers/Microsoft.MachineLearningServices/registries`;
    app.get(path, request => resourceList([registryResource(context)], request, context.baseUrl, item => item));
    if (scope === '') continue;
    app.get<{ Params: { registry: string } }>(`${path}/:registry`, request => {
      requireRegistry(request.params.registry, context);
      return registryResource(context);
    });
  }
}

/**
 * Where a registry is, by its name alone: clients ask this before anything else, and go on at `primaryRegionResourceProviderUri`.
 * `app` is the scope `/registrymanagement`. The form is that of azure-ai-ml's registry discovery client.
 */
export function registerRegistryDiscovery(app: FastifyInstance, context: AzureContext): void {
  app.get<{ Params: { registry: string } }>('/v1.0/registries/:registry/discovery', request => {
    requireRegistry(request.params.registry, context);
    const { identity, baseUrl } = context;
    return {
      registryName,
      tenantId: identity.tenantId,
      primaryRegion: identity.region,
      regions: [identity.region],
      subscriptionId: identity.subscriptionId,
      resourceGroup: identity.resourceGroup,
      workspaceName: null,
      primaryRegionResourceProviderUri: `${baseUrl}/`,
    };
  });
}

/** @throws ArmError 404 for another name than the registry's */
export function requireRegistry(name: string, { identity }: AzureContext): void {
  if (sameName(name, registryName)) return;
  throw new ArmError(
    404,
    'ResourceNotFound',
    `The Resource 'Microsoft.MachineLearningServices/registries/${name}' under resource group '${identity.resourceGroup}' was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix`,
  );
}

function registryResource({ identity, baseUrl }: AzureContext): Record<string, unknown> {
  const { host } = new URL(baseUrl);
  const group = `/subscriptions/${identity.subscriptionId}/resourceGroups/${identity.resourceGroup}`;
  return {
    id: registryArmId(identity),
    name: registryName,
    type: 'Microsoft.MachineLearningServices/registries',
    location: identity.region,
    kind: null,
    tags: {},
    identity: { type: 'SystemAssigned', principalId: identity.workspaceId, tenantId: identity.tenantId },
    sku: { name: 'Basic', tier: 'Basic' },
    properties: {
      discoveryUrl: `${baseUrl}/registrymanagement/v1.0/registries/${registryName}/discovery`,
      mlFlowRegistryUri: `azureml://${host}/mlflow/v1.0${registryArmId(identity)}`,
      intellectualPropertyPublisher: null,
      publicNetworkAccess: 'Enabled',
      managedResourceGroup: { resourceId: group },
      regionDetails: [{ location: identity.region, storageAccountDetails: [], acrDetails: [] }],
    },
    systemData: {},
  };
}
