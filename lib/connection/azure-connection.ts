import type { TokenCredential } from '@azure/core-auth';
import {
  AzureCliCredential,
  AzurePipelinesCredential,
  ClientCertificateCredential,
  ClientSecretCredential,
  ManagedIdentityCredential,
} from '@azure/identity';
import type { ServiceConnection, TaskHost } from '../host/task-host';
import { TaskError } from '../task-error';

/** A way into a subscription. Tokens are fetched per use by the credential, never kept over a wait. */
export interface AzureConnection {
  readonly credential: TokenCredential;
  readonly subscriptionId: string;
  /** Azure Resource Manager of the connection's cloud, without a slash at the end. */
  readonly endpoint: string;
  /** Where tokens come from, without a slash at the end. */
  readonly authority: string;
  /** Scope of the token that Resource Manager and the workspace's own services take. */
  readonly scope: string;
  /** Who we are there, for messages: the service principal's id or the kind of identity. */
  readonly principal: string;
  /** The agent's proxy for Resource Manager, as a URL. */
  readonly proxy: string | undefined;
}

/** Sign-in hosts by the `environment` of a connection that does not say its own. https://learn.microsoft.com/entra/identity-platform/authentication-national-cloud */
const authorities: Readonly<Record<string, string>> = {
  azurecloud: 'https://login.microsoftonline.com',
  azureusgovernment: 'https://login.microsoftonline.us',
  azurechinacloud: 'https://login.chinacloudapi.cn',
};

/** Authorities that the sign-in libraries know; any other is asked directly, without asking the public cloud about it. */
const publicAuthorities = [
  ...Object.values(authorities).map(url => new URL(url).hostname),
  'login.partner.microsoftonline.cn',
];

/**
 * Turns an Azure Resource Manager service connection into a credential. Which cloud it is comes from the connection:
 * its URL, `environmentAuthorityUrl` (else `environment`) and `activeDirectoryServiceEndpointResourceId`.
 */
export function azureConnection(connection: ServiceConnection, host: TaskHost): AzureConnection {
  const endpoint = httpsUrl(connection.url, 'URL');
  const subscriptionId = connection.data('subscriptionId') ?? '';
  if (subscriptionId === '') {
    throw new TaskError(
      'The Azure service connection names no subscription (its scope is a management group). Use a connection scoped to a subscription, a resource group or an Azure ML workspace.',
      { code: 'GuardianConnection' },
    );
  }
  const resource = connection.data('activeDirectoryServiceEndpointResourceId') ?? endpoint;
  const authority = authorityOf(connection);
  return {
    ...credentialOf(connection, authority, host),
    subscriptionId,
    endpoint,
    authority,
    scope: `${resource.replace(/\/+$/, '')}/.default`,
    proxy: host.proxy(endpoint),
  };
}

function authorityOf(connection: ServiceConnection): string {
  const given = connection.data('environmentAuthorityUrl') ?? connection.data('activeDirectoryAuthority');
  if (given) return httpsUrl(given, 'environmentAuthorityUrl');
  const environment = connection.data('environment') ?? 'AzureCloud';
  const known = authorities[environment.toLowerCase()];
  if (known) return known;
  throw new TaskError(
    `The Azure service connection is for the cloud ${environment}, but says no sign-in address (environmentAuthorityUrl). Edit it in the project settings and verify it there.`,
    { code: 'GuardianConnection' },
  );
}

/** Without slashes at the end. Tokens and secrets go to these addresses, so they are https. */
function httpsUrl(text: string, what: string): string {
  if (URL.canParse(text) && new URL(text).protocol === 'https:') return text.replace(/\/+$/, '');
  throw new TaskError(
    `The Azure service connection's ${what} is "${text}", but must be an https address. Edit it in the project settings.`,
    { code: 'GuardianConnection' },
  );
}

/** Proxy settings of the Azure SDK for a proxy URL with its credentials. */
export function proxyOptions(proxy: string): { host: string; port: number; username?: string; password?: string } {
  const url = new URL(proxy);
  return {
    host: `${url.protocol}//${url.hostname}`,
    port: Number(url.port || (url.protocol === 'https:' ? 443 : 80)),
    ...(url.username ? { username: decodeURIComponent(url.username), password: decodeURIComponent(url.password) } : {}),
  };
}

function credentialOf(
  connection: ServiceConnection,
  authority: string,
  host: TaskHost,
): { credential: TokenCredential; principal: string } {
  const proxy = host.proxy(authority);
  const options = {
    authorityHost: authority,
    disableInstanceDiscovery: !publicAuthorities.includes(new URL(authority).hostname),
    ...(proxy ? { proxyOptions: proxyOptions(proxy) } : {}),
  };
  const needed = (key: string): string => {
    const value = connection.auth(key);
    if (!value)
      throw new TaskError(
        `The Azure service connection (${connection.scheme}) holds no ${key}; edit it in the project settings and verify it there.`,
        { code: 'GuardianConnection' },
      );
    return value;
  };
  switch (connection.scheme.toLowerCase()) {
    case 'serviceprincipal': {
      const [tenant, client] = [needed('tenantid'), needed('serviceprincipalid')];
      const principal = `service principal ${client}`;
      if (connection.auth('authenticationType')?.toLowerCase() === 'spncertificate') {
        const certificate = needed('servicePrincipalCertificate');
        return { credential: new ClientCertificateCredential(tenant, client, { certificate }, options), principal };
      }
      const secret = needed('serviceprincipalkey');
      host.maskSecret(secret);
      return { credential: new ClientSecretCredential(tenant, client, secret, options), principal };
    }
    case 'workloadidentityfederation': {
      const [tenant, client] = [needed('tenantid'), needed('serviceprincipalid')];
      const token = host.connection('SYSTEMVSSCONNECTION').auth('AccessToken');
      if (!token || !host.variable('System.OidcRequestUri')) {
        throw new TaskError(
          'This agent offers no OpenID Connect token (System.OidcRequestUri), which a workload identity connection needs. Update the agent, or use a connection with a secret or certificate.',
          { code: 'GuardianConnection' },
        );
      }
      return {
        credential: new AzurePipelinesCredential(tenant, client, connection.id, token, options),
        principal: `workload identity ${client}`,
      };
    }
    case 'managedserviceidentity': {
      const clientId = connection.data('msiclientId');
      return {
        credential: clientId ? new ManagedIdentityCredential({ clientId }) : new ManagedIdentityCredential(),
        principal: `the agent's managed identity${clientId ? ` ${clientId}` : ''}`,
      };
    }
    // Not a scheme of Azure Pipelines: the command line runs the tasks with the login of the person who calls it.
    case 'azurecli': {
      const tenantId = connection.auth('tenantid');
      return { credential: new AzureCliCredential(tenantId ? { tenantId } : {}), principal: 'your Azure CLI login' };
    }
    default:
      throw new TaskError(
        `The Azure service connection has the scheme ${connection.scheme}, which cannot sign in to Azure Machine Learning. Use workload identity federation, a service principal or a managed identity.`,
        { code: 'GuardianConnection' },
      );
  }
}
