import {
  bearerTokenAuthenticationPolicy,
  createDefaultHttpClient,
  createHttpHeaders,
  createPipelineFromOptions,
  createPipelineRequest,
} from '@azure/core-rest-pipeline';
import type { TaskHost } from '../host/task-host';
import { TaskError, type ErrorCode } from '../task-error';
import { proxyOptions, type AzureConnection } from './azure-connection';
import type { KubernetesAccess } from './kubernetes-connection';
import { kubeconfigAccess, type EntraSignIn } from './kubernetes-kubeconfig';

/** A managed cluster, and whose credentials are asked for. */
export interface AksCluster {
  readonly resourceGroup: string;
  readonly name: string;
  /** `user`: what Azure gives to users; with Entra ID the service connection itself signs in. `admin`: the local cluster administrator. */
  readonly credentials: 'user' | 'admin';
}

const apiVersion = '2024-09-01';

/**
 * Access to an AKS cluster through an Azure service connection: Resource Manager gives the kubeconfig, and where that
 * signs in to Entra ID, the service connection's own credential fetches the tokens.
 * https://learn.microsoft.com/rest/api/aks/managed-clusters/list-cluster-user-credentials
 */
export async function aksAccess(azure: AzureConnection, aks: AksCluster, host: TaskHost): Promise<KubernetesAccess> {
  const text = await kubeconfigOf(azure, aks, host);
  const what = `the kubeconfig of the AKS cluster ${aks.name}`;
  return kubeconfigAccess(text, { what, entra: entraSignIn(azure, host) }, host);
}

/** Signs in with an Azure service connection; tokens are fetched per use. */
export function entraSignIn({ credential, principal }: AzureConnection, host: TaskHost): EntraSignIn {
  return {
    principal,
    token: async application => {
      const token = await credential
        .getToken(`${application}/.default`, { abortSignal: host.signal })
        .catch((error: unknown) => {
          const said = error instanceof Error ? error.message : String(error);
          throw new TaskError(`${principal} gets no token for the AKS cluster: ${said}`, {
            code: 'GuardianSignIn',
            cause: error,
          });
        });
      if (!token) throw new TaskError(`${principal} gets no token for the AKS cluster.`, { code: 'GuardianSignIn' });
      return token.token;
    },
  };
}

async function kubeconfigOf(azure: AzureConnection, aks: AksCluster, host: TaskHost): Promise<string> {
  const operation = aks.credentials === 'admin' ? 'listClusterAdminCredential' : 'listClusterUserCredential';
  const id = `/subscriptions/${azure.subscriptionId}/resourceGroups/${aks.resourceGroup}/providers/Microsoft.ContainerService/managedClusters/${aks.name}`;
  // Without format=exec, old clusters answer with a provider that no client has any more.
  const query = `api-version=${apiVersion}${aks.credentials === 'user' ? '&format=exec' : ''}`;
  const pipeline = createPipelineFromOptions({
    userAgentOptions: { userAgentPrefix: 'guardian-mlops' },
    retryOptions: { maxRetries: 4, retryDelayInMs: 800, maxRetryDelayInMs: 10_000 },
    ...(azure.proxy ? { proxyOptions: proxyOptions(azure.proxy) } : {}),
  });
  pipeline.addPolicy(bearerTokenAuthenticationPolicy({ credential: azure.credential, scopes: azure.scope }));
  const request = createPipelineRequest({
    url: `${azure.endpoint}${id}/${operation}?${query}`,
    method: 'POST',
    headers: createHttpHeaders({ accept: 'application/json' }),
    abortSignal: host.signal,
  });
  const doing = `get the ${aks.credentials} credentials of the AKS cluster ${aks.name} in the resource group ${aks.resourceGroup}`;
  const answer = await pipeline.sendRequest(createDefaultHttpClient(), request).catch((error: unknown) => {
    host.signal.throwIfAborted();
    const said = error instanceof Error ? error.message : String(error);
    throw new TaskError(`${azure.principal} could not ${doing} at ${azure.endpoint}: ${said}`, {
      code: said.includes('AADSTS') ? 'GuardianSignIn' : 'GuardianUnreachable',
      cause: error,
    });
  });
  const body = parsed(answer.bodyAsText) as CredentialAnswer;
  if (answer.status !== 200) throw refused(answer.status, body, doing, operation, azure);
  const [first] = body.kubeconfigs ?? [];
  if (!first?.value) throw new TaskError(`Azure answered without a kubeconfig when asked to ${doing}.`);
  return Buffer.from(first.value, 'base64').toString('utf8');
}

interface CredentialAnswer {
  kubeconfigs?: { name?: string; value?: string }[];
  error?: { code?: string; message?: string };
  code?: string;
  message?: string;
}

const codes: Readonly<Record<number, ErrorCode>> = {
  401: 'GuardianSignIn',
  403: 'GuardianForbidden',
  404: 'GuardianNotFound',
  429: 'GuardianThrottled',
};

function refused(
  status: number,
  body: CredentialAnswer,
  doing: string,
  operation: string,
  azure: AzureConnection,
): TaskError {
  const { code = '', message = '' } = body.error ?? body;
  const role = operation === 'listClusterAdminCredential' ? 'Admin' : 'User';
  const hints: Readonly<Record<number, string>> = {
    400: 'When local accounts are disabled there are no administrator credentials: set aksCredentials to user.',
    403: `Give it the role "Azure Kubernetes Service Cluster ${role} Role" on the cluster (action Microsoft.ContainerService/managedClusters/${operation}/action).`,
    404: 'Check aksCluster, aksResourceGroup and the subscription of the service connection.',
  };
  return new TaskError(
    [`${azure.principal} could not ${doing}: Azure answered ${status} ${code}: ${message}`, hints[status] ?? '']
      .join(' ')
      .trim(),
    { code: codes[status] ?? (status >= 500 ? 'GuardianService' : 'GuardianRefused') },
  );
}

function parsed(text: string | null | undefined): unknown {
  try {
    return JSON.parse(text ?? '') as unknown;
  } catch {
    return {};
  }
}
