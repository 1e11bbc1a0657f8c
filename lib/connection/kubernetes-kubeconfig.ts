import type { Cluster, KubeConfig, User } from '@kubernetes/client-node' with { 'resolution-mode': 'import' };
import { parse } from 'yaml';
import type { TaskHost } from '../host/task-host';
import { TaskError } from '../task-error';
import type { KubernetesAccess } from './kubernetes-connection';

const connectionError = { code: 'GuardianConnection' } as const;

/** Application id of the AKS server in Entra ID, the audience of its tokens; the same in every tenant and cluster. https://azure.github.io/kubelogin/concepts/aks.html */
export const aksServerApplication = '6dae42f8-4368-4678-94ff-3960e28e3630';

/** Who signs in where a kubeconfig has kubelogin do it. */
export interface EntraSignIn {
  /** For messages: the service principal's id or the kind of identity. */
  readonly principal: string;
  /** A token for a server application. Called for each request; the credential behind it keeps what is still good. */
  token(serverApplication: string): Promise<string>;
}

export interface KubeconfigUse {
  /** For messages, such as `the kubeconfig of the Kubernetes service connection`. */
  readonly what: string;
  readonly context?: string | undefined;
  readonly skipTlsCheck?: boolean;
  /** Who signs in for a user that has kubelogin or the old azure provider; without one such a user is refused. */
  readonly entra?: EntraSignIn | undefined;
}

/**
 * Access by a kubeconfig's text. Every credential in it is registered with the agent's masker, and users that would run
 * kubelogin get their token from `entra` instead, fetched per request: nothing has to be installed on the agent.
 */
export async function kubeconfigAccess(text: string, o: KubeconfigUse, host: TaskHost): Promise<KubernetesAccess> {
  const { KubeConfig } = await import('./kubernetes-client.mjs');
  const kubeConfig = new KubeConfig();
  try {
    maskCredentials(parse(text), host);
    kubeConfig.loadFromString(text);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new TaskError(`${capital(o.what)} cannot be read: ${message}`, { ...connectionError, cause: error });
  }
  chooseContext(kubeConfig, o);
  const cluster = kubeConfig.getCurrentCluster();
  if (!cluster) {
    throw new TaskError(
      `${capital(o.what)} names no cluster for its current context; set current-context in it, or say which context is meant.`,
      connectionError,
    );
  }
  const user = kubeConfig.getCurrentUser();
  const application = user ? entraApplication(user) : undefined;
  if (application !== undefined && !o.entra) {
    throw new TaskError(
      `${capital(o.what)} signs in to Entra ID with kubelogin, as the user ${user?.name ?? ''}. Name an Azure service connection (azureSubscription): the task then signs in with that, without kubelogin.`,
      connectionError,
    );
  }
  const reached = (one: Cluster) => withProxy(o.skipTlsCheck ? withoutTlsCheck(one) : one, host);
  kubeConfig.loadFromOptions({
    clusters: kubeConfig.clusters.map(reached),
    contexts: kubeConfig.contexts,
    users: kubeConfig.users.map(one => (one === user && application !== undefined ? entraUser(one) : one)),
    currentContext: kubeConfig.currentContext,
  });
  if (application !== undefined && o.entra) signInWith(kubeConfig, o.entra, application, host);
  return {
    kubeConfig,
    server: cluster.server,
    user: application !== undefined && o.entra ? o.entra.principal : (user?.name ?? 'anonymous'),
    namespace: kubeConfig.getContextObject(kubeConfig.getCurrentContext())?.namespace,
  };
}

function chooseContext(kubeConfig: KubeConfig, { context, what }: KubeconfigUse): void {
  if (!context) return;
  if (!kubeConfig.getContextObject(context)) {
    const known = kubeConfig.getContexts().map(one => one.name);
    throw new TaskError(
      `${capital(what)} has no context ${context}. It has: ${known.join(', ') || 'none'}.`,
      connectionError,
    );
  }
  kubeConfig.setCurrentContext(context);
}

const entraProvider = 'guardian-entra';

/** The server application that a user's token must be for, when kubelogin or the old azure provider would fetch it. */
function entraApplication(user: User): string | undefined {
  const provider = user.authProvider as { name?: string; config?: Record<string, string> } | undefined;
  if (provider?.name === 'azure') return provider.config?.['apiserver-id'] ?? aksServerApplication;
  const exec = user.exec as { command?: string; args?: readonly string[] } | undefined;
  if (!exec?.command || !/(^|[/\\])kubelogin(\.exe)?$/.test(exec.command)) return undefined;
  const args = exec.args ?? [];
  const at = args.indexOf('--server-id');
  return (at < 0 ? undefined : args[at + 1]) ?? aksServerApplication;
}

function entraUser({ name }: User): User {
  return { name, authProvider: { name: entraProvider } };
}

function signInWith(kubeConfig: KubeConfig, entra: EntraSignIn, application: string, host: TaskHost): void {
  kubeConfig.addAuthenticator({
    isAuthProvider: user => (user.authProvider as { name?: string } | undefined)?.name === entraProvider,
    applyAuthentication: async (_user, options) => {
      const token = await entra.token(application);
      host.maskSecret(token);
      const request = options as { headers?: Record<string, string> };
      request.headers = { ...request.headers, Authorization: `Bearer ${token}` };
    },
  });
}

/** The agent's proxy, where the kubeconfig names none of its own. */
export function withProxy(cluster: Cluster, host: TaskHost): Cluster {
  const proxyUrl = cluster.proxyUrl ?? host.proxy(cluster.server);
  return proxyUrl ? { ...cluster, proxyUrl } : cluster;
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

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
