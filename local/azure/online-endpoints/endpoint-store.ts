import type { Collection, Journal } from '../../journal';

export type ProvisioningState = 'Creating' | 'Updating' | 'Deleting' | 'Scaling' | 'Succeeded' | 'Failed' | 'Canceled';

export interface EndpointRecord {
  name: string;
  location: string;
  tags: Record<string, string>;
  identity: { type: string; principalId: string } | undefined;
  authMode: string;
  description: string | null;
  properties: Record<string, string>;
  publicNetworkAccess: string;
  traffic: Record<string, number>;
  mirrorTraffic: Record<string, number>;
  keys: { primaryKey: string; secondaryKey: string };
  provisioningState: ProvisioningState;
  createdAt: string;
  modifiedAt: string;
}

export interface Probe {
  initialDelay: string;
  period: string;
  timeout: string;
  failureThreshold: number;
  successThreshold: number;
}

export interface DeploymentRecord {
  endpoint: string;
  name: string;
  location: string;
  tags: Record<string, string>;
  /** Number of instances. */
  capacity: number;
  properties: {
    endpointComputeType: string;
    model: string | null;
    modelMountPath: string | null;
    environmentId: string | null;
    instanceType: string | null;
    environmentVariables: Record<string, string>;
    appInsightsEnabled: boolean;
    description: string | null;
    properties: Record<string, string>;
    egressPublicNetworkAccess: string;
    livenessProbe: Probe;
    readinessProbe: Probe;
    requestSettings: { requestTimeout: string; maxConcurrentRequestsPerInstance: number; maxQueueWait: string };
    scaleSettings: { scaleType: string };
  };
  provisioningState: ProvisioningState;
  createdAt: string;
  modifiedAt: string;
}

/** Endpoints and deployments as they are kept; names match in any letter case, as in ARM. */
export class EndpointStore {
  private readonly endpoints: Collection<EndpointRecord>;
  private readonly deployments: Collection<DeploymentRecord>;

  constructor(journal: Journal) {
    this.endpoints = journal.collection('onlineEndpoints');
    this.deployments = journal.collection('onlineDeployments');
  }

  endpoint(name: string): EndpointRecord | undefined {
    return this.endpoints.get(name.toLowerCase());
  }

  allEndpoints(): EndpointRecord[] {
    return [...this.endpoints.entries()].map(([, record]) => record);
  }

  putEndpoint(record: EndpointRecord): EndpointRecord {
    this.endpoints.set(record.name.toLowerCase(), record);
    return record;
  }

  deleteEndpoint(name: string): void {
    for (const { name: deployment } of this.deploymentsOf(name)) this.deleteDeployment(name, deployment);
    this.endpoints.delete(name.toLowerCase());
  }

  deployment(endpoint: string, name: string): DeploymentRecord | undefined {
    return this.deployments.get(keyOf(endpoint, name));
  }

  deploymentsOf(endpoint: string): DeploymentRecord[] {
    return this.deployments.keysWithPrefix(keyOf(endpoint, '')).flatMap(key => this.deployments.get(key) ?? []);
  }

  putDeployment(record: DeploymentRecord): DeploymentRecord {
    this.deployments.set(keyOf(record.endpoint, record.name), record);
    return record;
  }

  deleteDeployment(endpoint: string, name: string): void {
    this.deployments.delete(keyOf(endpoint, name));
  }
}

export function keyOf(endpoint: string, deployment: string): string {
  return `${endpoint}/${deployment}`.toLowerCase();
}
