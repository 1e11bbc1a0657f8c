import type { Cluster, KubeConfig } from '@kubernetes/client-node' with { 'resolution-mode': 'import' };
import { parse } from 'yaml';
import type { ServiceConnection, TaskHost } from '../host/task-host';
import { TaskError } from '../task-error';

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
export async function kubernetesAccess(connection: ServiceConnection, host: TaskHost): Promise<KubernetesAccess> {
  const kind = connection.data('authorizationType') ?? 'Kubeconfig';
  const skipTlsCheck = connection.data('acceptUntrustedCerts')?.toLowerCase() === 'true';
  switch (kind.toLowerCase()) {
    case 'kubeconfig':
      return fromKubeconfig(connection, host, skipTlsCheck);
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

async function fromKubeconfig(
  connection: ServiceConnection,
  host: TaskHost,
  skipTlsCheck: boolean,
): Promise<KubernetesAccess> {
  const text = connection.auth('kubeconfig');
  if (!text) throw new TaskError('The Kubernetes service connection holds no kubeconfig.', connectionError);
  const { KubeConfig } = await import('./kubernetes-client.mjs');
  const kubeConfig = new KubeConfig();
  try {
    maskCredentials(parse(text), host);
    kubeConfig.loadFromString(text);
  } catch (error) {
    throw new TaskError(`The kubeconfig of the Kubernetes service connection cannot be read: ${messageOf(error)}`, {
      ...connectionError,
      cause: error,
    });
  }
  const context = connection.auth('clusterContext');
  if (context) {
    if (!kubeConfig.getContextObject(context)) {
      const known = kubeConfig.getContexts().map(one => one.name);
      throw new TaskError(
        `The kubeconfig of the Kubernetes service connection has no context ${context}. It has: ${known.join(', ') || 'none'}.`,
        connectionError,
      );
    }
    kubeConfig.setCurrentContext(context);
  }
  const cluster = kubeConfig.getCurrentCluster();
  if (!cluster) {
    throw new TaskError(
      'The kubeconfig of the Kubernetes service connection names no cluster for its current context; set current-context in it, or a context in the connection.',
      connectionError,
    );
  }
  const clusters = kubeConfig.clusters.map(one => (skipTlsCheck ? withoutTlsCheck(one) : one));
  kubeConfig.loadFromOptions({
    clusters,
    contexts: kubeConfig.contexts,
    users: kubeConfig.users,
    currentContext: kubeConfig.currentContext,
  });
  const namespace = kubeConfig.getContextObject(kubeConfig.getCurrentContext())?.namespace;
  return {
    kubeConfig,
    server: cluster.server,
    user: kubeConfig.getCurrentUser()?.name ?? 'anonymous',
    namespace: connection.data('namespace') ?? namespace,
  };
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
  const cluster = { name: 'cluster', server, skipTLSVerify: skipTlsCheck, ...(caData ? { caData } : {}) };
  kubeConfig.loadFromClusterAndUser(cluster, { name: 'service-account', token });
  return { kubeConfig, server, user: subjectOf(token) ?? 'service account', namespace: connection.data('namespace') };
}

/** With a CA beside it Node would still check the certificate. */
function withoutTlsCheck({ name, server, tlsServerName, proxyUrl }: Cluster): Cluster {
  return {
    name,
    server,
    skipTLSVerify: true,
    ...(tlsServerName ? { tlsServerName } : {}),
    ...(proxyUrl ? { proxyUrl } : {}),
  };
}

/** Fields of a kubeconfig's user that are credentials. */
const credentialFields = ['token', 'password', 'client-key-data', 'id-token', 'refresh-token', 'access-token'];

function maskCredentials(value: unknown, host: TaskHost): void {
  if (typeof value !== 'object' || value === null) return;
  for (const [name, inner] of Object.entries(value)) {
    if (credentialFields.includes(name) && typeof inner === 'string' && inner) host.maskSecret(inner);
    else maskCredentials(inner, host);
  }
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

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
