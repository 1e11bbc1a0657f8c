import type { ErrorCode } from '../task-error';
import { isCertificateCode } from './network-error';

/** Where a call went and as whom, for the hint after a refusal. */
export interface CallContext {
  readonly endpoint: string;
  readonly principal: string;
  /** Where tokens come from: a sign-in that cannot reach it is not the endpoint's fault. */
  readonly authority?: string;
}

interface Answer {
  readonly network: string | undefined;
  readonly status: number | undefined;
  /** The service's own words. */
  readonly said: string;
}

/** The likely cause of a failed call and what to do about it; without a hint where nothing better than the answer is known. */
export function causeOf(
  { network, status, said }: Answer,
  { endpoint, principal, authority }: CallContext,
): { code: ErrorCode; hint?: string } {
  if (network && isCertificateCode(network)) {
    return {
      code: 'GuardianUnreachable',
      hint: `The certificate of ${hosts(endpoint, authority)} is not trusted on this agent: if a proxy or a private cloud signs with its own authority, set NODE_EXTRA_CA_CERTS to its file on the agent.`,
    };
  }
  if (network) {
    return {
      code: 'GuardianUnreachable',
      hint: `Check that this agent reaches ${hosts(endpoint, authority)}: the service connection's URL, the agent's proxy and firewall, and for a private workspace that the agent is in its network.`,
    };
  }
  const signIn = signInCauses.find(([pattern]) => pattern.test(said));
  if (signIn) return { code: 'GuardianSignIn', hint: signIn[1](principal) };
  if (/endpoints_resolution_error|network_error/.test(said)) {
    return {
      code: 'GuardianUnreachable',
      hint: `The sign-in address ${authority ?? 'of the connection'} gave no usable answer: check that it is the connection's cloud (environmentAuthorityUrl), that this agent reaches it, also through its proxy, and that it trusts its certificate (NODE_EXTRA_CA_CERTS).`,
    };
  }
  switch (status) {
    case 401:
      return {
        code: 'GuardianSignIn',
        hint: `The token of ${principal} was refused: check that the service connection belongs to this cloud and tenant.`,
      };
    case 403:
      return { code: 'GuardianForbidden', hint: roleHint(said, endpoint, principal) };
    case 404:
      return { code: 'GuardianNotFound' };
    case 409:
    case 412:
      return { code: 'GuardianConflict' };
    case 429:
      return {
        code: 'GuardianThrottled',
        hint: 'The service throttles this subscription: run again later, or with fewer pipelines at once.',
      };
  }
  // The front end answers some refusals with 400 UserError and the real code inside.
  if (/ForbiddenError|AuthorizationFailed/.test(said))
    return { code: 'GuardianForbidden', hint: roleHint(said, endpoint, principal) };
  if (status !== undefined && status >= 500) {
    return {
      code: 'GuardianService',
      hint: 'The service failed several times in a row: run again later, and quote the request id to Azure support if it stays.',
    };
  }
  return { code: status === undefined ? 'GuardianFailed' : 'GuardianRefused' };
}

/** Sign-in failures by Entra's code: https://learn.microsoft.com/entra/identity-platform/reference-error-codes */
const signInCauses: readonly [RegExp, (principal: string) => string][] = [
  [
    /AADSTS7000215/,
    principal =>
      `The secret of ${principal} is wrong: renew it in the service connection, or convert the connection to workload identity federation.`,
  ],
  [
    /AADSTS7000222/,
    principal =>
      `The secret of ${principal} has expired: renew it in the service connection, or convert the connection to workload identity federation.`,
  ],
  [
    /AADSTS700016/,
    principal =>
      `Entra ID does not know ${principal} in this tenant: check the service connection's application and tenant.`,
  ],
  [
    /AADSTS(90002|900023)/,
    () =>
      "The tenant of the service connection does not exist in its cloud: check the tenant id and the connection's environment.",
  ],
  [
    /AADSTS7002(1|2|3)/,
    principal =>
      `The federated credential of ${principal} does not match this service connection: compare issuer and subject in Entra ID with those that the connection shows.`,
  ],
  [
    /AADSTS700027/,
    principal =>
      `The certificate of ${principal} is not the one that Entra ID knows, or it has expired: renew it in the service connection.`,
  ],
  [/AADSTS/, principal => `Signing in as ${principal} failed: verify the service connection in the project settings.`],
  [
    /OIDC token|oidcToken|AzurePipelinesCredential/i,
    principal =>
      `Azure DevOps gave no token for ${principal}: check that this pipeline may use the service connection and that it still exists.`,
  ],
  [
    /ManagedIdentityCredential|IMDS/i,
    () =>
      'The agent has no managed identity that can sign in: assign one to its machine, or use workload identity federation.',
  ],
];

/** The role that the refused action belongs to. https://learn.microsoft.com/azure/machine-learning/how-to-assign-roles */
function roleHint(said: string, endpoint: string, principal: string): string {
  const who = principal.charAt(0).toUpperCase() + principal.slice(1);
  if (
    /\.blob\.|AuthorizationPermissionMismatch|AuthorizationFailure|KeyBasedAuthenticationNotPermitted/.test(
      `${endpoint} ${said}`,
    )
  )
    return `${who} may not use the workspace's storage: give it the role Storage Blob Data Contributor on the storage account, and check the account's firewall.`;
  return `${who} may not do this: give it the role AzureML Data Scientist (or Contributor) on the workspace; a new role assignment takes some minutes to work.`;
}

function hosts(endpoint: string, authority: string | undefined): string {
  return authority === undefined || authority === endpoint ? endpoint : `${endpoint} and ${authority}`;
}
