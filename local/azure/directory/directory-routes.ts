import type { FastifyInstance, FastifyReply } from 'fastify';
import type { Directory } from './directory';
import { requireResource, requireTenant, required, resourceOfScope, signIn } from './sign-in';
import { SignInError, sendSignInError } from './sign-in-error';

interface TenantRoute {
  Params: { tenant: string };
}

/** Microsoft Entra ID as clients of the client-credentials flow see it: discovery documents, keys, token endpoint (v1 and v2). */
export function registerDirectory(app: FastifyInstance, directory: Directory, baseUrl: () => string): void {
  app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) => {
    done(null, Object.fromEntries(new URLSearchParams(body.toString())));
  });
  app.setErrorHandler((error, request, reply) => {
    if (error instanceof SignInError) return sendSignInError(error, request, reply);
    const { statusCode, message } = error as { statusCode?: number; message?: string };
    if (statusCode !== undefined && statusCode < 500) {
      const text = `Invalid input received from the user: ${message ?? 'the request cannot be read'}.`;
      return sendSignInError(new SignInError(statusCode, 'invalid_request', 90013, text), request, reply);
    }
    return reply.code(500).send({ error: 'server_error', error_description: message ?? String(error) });
  });

  app.get<{ Params: { any: string }; Querystring: Record<string, string | undefined> }>(
    '/:any(^common|organizations$)/discovery/instance',
    request => discoverInstance(request.query.authorization_endpoint, directory, baseUrl()),
  );
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
  for (const version of ['v2.0/', '']) {
    app.get<TenantRoute>(`/:tenant/discovery/${version}keys`, request => {
      requireTenant(request.params.tenant, directory);
      return directory.keySet;
    });
  }
  for (const path of ['/:tenant/oauth2/v2.0/token', '/:tenant/oauth2/token']) {
    app.get(path, () => {
      throw new SignInError(
        405,
        'invalid_request',
        900561,
        'The endpoint only accepts POST requests. Received a GET request.',
      );
    });
  }
  app.post<TenantRoute>('/:tenant/oauth2/v2.0/token', async (request, reply) => {
    requireTenant(request.params.tenant, directory);
    const form = formOf(request.body);
    const resource = resourceOfScope(required(form, 'scope'));
    return answer(form, resource, directory, reply, value => value);
  });
  app.post<TenantRoute>('/:tenant/oauth2/token', async (request, reply) => {
    requireTenant(request.params.tenant, directory);
    const form = formOf(request.body);
    // The older endpoint writes its numbers as texts.
    return answer(form, required(form, 'resource'), directory, reply, String);
  });
}

async function answer(
  form: Record<string, string>,
  resource: string,
  directory: Directory,
  reply: FastifyReply,
  number: (value: number) => number | string,
): Promise<Record<string, unknown>> {
  const principal = await signIn(form, directory);
  requireResource(resource, directory);
  reply.headers({ 'cache-control': 'no-store, no-cache', pragma: 'no-cache' });
  const lifetime = directory.accessTokenSeconds;
  return {
    token_type: 'Bearer',
    expires_in: number(lifetime),
    ext_expires_in: number(lifetime),
    access_token: await directory.accessToken(principal, resource),
  };
}

/** What a client asks before it trusts an authority that it does not know: this server is its own and only instance. */
function discoverInstance(endpoint: string | undefined, directory: Directory, here: string): Record<string, unknown> {
  const { host } = new URL(here);
  if (endpoint === undefined || !URL.canParse(endpoint) || new URL(endpoint).host !== host) {
    throw new SignInError(400, 'invalid_request', 50049, `Unknown or invalid instance. This cloud knows ${host} only.`);
  }
  return {
    tenant_discovery_endpoint: `${directory.issuer}/.well-known/openid-configuration`,
    'api-version': '1.1',
    metadata: [{ preferred_network: host, preferred_cache: host, aliases: [host] }],
  };
}

function formOf(body: unknown): Record<string, string> {
  return typeof body === 'object' && body !== null ? (body as Record<string, string>) : {};
}
