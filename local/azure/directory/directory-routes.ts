import { randomUUID } from 'node:crypto';
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { Directory, ServicePrincipal } from './directory';
import { TokenRefused } from './directory-tokens';

/** The OAuth error of each case; texts as Microsoft Entra words them. */
interface SignInFailure {
  status: 400 | 401;
  error:
    | 'invalid_request'
    | 'invalid_client'
    | 'unauthorized_client'
    | 'unsupported_grant_type'
    | 'invalid_scope'
    | 'invalid_resource';
  code: number;
  text: string;
}

class SignInError extends Error {
  constructor(readonly failure: SignInFailure) {
    super(failure.text);
  }
}

interface TenantRoute {
  Params: { tenant: string };
}

const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

/** Microsoft Entra ID as clients of the client-credentials flow see it: discovery document, keys, token endpoint (v1 and v2). */
export function registerDirectory(app: FastifyInstance, directory: Directory, baseUrl: () => string): void {
  app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) => {
    done(null, Object.fromEntries(new URLSearchParams(body.toString())));
  });
  app.setErrorHandler((error, request, reply) => {
    if (error instanceof SignInError) return sendFailure(reply, error.failure, clientRequestId(request.headers));
    return reply
      .code(500)
      .send({ error: 'server_error', error_description: error instanceof Error ? error.message : String(error) });
  });

  for (const version of ['v2.0/', '']) {
    app.get<TenantRoute>(`/:tenant/${version}.well-known/openid-configuration`, request => {
      requireTenant(request.params.tenant, directory);
      const authority = `${baseUrl()}/${request.params.tenant}`;
      const oauth = version === '' ? 'oauth2' : 'oauth2/v2.0';
      return {
        token_endpoint: `${authority}/${oauth}/token`,
        token_endpoint_auth_methods_supported: ['client_secret_post', 'private_key_jwt'],
        jwks_uri: `${authority}/discovery/v2.0/keys`,
        response_types_supported: ['code', 'id_token', 'token'],
        subject_types_supported: ['pairwise'],
        id_token_signing_alg_values_supported: ['RS256'],
        scopes_supported: ['openid'],
        issuer: directory.issuer,
        authorization_endpoint: `${authority}/${oauth}/authorize`,
        tenant_region_scope: null,
        cloud_instance_name: '127.0.0.1',
      };
    });
  }
  app.get<TenantRoute>('/:tenant/discovery/v2.0/keys', () => directory.tokens.keySet);
  app.post<TenantRoute>('/:tenant/oauth2/v2.0/token', async (request, reply) => {
    requireTenant(request.params.tenant, directory);
    const form = formOf(request.body);
    const resource = resourceOfScope(required(form, 'scope'));
    return answer(directory, await signIn(form, directory), resource, reply);
  });
  app.post<TenantRoute>('/:tenant/oauth2/token', async (request, reply) => {
    requireTenant(request.params.tenant, directory);
    const form = formOf(request.body);
    const resource = required(form, 'resource');
    return answer(directory, await signIn(form, directory), resource, reply);
  });
}

async function answer(
  directory: Directory,
  principal: ServicePrincipal,
  resource: string,
  reply: FastifyReply,
): Promise<Record<string, unknown>> {
  if (!directory.isKnownResource(resource)) {
    throw new SignInError({
      status: 400,
      error: 'invalid_resource',
      code: 500011,
      text: `The resource principal named ${resource} was not found in the tenant named ${directory.tenantId}. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You might have sent your authentication request to the wrong tenant.`,
    });
  }
  reply.header('cache-control', 'no-store, no-cache');
  const lifetime = directory.accessTokenSeconds;
  return {
    token_type: 'Bearer',
    expires_in: lifetime,
    ext_expires_in: lifetime,
    access_token: await directory.accessToken(principal, resource),
  };
}

async function signIn(form: Record<string, string>, directory: Directory): Promise<ServicePrincipal> {
  const grant = required(form, 'grant_type');
  if (grant !== 'client_credentials') {
    throw new SignInError({
      status: 400,
      error: 'unsupported_grant_type',
      code: 70003,
      text: `The app requested an unsupported grant type '${grant}'.`,
    });
  }
  const clientId = required(form, 'client_id');
  const principal = directory.principal(clientId);
  if (!principal) {
    throw new SignInError({
      status: 400,
      error: 'unauthorized_client',
      code: 700016,
      text: `Application with identifier '${clientId}' was not found in the directory '${directory.tenantId}'. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You may have sent your authentication request to the wrong tenant.`,
    });
  }
  if (form.client_assertion !== undefined) await checkAssertion(form, form.client_assertion, directory);
  else checkSecret(form.client_secret, principal, directory);
  return principal;
}

function checkSecret(secret: string | undefined, principal: ServicePrincipal, directory: Directory): void {
  if (secret === undefined) {
    throw new SignInError({
      status: 401,
      error: 'invalid_client',
      code: 7000218,
      text: "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
    });
  }
  if (!directory.hasSecret(principal, secret)) {
    throw new SignInError({
      status: 401,
      error: 'invalid_client',
      code: 7000215,
      text: `Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '${principal.clientId}'.`,
    });
  }
}

async function checkAssertion(form: Record<string, string>, assertion: string, directory: Directory): Promise<void> {
  if (required(form, 'client_assertion_type') !== assertionType) {
    throw new SignInError({
      status: 400,
      error: 'invalid_request',
      code: 50027,
      text: 'Invalid JWT token. Unsupported client_assertion_type.',
    });
  }
  try {
    await directory.checkPipelineToken(assertion);
  } catch (error) {
    if (!(error instanceof TokenRefused)) throw error;
    const outdated = error.code === 'ExpiredAuthenticationToken';
    throw new SignInError({
      status: 401,
      error: 'invalid_client',
      code: outdated ? 700024 : 700211,
      text: outdated
        ? 'Client assertion is not within its valid time range.'
        : `No matching federated identity record found for presented assertion. ${error.message}`,
    });
  }
}

function requireTenant(tenant: string, directory: Directory): void {
  if (tenant.toLowerCase() === directory.tenantId) return;
  throw new SignInError({
    status: 400,
    error: 'invalid_request',
    code: 90002,
    text: `Tenant '${tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for the tenant.`,
  });
}

function formOf(body: unknown): Record<string, string> {
  return typeof body === 'object' && body !== null ? (body as Record<string, string>) : {};
}

function required(form: Record<string, string>, field: string): string {
  const value = form[field];
  if (value !== undefined && value !== '') return value;
  throw new SignInError({
    status: 400,
    error: 'invalid_request',
    code: 900144,
    text: `The request body must contain the following parameter: '${field}'.`,
  });
}

function resourceOfScope(scope: string): string {
  const resource = scope
    .split(' ')
    .find(part => part.endsWith('/.default'))
    ?.replace(/\/\.default$/, '');
  if (resource !== undefined) return resource;
  throw new SignInError({
    status: 400,
    error: 'invalid_scope',
    code: 1002012,
    text: `The provided value for scope ${scope} is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI).`,
  });
}

function clientRequestId(headers: Record<string, unknown>): string {
  const given = headers['client-request-id'];
  return typeof given === 'string' ? given : randomUUID();
}

function sendFailure(reply: FastifyReply, failure: SignInFailure, correlationId: string): FastifyReply {
  const traceId = randomUUID();
  const timestamp = new Date()
    .toISOString()
    .replace('T', ' ')
    .replace(/\.\d+Z$/, 'Z');
  return reply.code(failure.status).send({
    error: failure.error,
    error_description: `AADSTS${failure.code}: ${failure.text} Trace ID: ${traceId} Correlation ID: ${correlationId} Timestamp: ${timestamp}`,
    error_codes: [failure.code],
    timestamp,
    trace_id: traceId,
    correlation_id: correlationId,
    error_uri: `https://login.microsoftonline.com/error?code=${failure.code}`,
  });
}
