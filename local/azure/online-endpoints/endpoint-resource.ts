import type { AzureContext } from '../context';
import type { DeploymentRecord, EndpointRecord } from './endpoint-store';

/** An endpoint as ARM shows it. Just created, it has no system data, no traffic and no scoring URI yet. */
export function endpointResource(
  endpoint: EndpointRecord,
  context: AzureContext,
  asyncOperationUri?: string,
): Record<string, unknown> {
  const fresh = endpoint.provisioningState === 'Creating';
  const scoring = `${context.baseUrl}/inference/${endpoint.name}`;
  return {
    id: `${context.workspaceArmId}/onlineEndpoints/${endpoint.name}`,
    name: endpoint.name,
    type: 'Microsoft.MachineLearningServices/workspaces/onlineEndpoints',
    location: endpoint.location,
    tags: endpoint.tags,
    kind: 'Managed',
    ...(fresh || !endpoint.identity ? {} : { identity: { ...endpoint.identity, tenantId: context.identity.tenantId } }),
    properties: {
      authMode: endpoint.authMode,
      description: endpoint.description,
      properties:
        asyncOperationUri === undefined
          ? endpoint.properties
          : { ...endpoint.properties, AzureAsyncOperationUri: asyncOperationUri },
      publicNetworkAccess: endpoint.publicNetworkAccess,
      compute: null,
      traffic: endpoint.traffic,
      mirrorTraffic: endpoint.mirrorTraffic,
      provisioningState: endpoint.provisioningState,
      scoringUri: fresh ? null : `${scoring}/score`,
      swaggerUri: fresh ? null : `${scoring}/swagger.json`,
    },
    systemData: fresh ? {} : systemData(endpoint),
  };
}

/** A deployment as ARM shows it, with what the service adds once it has succeeded. */
export function deploymentResource(
  deployment: DeploymentRecord,
  context: AzureContext,
  asyncOperationUri?: string,
): Record<string, unknown> {
  const { properties } = deployment;
  return {
    id: `${context.workspaceArmId}/onlineEndpoints/${deployment.endpoint}/deployments/${deployment.name}`,
    name: deployment.name,
    type: 'Microsoft.MachineLearningServices/workspaces/onlineEndpoints/deployments',
    location: deployment.location,
    tags: deployment.tags,
    kind: 'Managed',
    sku: { name: 'Default', tier: 'Standard', capacity: deployment.capacity },
    properties: {
      ...properties,
      ...(asyncOperationUri === undefined
        ? {}
        : { properties: { ...properties.properties, AzureAsyncOperationUri: asyncOperationUri } }),
      provisioningState: deployment.provisioningState,
    },
    systemData: deployment.provisioningState === 'Creating' ? {} : systemData(deployment),
  };
}

function systemData({ createdAt, modifiedAt }: { createdAt: string; modifiedAt: string }): Record<string, string> {
  return {
    createdAt,
    createdBy: 'local',
    createdByType: 'Application',
    lastModifiedAt: modifiedAt,
    lastModifiedBy: 'local',
    lastModifiedByType: 'Application',
  };
}
