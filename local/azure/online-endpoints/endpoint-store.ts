import type { Collection, Journal } from '../../journal';

export type ProvisioningState = 'Creating' | 'Updating' | 'Deleting' | 'Scaling' | 'Succeeded' | 'Failed' | 'Canceled';

/** Who made or changed a resource, and when: its `systemData`. */
export interface Authorship {
  createdAt: string;
  createdBy?: string;
  modifiedAt: string;
  modifiedBy?: string;
}

export interface EndpointRecord extends Authorship {
  name: string;
  location: string;
  tags: Record<string, string>;
  identity: EndpointIdentity | undefined;
  authMode: string;
  description: string | null;
  properties: Record<string, string>;
  publicNetworkAccess: string;
  /** ARM id of the Kubernetes compute; absent or null for a managed endpoint. */
  compute?: string | null;
  /** Path of the scoring URI: that of the environment's scoring route, `/score` until a deployment says otherwise. */
  scoringPath?: string;
  traffic: Record<string, number>;
  mirrorTraffic: Record<string, number>;
  keys: { primaryKey: string; secondaryKey: string };
  provisioningState: ProvisioningState;
}

export interface EndpointIdentity {
  type: string;
  /** Of the system-assigned identity; absent when there is none. */
  principalId?: string;
  userAssignedIdentities?: Record<string, { principalId: string; clientId: string }>;
}

export interface Probe {
  initialDelay: string;
  period: string;
  timeout: string;
  failureThreshold: number;
  successThreshold: number;
}

export interface DeploymentProperties {
  endpointComputeType: string;
  model: string | null;
  modelMountPath: string | null;
  environmentId: string | null;
  codeConfiguration?: { codeId: string | null; scoringScript: string } | null;
  instanceType: string | null;
  environmentVariables: Record<string, string>;
  appInsightsEnabled: boolean;
  description: string | null;
  properties: Record<string, string>;
  egressPublicNetworkAccess: string;
  livenessProbe: Probe;
  readinessProbe: Probe;
  /** Present only when it was given: the service has no default for it. */
  startupProbe?: Probe;
  requestSettings: { requestTimeout: string; maxConcurrentRequestsPerInstance: number; maxQueueWait: string };
  scaleSettings: { scaleType: string } & Record<string, unknown>;
  /** Kept as given. */
  dataCollector?: Record<string, unknown>;
  /** Of Kubernetes deployments. */
  containerResourceRequirements?: Record<string, unknown>;
}

export interface DeploymentRecord extends Authorship {
  endpoint: string;
  name: string;
  location: string;
  tags: Record<string, string>;
  /** Number of instances. */
  capacity: number;
  properties: DeploymentProperties;
  provisioningState: ProvisioningState;
}

/** Endpoints and deployments as they are kept; names match in any letter case, as in ARM. */
export class EndpointStore {
  private readonly endpoints: Collection<EndpointRecord>;
  private readonly deployments: Collection<DeploymentRecord>;
  private readonly served: Collection<DeploymentRecord>;
  private readonly deletedNames: Collection<string>;

  constructor(journal: Journal) {
    this.endpoints = journal.collection('onlineEndpoints');
    this.deployments = journal.collection('onlineDeployments');
    this.served = journal.collection('onlineDeploymentsServed');
    this.deletedNames = journal.collection('onlineEndpointsDeleted');
  }

  endpoint(name: string): EndpointRecord | undefined {
    return this.endpoints.get(name.toLowerCase());
  }

  allEndpoints(): EndpointRecord[] {
    return [...this.endpoints.entries()].map(([, record]) => record);
  }

  /** In order of their names in lower case, from the one after `after`; costs what is taken. */
  endpointsAfter(after: string, most: number): EndpointRecord[] {
    return this.endpoints.keysWithPrefix('', after, most).flatMap(key => this.endpoints.get(key) ?? []);
  }

  putEndpoint(record: EndpointRecord): EndpointRecord {
    this.endpoints.set(record.name.toLowerCase(), record);
    return record;
  }

  deleteEndpoint(name: string): void {
    for (const { name: deployment } of this.deploymentsOf(name)) this.deleteDeployment(name, deployment);
    this.endpoints.delete(name.toLowerCase());
    this.deletedNames.set(name.toLowerCase(), new Date().toISOString());
  }

  /** When an endpoint of that name was last deleted. */
  deletedAt(name: string): Date | undefined {
    const time = this.deletedNames.get(name.toLowerCase());
    return time === undefined ? undefined : new Date(time);
  }

  deployment(endpoint: string, name: string): DeploymentRecord | undefined {
    return this.deployments.get(keyOf(endpoint, name));
  }

  deploymentsOf(endpoint: string): DeploymentRecord[] {
    return this.deployments.keysWithPrefix(keyOf(endpoint, '')).flatMap(key => this.deployments.get(key) ?? []);
  }

  allDeployments(): DeploymentRecord[] {
    return [...this.deployments.entries()].map(([, record]) => record);
  }

  putDeployment(record: DeploymentRecord): DeploymentRecord {
    this.deployments.set(keyOf(record.endpoint, record.name), record);
    return record;
  }

  deleteDeployment(endpoint: string, name: string): void {
    this.deployments.delete(keyOf(endpoint, name));
    this.served.delete(keyOf(endpoint, name));
  }

  /** What the instances of a deployment run: its record as it last succeeded, which a failed update leaves as it was. */
  servedDeployment(endpoint: string, name: string): DeploymentRecord | undefined {
    return this.served.get(keyOf(endpoint, name));
  }

  putServedDeployment(record: DeploymentRecord): void {
    this.served.set(keyOf(record.endpoint, record.name), record);
  }
}

export function keyOf(endpoint: string, deployment: string): string {
  return `${endpoint}/${deployment}`.toLowerCase();
}
