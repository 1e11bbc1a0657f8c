import type { TokenCredential } from '@azure/core-auth';
import {
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
  /** Scope of the token that Resource Manager and the workspace's own services take. */
  readonly scope: string;
  /** Who we are there, for messages: the service principal's id or the kind of identity. */
  readonly principal: string;
  /** The agent's proxy for Resource Manager, as a URL. */
  readonly proxy: string | undefined;
}

/** Authorities that the sign-in libraries know; any other is asked directly, without asking the public cloud about it. */
const publicAuthorities = [
  'login.microsoftonline.com',
  'login.microsoftonline.us',
  'login.chinacloudapi.cn',
  'login.partner.microsoftonline.cn',
];

/**
 * Turns an Azure Resource Manager service connection into a credential. Which cloud it is comes from the connection:
 * its URL, `environmentAuthorityUrl` and `activeDirectoryServiceEndpointResourceId`.
 */
export function azureConnection(connection: ServiceConnection, host: TaskHost): AzureConnection {
  const endpoint = connection.url.replace(/\/+$/, '');
  const subscriptionId = connection.data('subscriptionId') ?? '';
  if (subscriptionId === '') {
    throw new TaskError(
      'The Azure service connection names no subscription (its scope is a management group). Use a connection scoped to a subscription, a resource group or an Azure ML workspace.',
    );
  }
  const resource = connection.data('activeDirectoryServiceEndpointResourceId') ?? endpoint;
  const { credential, principal } = credentialOf(connection, host);
  return {
    credential,
    subscriptionId,
    endpoint,
    scope: `${resource.replace(/\/+$/, '')}/.default`,
    principal,
    proxy: host.proxy(endpoint),
  };
}

function credentialOf(
  connection: ServiceConnection,
  host: TaskHost,
): { credential: TokenCredential; principal: string } {
  const authority = connection.data('environmentAuthorityUrl') ?? connection.data('activeDirectoryAuthority');
  const options = {
    ...(authority ? { authorityHost: authority.replace(/\/+$/, '') } : {}),
    disableInstanceDiscovery: authority !== undefined && !publicAuthorities.includes(new URL(authority).hostname),
  };
  const needed = (key: string): string => {
    const value = connection.auth(key);
    if (!value)
      throw new TaskError(
        `The Azure service connection (${connection.scheme}) holds no ${key}; edit it in the project settings and verify it there.`,
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
    default:
      throw new TaskError(
        `The Azure service connection has the scheme ${connection.scheme}, which cannot sign in to Azure Machine Learning. Use workload identity federation, a service principal or a managed identity.`,
      );
  }
}
