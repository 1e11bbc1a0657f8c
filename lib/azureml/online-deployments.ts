import type { OnlineDeployment as DeploymentResource } from '@azure/arm-machinelearning';
import type { DeploymentFacts } from '../release/deployments';
import type { Tags } from '../release/tags';
import { answerOf, OnlineOperationError, pollDelay, whenFree, type OperationWait } from './online-operation';
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

/** What a deployment is made of; durations in seconds. */
export interface DeploymentContent {
  readonly modelId: string;
  readonly environmentId: string;
  readonly environmentVariables: Readonly<Record<string, string>>;
  readonly instanceType: string;
  /** Only 'Disabled' is said: then the instances reach the workspace's resources by its private endpoint only. */
  readonly egressPublicNetworkAccess?: 'Disabled';
  readonly requestTimeoutSeconds: number;
  readonly maxConcurrentRequests: number;
  readonly probe: {
    readonly initialDelaySeconds: number;
    readonly periodSeconds: number;
    readonly timeoutSeconds: number;
    readonly failureThreshold: number;
  };
}

export interface DeploymentId {
  readonly endpoint: string;
  readonly name: string;
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

/**
 * Creates or replaces a deployment and waits until it is ready. It takes no traffic by this.
 * @throws OnlineOperationError when Azure accepted it and it then failed: code and message are Azure's
 */
export async function putDeployment(
  workspace: Workspace,
  id: DeploymentId,
  content: DeploymentContent,
  options: { readonly instanceCount: number; readonly tags: Tags },
  wait: OperationWait & { onPoll?(): Promise<void> },
): Promise<void> {
  const probe = {
    initialDelay: duration(content.probe.initialDelaySeconds),
    period: duration(content.probe.periodSeconds),
    timeout: duration(content.probe.timeoutSeconds),
    failureThreshold: content.probe.failureThreshold,
    successThreshold: 1,
  };
  const body: DeploymentResource = {
    location: workspace.location,
    tags: { ...options.tags },
    sku: { name: 'Default', capacity: options.instanceCount },
    properties: {
      endpointComputeType: 'Managed',
      model: content.modelId,
      environmentId: content.environmentId,
      environmentVariables: { ...content.environmentVariables },
      instanceType: content.instanceType,
      ...(content.egressPublicNetworkAccess ? { egressPublicNetworkAccess: content.egressPublicNetworkAccess } : {}),
      scaleSettings: { scaleType: 'Default' },
      requestSettings: {
        requestTimeout: duration(content.requestTimeoutSeconds),
        maxConcurrentRequestsPerInstance: content.maxConcurrentRequests,
      },
      livenessProbe: probe,
      readinessProbe: probe,
    },
  };
  await finish(workspace, id, `deploy '${id.name}'`, wait, options =>
    workspace.client.onlineDeployments.beginCreateOrUpdate(...scope(workspace), id.endpoint, id.name, body, options),
  );
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
  wait: OperationWait & { onPoll?(): Promise<void> },
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
      await wait.onPoll?.();
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

/** ISO 8601 */
function duration(seconds: number): string {
  return `PT${seconds}S`;
}
