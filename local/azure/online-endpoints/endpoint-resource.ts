import type { AzureContext } from '../context';
import type { Authorship, DeploymentRecord, EndpointIdentity, EndpointRecord } from './endpoint-store';

/** An endpoint as ARM shows it. Just created, it has no system data, no traffic and no scoring URI yet. */
export function endpointResource(
  endpoint: EndpointRecord,
  context: AzureContext,
  asyncOperationUri?: string,
): Record<string, unknown> {
  const fresh = endpoint.provisioningState === 'Creating';
  // A failed creation has no scoring URI either.
  const unusable = fresh || (endpoint.provisioningState === 'Failed' && endpoint.createdAt === endpoint.modifiedAt);
  const scoring = `${context.baseUrl}/inference/${endpoint.name}`;
  return {
    id: endpointId(context, endpoint.name),
    name: endpoint.name,
    type: 'Microsoft.MachineLearningServices/workspaces/onlineEndpoints',
    location: endpoint.location,
    tags: endpoint.tags,
    kind: endpoint.compute ? 'K8S' : 'Managed',
    ...(fresh || !endpoint.identity ? {} : { identity: shownIdentity(endpoint.identity, context) }),
    properties: {
      authMode: endpoint.authMode,
      description: endpoint.description,
      properties:
        asyncOperationUri === undefined
          ? endpoint.properties
          : { ...endpoint.properties, AzureAsyncOperationUri: asyncOperationUri },
      publicNetworkAccess: endpoint.publicNetworkAccess,
      compute: endpoint.compute ?? null,
      traffic: endpoint.traffic,
      mirrorTraffic: endpoint.mirrorTraffic,
      provisioningState: endpoint.provisioningState,
      scoringUri: unusable ? null : `${scoring}${endpoint.scoringPath ?? '/score'}`,
      swaggerUri: unusable ? null : `${scoring}/swagger.json`,
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
    id: deploymentId(context, deployment.endpoint, deployment.name),
    name: deployment.name,
    type: 'Microsoft.MachineLearningServices/workspaces/onlineEndpoints/deployments',
    location: deployment.location,
    tags: deployment.tags,
    kind: properties.endpointComputeType === 'Kubernetes' ? 'K8S' : 'Managed',
    sku: { name: 'Default', tier: 'Standard', capacity: deployment.capacity },
    properties: {
      codeConfiguration: null,
      ...properties,
      ...(asyncOperationUri === undefined
        ? {}
        : { properties: { ...properties.properties, AzureAsyncOperationUri: asyncOperationUri } }),
      provisioningState: deployment.provisioningState,
    },
    systemData: deployment.provisioningState === 'Creating' ? {} : systemData(deployment),
  };
}

export function endpointId(context: Pick<AzureContext, 'workspaceArmId'>, endpoint: string): string {
  return `${context.workspaceArmId}/onlineEndpoints/${endpoint}`;
}

export function deploymentId(
  context: Pick<AzureContext, 'workspaceArmId'>,
  endpoint: string,
  deployment: string,
): string {
  return `${endpointId(context, endpoint)}/deployments/${deployment}`;
}

function shownIdentity(
  { type, principalId, userAssignedIdentities }: EndpointIdentity,
  context: AzureContext,
): Record<string, unknown> {
  return {
    type,
    ...(principalId === undefined ? {} : { principalId, tenantId: context.identity.tenantId }),
    ...(userAssignedIdentities === undefined ? {} : { userAssignedIdentities }),
  };
}

function systemData({
  createdAt,
  createdBy = 'local',
  modifiedAt,
  modifiedBy = 'local',
}: Authorship): Record<string, string> {
  return {
    createdAt,
    createdBy,
    createdByType: 'Application',
    lastModifiedAt: modifiedAt,
    lastModifiedBy: modifiedBy,
    lastModifiedByType: 'Application',
  };
}
