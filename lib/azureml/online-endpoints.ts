import type { Tags } from '../release/tags';
import type { Traffic } from '../release/traffic';
import { TaskError } from '../task-error';
import { finishOperation, pollDelay, whenFree, type OperationWait } from './online-operation';
import { nearNames } from './near-names';
import type { Workspace } from './workspace';

/** An online endpoint as Azure holds it. */
export interface OnlineEndpoint {
  readonly name: string;
  readonly provisioningState: string;
  /** Key, AMLToken or AADToken. */
  readonly authMode: string;
  readonly scoringUri: string | undefined;
  readonly swaggerUri: string | undefined;
  readonly traffic: Traffic;
  readonly mirrorTraffic: Traffic;
  readonly tags: Tags;
  /** The whole resource: a PUT replaces it, so what we do not change has to go back as it came. */
  readonly resource: EndpointResource;
}

/** Of an endpoint or a deployment. */
export interface ResourceIdentity {
  readonly type?: string;
  /** By ARM id. */
  readonly userAssignedIdentities?: Readonly<Record<string, unknown>> | null;
}

interface EndpointResource {
  readonly location: string;
  readonly kind?: string | null;
  readonly sku?: object | null;
  readonly identity?: ResourceIdentity | null;
  readonly tags?: Record<string, string> | null;
  readonly properties: {
    readonly authMode: string;
    readonly description?: string | null;
    readonly properties?: Readonly<Record<string, string>> | null;
    readonly compute?: string | null;
    readonly publicNetworkAccess?: string | null;
    readonly provisioningState?: string;
    readonly scoringUri?: string | null;
    readonly swaggerUri?: string | null;
    readonly traffic?: Record<string, number> | null;
    readonly mirrorTraffic?: Record<string, number> | null;
  };
}

/**
 * The version for reading and writing endpoints, which the SDK's 2022-10-01 is not fit for: that one does not know
 * `mirrorTraffic`, so that each of its PUTs would end a running mirror.
 */
const apiVersion = '2023-10-01';

/** The endpoint, or undefined when there is none of this name. */
export async function getEndpoint(workspace: Workspace, name: string): Promise<OnlineEndpoint | undefined> {
  const response = await workspace.send({
    method: 'GET',
    path: `/onlineEndpoints/${encodeURIComponent(name)}`,
    apiVersion,
    allow: [404],
    doing: `read the endpoint '${name}'`,
  });
  return response.status === 404 ? undefined : ofResource(name, response.body as EndpointResource);
}

/** What can be chosen of an endpoint at its creation. */
export interface NewEndpoint {
  readonly authMode: 'Key' | 'AMLToken' | 'AADToken';
  /** Whether callers outside of the workspace's network reach it. */
  readonly publicNetworkAccess: 'Enabled' | 'Disabled';
  /** ARM id; undefined: an identity of the endpoint's own. Azure takes one at most, and it cannot be changed later. */
  readonly userAssignedIdentity: string | undefined;
  /** Name or ARM id of an attached Kubernetes cluster; undefined: Azure's own machines. */
  readonly compute: string | undefined;
  readonly description: string | undefined;
  readonly properties: Readonly<Record<string, string>> | undefined;
}

export async function createEndpoint(
  workspace: Workspace,
  name: string,
  { authMode, publicNetworkAccess, userAssignedIdentity, compute, description, properties }: NewEndpoint,
  tags: Tags,
  wait: OperationWait,
): Promise<OnlineEndpoint> {
  // Traffic cannot be set at creation: its deployments must exist first.
  return putEndpoint(
    workspace,
    name,
    {
      location: workspace.location,
      kind: compute === undefined ? 'Managed' : 'K8S',
      identity:
        userAssignedIdentity === undefined
          ? { type: 'SystemAssigned' }
          : { type: 'UserAssigned', userAssignedIdentities: { [userAssignedIdentity]: {} } },
      tags,
      properties: {
        authMode,
        // A cluster's owner decides who reaches it.
        ...(compute === undefined
          ? { publicNetworkAccess }
          : { compute: compute.startsWith('/') ? compute : `${workspace.id}/computes/${compute}` }),
        ...(description === undefined ? {} : { description }),
        ...(properties === undefined ? {} : { properties }),
      },
    },
    wait,
  );
}

/** Writes live and mirrored traffic and tags, and carries everything else over: identity, network access, keys' mode. */
export async function replaceEndpoint(
  workspace: Workspace,
  endpoint: OnlineEndpoint,
  change: { readonly traffic: Traffic; readonly mirror: Traffic; readonly tags: Tags },
  wait: OperationWait,
): Promise<OnlineEndpoint> {
  const { location, kind, sku, identity, properties } = endpoint.resource;
  const body: EndpointResource = {
    location,
    ...(kind ? { kind } : {}),
    ...(sku ? { sku } : {}),
    ...(identity ? { identity: writableIdentity(identity) } : {}),
    tags: change.tags,
    properties: {
      authMode: properties.authMode,
      ...(properties.description ? { description: properties.description } : {}),
      ...(properties.properties ? { properties: properties.properties } : {}),
      ...(properties.compute ? { compute: properties.compute } : {}),
      ...(properties.publicNetworkAccess ? { publicNetworkAccess: properties.publicNetworkAccess } : {}),
      traffic: change.traffic,
      mirrorTraffic: change.mirror,
    },
  };
  return putEndpoint(workspace, endpoint.name, body, wait);
}

async function putEndpoint(
  workspace: Workspace,
  name: string,
  body: EndpointResource,
  wait: OperationWait,
): Promise<OnlineEndpoint> {
  const doing = `write the endpoint '${name}'`;
  const path = `/onlineEndpoints/${encodeURIComponent(name)}`;
  const response = await workspace.send({ method: 'PUT', path, apiVersion, body, doing });
  await finishOperation(workspace, response, doing, wait);
  for (let looks = 0; ; looks++) {
    const endpoint = await getEndpoint(workspace, name);
    const state = endpoint?.provisioningState.toLowerCase();
    if (endpoint && state === 'succeeded') return endpoint;
    if (!endpoint || state === 'failed' || state === 'canceled' || state === 'deleting') {
      throw new TaskError(`Could not ${doing}: it is now ${endpoint?.provisioningState ?? 'gone'}.`);
    }
    await wait.clock.sleep(pollDelay(looks), wait.signal);
  }
}

/** True after a write that Azure accepted and could not carry out. What serves goes on, but no deployment is taken. */
export function hasFailed({ provisioningState }: OnlineEndpoint): boolean {
  return provisioningState.toLowerCase() === 'failed';
}

/** Writes an endpoint as it is, which brings one that has failed back to a state in which it takes deployments. */
export async function writeAgain(workspace: Workspace, name: string, wait: OperationWait): Promise<OnlineEndpoint> {
  return whenFree(
    name,
    async () => {
      const now = await existingEndpoint(workspace, name);
      if (!hasFailed(now)) return now;
      wait.info(`Endpoint ${name} is ${now.provisioningState} since an earlier write; writing it again as it is`);
      const { traffic, mirrorTraffic: mirror, tags } = now;
      return replaceEndpoint(workspace, now, { traffic, mirror, tags }, wait);
    },
    wait,
  );
}

/** The endpoint, or an error that names what there is instead. */
export async function existingEndpoint(workspace: Workspace, name: string): Promise<OnlineEndpoint> {
  const endpoint = await getEndpoint(workspace, name);
  if (endpoint) return endpoint;
  const names = await endpointNames(workspace);
  throw new TaskError(
    `There is no online endpoint '${name}' in the workspace '${workspace.name}'. ${nearNames(name, names)}`,
    { code: 'GuardianNotFound' },
  );
}

async function endpointNames(workspace: Workspace): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const endpoint of workspace.client.onlineEndpoints.list(workspace.resourceGroup, workspace.name)) {
      if (endpoint.name) names.push(endpoint.name);
    }
  } catch (error) {
    throw workspace.explain(error, 'list the online endpoints');
  }
  return names;
}

export interface EndpointKeys {
  readonly primaryKey: string;
  readonly secondaryKey: string;
}

/** The endpoint's keys, or undefined when it authenticates by tokens. Mask them before anything else. */
export async function endpointKeys(workspace: Workspace, name: string): Promise<EndpointKeys | undefined> {
  const keys = await workspace.client.onlineEndpoints
    .listKeys(workspace.resourceGroup, workspace.name, name)
    .catch((error: unknown) => {
      throw workspace.explain(error, `list the keys of the endpoint '${name}'`);
    });
  return keys.primaryKey && keys.secondaryKey
    ? { primaryKey: keys.primaryKey, secondaryKey: keys.secondaryKey }
    : undefined;
}

function ofResource(name: string, resource: EndpointResource): OnlineEndpoint {
  const { properties } = resource;
  return {
    name,
    provisioningState: properties.provisioningState ?? 'Unknown',
    authMode: properties.authMode,
    scoringUri: properties.scoringUri ?? undefined,
    swaggerUri: properties.swaggerUri ?? undefined,
    traffic: properties.traffic ?? {},
    mirrorTraffic: properties.mirrorTraffic ?? {},
    tags: resource.tags ?? {},
    resource,
  };
}

/** Of an identity only type and the ids can be written; principals and clients are Azure's to fill. */
export function writableIdentity({ type, userAssignedIdentities }: ResourceIdentity): object {
  const ids = Object.keys(userAssignedIdentities ?? {});
  return { type, ...(ids.length > 0 ? { userAssignedIdentities: Object.fromEntries(ids.map(id => [id, {}])) } : {}) };
}
