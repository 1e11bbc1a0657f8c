import type { OnlineDeployment as DeploymentResource } from '@azure/arm-machinelearning';
import type { DeploymentFacts } from '../release/deployments';
import type { Tags } from '../release/tags';
import type { ResourceIdentity } from './online-endpoints';
import {
  answerOf,
  finishOperation,
  OnlineOperationError,
  pollDelay,
  whenFree,
  type OperationWait,
} from './online-operation';
import { statusOf } from './service-error';
import type { Workspace } from './workspace';

/** A deployment of an online endpoint as Azure holds it. */
export interface OnlineDeployment extends DeploymentFacts {
  readonly instanceType: string | undefined;
  readonly environmentId: string | undefined;
  readonly modelId: string | undefined;
  /** When it was last written; undefined where Azure does not say. */
  readonly modifiedAt: Date | undefined;
}

/** What a deployment is made of besides its model and environment, in the words of its resource; durations are ISO 8601. */
export interface DeploymentSettings {
  readonly endpointComputeType: 'Managed' | 'Kubernetes';
  readonly environmentVariables?: Readonly<Record<string, string>>;
  readonly instanceType?: string;
  readonly [name: string]: unknown;
}

export interface DeploymentProperties extends DeploymentSettings {
  readonly model?: string;
  /** Without one Azure makes the container from what an MLflow model says of itself. */
  readonly environmentId?: string;
}

/** A deployment as its PUT takes it. */
export interface DeploymentBody {
  /** `capacity` is the number of instances. */
  readonly sku?: object;
  readonly kind?: string;
  readonly identity?: ResourceIdentity;
  readonly tags: Tags;
  readonly properties: DeploymentProperties;
}

/** A duration as `DeploymentProperties` have it. */
export function isoSeconds(seconds: number): string {
  return `PT${seconds}S`;
}

export interface DeploymentId {
  readonly endpoint: string;
  readonly name: string;
}

/** In the workspace. */
export function deploymentPath({ endpoint, name }: DeploymentId): string {
  return `/onlineEndpoints/${encodeURIComponent(endpoint)}/deployments/${encodeURIComponent(name)}`;
}

/** The SDK's way to address the workspace. */
function scope(workspace: Workspace): [string, string] {
  return [workspace.resourceGroup, workspace.name];
}

export async function listDeployments(workspace: Workspace, endpoint: string): Promise<OnlineDeployment[]> {
  const found: OnlineDeployment[] = [];
  try {
    for await (const resource of workspace.client.onlineDeployments.list(...scope(workspace), endpoint)) {
      found.push(ofResource(resource));
    }
  } catch (error) {
    throw workspace.explain(error, `list the deployments of the endpoint '${endpoint}'`);
  }
  return found;
}

/** The deployment, or undefined when there is none of this name. */
export async function getDeployment(workspace: Workspace, id: DeploymentId): Promise<OnlineDeployment | undefined> {
  try {
    return ofResource(await workspace.client.onlineDeployments.get(...scope(workspace), id.endpoint, id.name));
  } catch (error) {
    if (statusOf(error) === 404) return undefined;
    throw workspace.explain(error, `read the deployment '${id.name}'`);
  }
}

/** The first stable version with all that we write; the data collector came with a preview. The SDK's 2022-10-01 drops what it does not know. */
const writeVersion = '2023-10-01';
const collectorVersion = '2024-04-01-preview';

/**
 * Creates or replaces a deployment and waits until it is ready. It takes no traffic by this.
 * @throws OnlineOperationError when Azure accepted it and it then failed: code and message are Azure's
 */
export async function putDeployment(
  workspace: Workspace,
  id: DeploymentId,
  deployment: DeploymentBody,
  wait: OperationWait,
): Promise<void> {
  const doing = `deploy '${id.name}'`;
  const body = { location: workspace.location, ...deployment };
  const apiVersion = deployment.properties['dataCollector'] ? collectorVersion : writeVersion;
  const send = () => workspace.send({ method: 'PUT', path: deploymentPath(id), apiVersion, body, doing });
  await finishOperation(workspace, await whenFree(id.endpoint, send, wait), doing, wait);
}

/** Changes tags and instance count, the two things that a running deployment lets change in place. */
export async function patchDeployment(
  workspace: Workspace,
  id: DeploymentId,
  change: { readonly tags?: Tags; readonly instanceCount?: number },
  wait: OperationWait,
): Promise<void> {
  const body = {
    ...(change.tags ? { tags: { ...change.tags } } : {}),
    ...(change.instanceCount === undefined ? {} : { sku: { name: 'Default', capacity: change.instanceCount } }),
  };
  await finish(workspace, id, `update the deployment '${id.name}'`, wait, options =>
    workspace.client.onlineDeployments.beginUpdate(...scope(workspace), id.endpoint, id.name, body, options),
  );
}

/** Removes a deployment; one that is gone already is fine. Azure refuses while it has live traffic. */
export async function deleteDeployment(workspace: Workspace, id: DeploymentId, wait: OperationWait): Promise<void> {
  try {
    await finish(workspace, id, `remove the deployment '${id.name}'`, wait, options =>
      workspace.client.onlineDeployments.beginDelete(...scope(workspace), id.endpoint, id.name, options),
    );
  } catch (error) {
    if (!(error instanceof Error && statusOf(error.cause) === 404)) throw error;
  }
}

export type ContainerName = 'InferenceServer' | 'StorageInitializer';

/** The last lines of one of a deployment's two containers; StorageInitializer is the one that fetches the model. */
export async function containerLog(
  workspace: Workspace,
  id: DeploymentId,
  containerType: ContainerName,
  tail: number,
): Promise<string> {
  try {
    const log = await workspace.client.onlineDeployments.getLogs(...scope(workspace), id.endpoint, id.name, {
      containerType,
      tail,
    });
    return log.content ?? '';
  } catch (error) {
    throw workspace.explain(error, `read the ${containerType} log of '${id.name}'`);
  }
}

interface StartOptions {
  readonly abortSignal: AbortSignal;
  readonly updateIntervalInMs: number;
  onResponse(raw: RawResponse): void;
}

interface RawResponse {
  readonly parsedBody?: unknown;
  readonly headers: { get(name: string): string | undefined };
}

interface Poller {
  poll(options: { abortSignal: AbortSignal }): Promise<void>;
  isDone(): boolean;
}

/**
 * Starts an operation when the endpoint is free and polls it to its end. The SDK's own loop is not used: its pauses
 * cannot be cancelled, and of a failure it keeps neither code nor details, so they are taken from the last response.
 */
async function finish(
  workspace: Workspace,
  id: DeploymentId,
  doing: string,
  wait: OperationWait,
  start: (options: StartOptions) => Promise<Poller>,
): Promise<void> {
  const responses: { last?: RawResponse } = {};
  const options: StartOptions = {
    abortSignal: wait.signal,
    // Our own pauses are the ones that count.
    updateIntervalInMs: 0,
    onResponse: raw => {
      responses.last = raw;
    },
  };
  try {
    const poller = await whenFree(id.endpoint, () => start(options), wait);
    for (let looks = 0; !poller.isDone(); looks++) {
      await poller.poll({ abortSignal: wait.signal });
      if (poller.isDone()) break;
      await wait.clock.sleep(pollDelay(looks, responses.last?.headers.get('retry-after')), wait.signal);
    }
  } catch (error) {
    wait.signal.throwIfAborted();
    const { last } = responses;
    const status = (last?.parsedBody as { status?: string } | undefined)?.status?.toLowerCase();
    if (statusOf(error) !== undefined || (status !== 'failed' && status !== 'canceled')) {
      throw workspace.explain(error, doing);
    }
    const { code, text } = answerOf(last?.parsedBody);
    const requestId = last?.headers.get('x-ms-request-id');
    throw new OnlineOperationError(
      `Could not ${doing}: Azure reports ${status}${code ? ` (${code})` : ''}: ${text}${requestId ? ` Request id ${requestId}.` : ''}`,
      code,
      text,
      requestId,
    );
  }
}

function ofResource(resource: DeploymentResource): OnlineDeployment {
  const { properties } = resource;
  return {
    name: resource.name ?? '',
    provisioningState: properties.provisioningState ?? 'Unknown',
    instanceCount: resource.sku?.capacity ?? 0,
    tags: resource.tags ?? {},
    instanceType: properties.instanceType,
    environmentId: properties.environmentId,
    modelId: properties.model,
    modifiedAt: resource.systemData?.lastModifiedAt ?? resource.systemData?.createdAt,
  };
}
