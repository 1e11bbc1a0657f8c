import { checkAssertion } from './client-assertion';
import type { Directory, ServicePrincipal } from './directory';
import { SignInError, invalidClient, invalidRequest } from './sign-in-error';

/** The client-credentials grant: who signs in, with a secret, a certificate or the token of another issuer. @throws SignInError */
export async function signIn(form: Record<string, string>, directory: Directory): Promise<ServicePrincipal> {
  const grant = required(form, 'grant_type');
  if (grant !== 'client_credentials') {
    throw new SignInError(
      400,
      'unsupported_grant_type',
      70003,
      `The app requested an unsupported grant type '${grant}'.`,
    );
  }
  const clientId = required(form, 'client_id');
  const principal = directory.principal(clientId);
  if (!principal) {
    throw new SignInError(
      400,
      'unauthorized_client',
      700016,
      `Application with identifier '${clientId}' was not found in the directory '${directory.tenantId}'. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You may have sent your authentication request to the wrong tenant.`,
    );
  }
  if (form.client_assertion !== undefined) await checkAssertion(form, form.client_assertion, principal, directory);
  else checkSecret(form.client_secret, principal, directory);
  return principal;
}

function checkSecret(secret: string | undefined, principal: ServicePrincipal, directory: Directory): void {
  if (secret === undefined) {
    throw invalidClient(
      7000218,
      "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
    );
  }
  if (!directory.hasSecret(principal, secret)) {
    throw invalidClient(
      7000215,
      `Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '${principal.clientId}'.`,
    );
  }
  if (principal.secretExpires !== undefined && Date.parse(principal.secretExpires) < Date.now()) {
    throw invalidClient(
      7000222,
      `The provided client secret keys for app '${principal.clientId}' are expired. Visit the Azure portal to create new keys for your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added security: https://aka.ms/certCreds.`,
    );
  }
}

/** @throws SignInError AADSTS900144 for a field that is missing or empty */
export function required(form: Record<string, string>, field: string): string {
  const value = form[field];
  if (value !== undefined && value !== '') return value;
  throw invalidRequest(900144, `The request body must contain the following parameter: '${field}'.`);
}

/** The resource of a v2 scope: what stands before `/.default`. @throws SignInError */
export function resourceOfScope(scope: string): string {
  const resource = scope
    .split(' ')
    .find(part => part.endsWith('/.default'))
    ?.replace(/\/\.default$/, '');
  if (resource !== undefined) return resource;
  throw new SignInError(
    400,
    'invalid_scope',
    1002012,
    `The provided value for scope ${scope} is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI).`,
  );
}

/** @throws SignInError AADSTS500011 for a resource that this tenant does not have */
export function requireResource(resource: string, directory: Directory): void {
  if (directory.isKnownResource(resource)) return;
  throw new SignInError(
    400,
    'invalid_resource',
    500011,
    `The resource principal named ${resource} was not found in the tenant named ${directory.tenantId}. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You might have sent your authentication request to the wrong tenant.`,
  );
}

/** @throws SignInError for a tenant that is no GUID or domain (AADSTS900023), or not this one (AADSTS90002) */
export function requireTenant(tenant: string, directory: Directory): void {
  if (tenant.toLowerCase() === directory.tenantId) return;
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(tenant) && !tenant.includes('.')) {
    throw invalidRequest(
      900023,
      `Specified tenant identifier '${tenant}' is neither a valid DNS name, nor a valid external domain.`,
    );
  }
  throw invalidRequest(
    90002,
    `Tenant '${tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for the tenant.`,
  );
}
