import type { FastifyInstance, FastifyReply } from 'fastify';
import { newRequestId } from '../arm/arm-error';
import type { Directory, ServicePrincipal } from './directory';
import { contributor } from './principals';
import { requireResource } from './sign-in';
import { SignInError } from './sign-in-error';

/** Seconds that Azure lets the token of a managed identity live. */
const lifetimeSeconds = 86_399;

type Query = Record<string, string | undefined>;

/** A managed identity as its user sees it. */
export interface ManagedIdentity {
  clientId: string;
  objectId: string;
  /** ARM id of the user-assigned identity. */
  resourceId: string;
  /** Value for the header of the forms that want a secret (IDENTITY_HEADER, MSI_SECRET). */
  secret: string;
}

/** The user-assigned identity of the machines that this cloud's agents run on; Contributor. It is the only one, so also the default. */
export function ensureManagedIdentity(directory: Directory, resourceGroupId: string, secret: string): ManagedIdentity {
  const displayName = 'guardian-ai-agents';
  const resourceId = `${resourceGroupId}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/${displayName}`;
  const { clientId, objectId } =
    directory.findPrincipal(principal => principal.resourceId === resourceId) ??
    directory.addPrincipal(displayName, contributor, { clientSecret: '', resourceId });
  return { clientId, objectId, resourceId, secret };
}

/**
 * The token endpoints of managed identities, as the official clients call them:
 * - `/metadata/identity/oauth2/token` of a virtual machine (IMDS, api-version 2018-02-01; AZURE_POD_IDENTITY_AUTHORITY_HOST names the host), with the header `Metadata: true`;
 * - `/metadata/identity/msi/token` of App Service (IDENTITY_ENDPOINT and IDENTITY_HEADER, 2019-08-01) and of Azure ML's compute (MSI_ENDPOINT and MSI_SECRET, 2017-09-01), with a secret.
 */
export function registerManagedIdentity(app: FastifyInstance, directory: Directory, identity: ManagedIdentity): void {
  app.get<{ Querystring: Query }>('/oauth2/token', async (request, reply) => {
    if (request.headers.metadata !== 'true') {
      return refuse(reply, 400, 'invalid_request', 'Required metadata header not specified');
    }
    const version = request.query['api-version'];
    if (version === undefined)
      return refuse(reply, 400, 'bad_request', "Required query variable 'api-version' is missing");
    const found = findIdentity(request.query, directory);
    if (!found) return refuse(reply, 400, 'invalid_request', 'Identity not found');
    return answer(request.query.resource, found, directory, reply);
  });
  app.get<{ Querystring: Query }>('/msi/token', async (request, reply) => {
    const { 'x-identity-header': header, secret } = request.headers;
    if ((header ?? secret) !== identity.secret) {
      return reply.code(401).send({ statusCode: 401, message: 'The identity header is missing or wrong.' });
    }
    const found = findIdentity(request.query, directory);
    if (!found)
      return reply
        .code(400)
        .send({ statusCode: 400, message: 'No managed identity was found for specified client id.' });
    return answer(request.query.resource, found, directory, reply);
  });
}

/** The identity that the request names in any of the ways that the clients know; the machine's own without a name. */
function findIdentity(query: Query, directory: Directory): ServicePrincipal | undefined {
  const clientId = query.client_id ?? query.clientid;
  const objectId = query.object_id ?? query.principal_id;
  const resourceId = query.msi_res_id ?? query.mi_res_id;
  return directory.findPrincipal(
    principal =>
      principal.resourceId !== undefined &&
      (clientId === undefined || principal.clientId === clientId.toLowerCase()) &&
      (objectId === undefined || principal.objectId === objectId.toLowerCase()) &&
      (resourceId === undefined || principal.resourceId.toLowerCase() === resourceId.toLowerCase()),
  );
}

async function answer(
  resource: string | undefined,
  principal: ServicePrincipal,
  directory: Directory,
  reply: FastifyReply,
): Promise<FastifyReply> {
  if (resource === undefined || resource === '')
    return refuse(reply, 400, 'invalid_request', "Required query variable 'resource' is missing");
  try {
    requireResource(resource, directory);
  } catch (error) {
    if (!(error instanceof SignInError)) throw error;
    return refuse(reply, 400, 'invalid_resource', `AADSTS${error.code}: ${error.message}`);
  }
  // Shorter where tokens were made shorter for everybody.
  const seconds = directory.accessTokenSeconds < 3599 ? directory.accessTokenSeconds : lifetimeSeconds;
  const now = Math.floor(Date.now() / 1000);
  return reply.send({
    access_token: await directory.accessToken(principal, resource, seconds),
    client_id: principal.clientId,
    expires_in: String(seconds),
    expires_on: String(now + seconds),
    ext_expires_in: String(seconds),
    not_before: String(now),
    resource,
    token_type: 'Bearer',
  });
}

function refuse(reply: FastifyReply, status: number, error: string, description: string): FastifyReply {
  return reply.code(status).header('x-ms-request-id', newRequestId()).send({ error, error_description: description });
}
