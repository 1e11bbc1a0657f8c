import type { KubeConfig } from '@kubernetes/client-node' with { 'resolution-mode': 'import' };
import type { ServiceConnection, TaskHost } from '../host/task-host';
import { TaskError } from '../task-error';
import { kubeconfigAccess, withProxy, type EntraSignIn } from './kubernetes-kubeconfig';

const connectionError = { code: 'GuardianConnection' } as const;

/** A way into a cluster. */
export interface KubernetesAccess {
  readonly kubeConfig: KubeConfig;
  /** API server's URL, for messages. */
  readonly server: string;
  /** Who we are there, as far as the connection says it: for messages only. */
  readonly user: string;
  /** The namespace that the connection itself names. */
  readonly namespace: string | undefined;
}

/**
 * Turns a Kubernetes service connection into access to its cluster: kinds Kubeconfig, ServiceAccount and
 * AzureSubscription (for which Azure DevOps has made a service account, so that it reads the same).
 * Every credential is registered with the agent's masker: the agent masks a connection's parameters as they are, which
 * covers neither the decoded token nor what stands inside a kubeconfig.
 */
export async function kubernetesAccess(
  connection: ServiceConnection,
  host: TaskHost,
  entra?: EntraSignIn,
): Promise<KubernetesAccess> {
  const kind = connection.data('authorizationType') ?? 'Kubeconfig';
  const skipTlsCheck = connection.data('acceptUntrustedCerts')?.toLowerCase() === 'true';
  switch (kind.toLowerCase()) {
    case 'kubeconfig': {
      const text = connection.auth('kubeconfig');
      if (!text) throw new TaskError('The Kubernetes service connection holds no kubeconfig.', connectionError);
      const what = 'the kubeconfig of the Kubernetes service connection';
      const context = connection.auth('clusterContext');
      const access = await kubeconfigAccess(text, { what, context, skipTlsCheck, entra }, host);
      return { ...access, namespace: connection.data('namespace') ?? access.namespace };
    }
    case 'serviceaccount':
    case 'azuresubscription':
      return fromServiceAccount(connection, host, skipTlsCheck);
    default:
      throw new TaskError(
        `The Kubernetes service connection has the unknown authorization type ${kind}. Kubeconfig, ServiceAccount and AzureSubscription are supported.`,
        connectionError,
      );
  }
}

async function fromServiceAccount(
  connection: ServiceConnection,
  host: TaskHost,
  skipTlsCheck: boolean,
): Promise<KubernetesAccess> {
  const encoded = connection.auth('apiToken');
  if (!encoded)
    throw new TaskError(
      'The Kubernetes service connection holds no service account token (apiToken).',
      connectionError,
    );
  // Azure DevOps stores what the service account's Secret holds, which is base64; a token pasted as it is has dots.
  const token = encoded.includes('.') ? encoded : Buffer.from(encoded, 'base64').toString('utf8').trim();
  host.maskSecret(token);
  const caData = connection.auth('serviceAccountCertificate');
  const server = connection.url.replace(/\/+$/, '');
  const { KubeConfig } = await import('./kubernetes-client.mjs');
  const kubeConfig = new KubeConfig();
  const checked = caData && !skipTlsCheck ? { caData } : {};
  const cluster = withProxy({ name: 'cluster', server, skipTLSVerify: skipTlsCheck, ...checked }, host);
  kubeConfig.loadFromClusterAndUser(cluster, { name: 'service-account', token });
  return { kubeConfig, server, user: subjectOf(token) ?? 'service account', namespace: connection.data('namespace') };
}

/** The `sub` claim of a service account token, such as `system:serviceaccount:guardian:pipeline`. */
function subjectOf(token: string): string | undefined {
  try {
    const payload = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8')) as unknown;
    const subject = (payload as { sub?: unknown }).sub;
    return typeof subject === 'string' ? subject : undefined;
  } catch {
    return undefined;
  }
}
