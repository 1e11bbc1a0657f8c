import { AzureMachineLearningWorkspaces } from '@azure/arm-machinelearning';
import { createHttpHeaders, createPipelineRequest, RestError, type HttpMethods } from '@azure/core-rest-pipeline';
import { azureConnection, proxyOptions, type AzureConnection } from '../connection/azure-connection';
import type { ServiceConnection, TaskHost } from '../host/task-host';
import { TaskError } from '../task-error';
import { nearNames } from './near-names';
import { serviceError, statusOf } from './service-error';

export interface WorkspaceRequest {
  readonly method: HttpMethods;
  /** Below the workspace, with a slash first (`/jobs/x`), or a whole URL such as one that an operation answered with. */
  readonly path: string;
  readonly apiVersion: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** Statuses besides 2xx that are answers, not failures. */
  readonly allow?: readonly number[];
  /** What the call is for, completing "Could not …"; the failure's message begins with it. */
  readonly doing?: string;
  /** Instead of the task's own signal: what has to be done after a cancellation still has to go out. */
  readonly signal?: AbortSignal;
}

export interface WorkspaceResponse {
  readonly status: number;
  /** Parsed JSON; undefined when the answer has no body. */
  readonly body: unknown;
  header(name: string): string | undefined;
}

/** An Azure ML workspace, reached through a service connection. */
export interface Workspace {
  readonly name: string;
  readonly resourceGroup: string;
  readonly subscriptionId: string;
  /** Azure region, which endpoints and deployments must name. */
  readonly location: string;
  /** The service's own id of the workspace. */
  readonly guid: string;
  /** ARM id, with a slash first. */
  readonly id: string;
  readonly connection: AzureConnection;
  /** Operations that API version 2022-10-01 covers. */
  readonly client: AzureMachineLearningWorkspaces;
  /** Any other call, through the same pipeline: sign-in, retries, proxy. Throws an explained TaskError. */
  send(request: WorkspaceRequest): Promise<WorkspaceResponse>;
  /** Base URL of run history and MLflow. */
  apiUrl(): Promise<string>;
  /** Explains an error of `client`; `doing` completes "Could not …". */
  explain(error: unknown, doing: string): Error;
}

/** What a list answers, page by page. @param request with the URL of the first page, its api-version included */
export async function* listed<T>(workspace: Workspace, request: Omit<WorkspaceRequest, 'method'>): AsyncGenerator<T> {
  let next: string | undefined = request.path;
  while (next !== undefined) {
    const { body } = await workspace.send({ ...request, method: 'GET', path: next });
    // A list that is not there may be answered without a body.
    const page = (body ?? {}) as { value?: T[]; nextLink?: string | null };
    yield* page.value ?? [];
    next = page.nextLink ?? undefined;
  }
}

/** Signs in and reads the workspace, so that a wrong name or a missing role is seen before anything else happens. */
export async function openWorkspace(
  connection: ServiceConnection,
  { resourceGroup, workspaceName }: { resourceGroup: string; workspaceName: string },
  host: TaskHost,
): Promise<Workspace> {
  const azure = azureConnection(connection, host);
  const client = new AzureMachineLearningWorkspaces(azure.credential, azure.subscriptionId, {
    endpoint: azure.endpoint,
    credentialScopes: [azure.scope],
    userAgentOptions: { userAgentPrefix: 'guardian-mlops' },
    retryOptions: { maxRetries: 4, retryDelayInMs: 800, maxRetryDelayInMs: 10_000 },
    ...(azure.proxy ? { proxyOptions: proxyOptions(azure.proxy) } : {}),
  });
  const explain = (error: unknown, doing: string): Error => serviceError(error, doing, azure);
  const id = `/subscriptions/${azure.subscriptionId}/resourceGroups/${resourceGroup}/providers/Microsoft.MachineLearningServices/workspaces/${workspaceName}`;

  const send = async (request: WorkspaceRequest): Promise<WorkspaceResponse> => {
    const url = new URL(request.path.startsWith('/') ? `${azure.endpoint}${id}${request.path}` : request.path);
    if (request.path.startsWith('/')) url.searchParams.set('api-version', request.apiVersion);
    for (const [name, value] of Object.entries(request.query ?? {})) url.searchParams.set(name, value);
    const doing = request.doing ?? `${request.method} ${request.path.replace(/\?.*/, '')}`;
    try {
      const response = await client.sendRequest(
        createPipelineRequest({
          url: url.toString(),
          method: request.method,
          headers: createHttpHeaders({
            accept: 'application/json',
            ...(request.body === undefined ? {} : { 'content-type': 'application/json' }),
          }),
          ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
          abortSignal: request.signal ?? host.signal,
        }),
      );
      if ((response.status < 200 || response.status >= 300) && !request.allow?.includes(response.status)) {
        throw new RestError(response.bodyAsText ?? '', {
          statusCode: response.status,
          request: response.request,
          response,
        });
      }
      return {
        status: response.status,
        body: response.bodyAsText ? (JSON.parse(response.bodyAsText) as unknown) : undefined,
        header: name => response.headers.get(name),
      };
    } catch (error) {
      throw explain(error, doing);
    }
  };

  const found = await client.workspaces
    .get(resourceGroup, workspaceName, { abortSignal: host.signal })
    .catch(async (error: unknown) => {
      if (statusOf(error) === 404) throw await workspaceNotFound(error, client, azure, resourceGroup, workspaceName);
      throw explain(error, `read the workspace '${workspaceName}' in the resource group '${resourceGroup}'`);
    });

  let api: Promise<string> | undefined;
  return {
    name: workspaceName,
    resourceGroup,
    subscriptionId: azure.subscriptionId,
    location: found.location ?? '',
    guid: found.workspaceId ?? '',
    id,
    connection: azure,
    client,
    send,
    apiUrl: () => (api ??= apiOf(found, send)),
    explain,
  };
}

/** Says which workspaces there are instead, as far as the connection may see them. */
async function workspaceNotFound(
  cause: unknown,
  client: AzureMachineLearningWorkspaces,
  { subscriptionId, principal }: AzureConnection,
  resourceGroup: string,
  workspaceName: string,
): Promise<TaskError> {
  const visible: string[] = [];
  try {
    for await (const { id, name } of client.workspaces.listBySubscription())
      visible.push(`${/\/resourceGroups\/([^/]+)/i.exec(id ?? '')?.[1] ?? ''}/${name ?? ''}`);
  } catch {
    // Without the right to list them, the answer to the first question stands alone.
  }
  const instead =
    visible.length === 0 ? '' : ` As group/workspace: ${nearNames(`${resourceGroup}/${workspaceName}`, visible)}`;
  return new TaskError(
    `There is no workspace '${workspaceName}' in the resource group '${resourceGroup}' of subscription ${subscriptionId}, or ${principal} may not see it. Check workspaceName, resourceGroup and the service connection's subscription.${instead}`,
    { code: 'GuardianNotFound', cause },
  );
}

/**
 * The region's host for run history, metrics and MLflow: `azureml://<host>/mlflow/v1.0/…` in the workspace itself, as MLflow's own plug-in
 * reads it, else in the workspace's discovery document.
 */
async function apiOf(
  { mlFlowTrackingUri, discoveryUrl }: { mlFlowTrackingUri?: string; discoveryUrl?: string },
  send: Workspace['send'],
): Promise<string> {
  const host = /^azureml:\/\/([^/]+)\/mlflow\//.exec(mlFlowTrackingUri ?? '')?.[1];
  if (host !== undefined) return `https://${host}`;
  if (!discoveryUrl)
    throw new TaskError(
      'The workspace names no discovery URL, so its run history cannot be found. Is its creation complete?',
    );
  const { body } = await send({
    method: 'GET',
    path: discoveryUrl,
    apiVersion: '',
    doing: `read the workspace's discovery document`,
  });
  const { api } = body as { api?: string };
  if (!api) throw new TaskError(`The discovery document ${discoveryUrl} names no api address.`);
  return api.replace(/\/+$/, '');
}
