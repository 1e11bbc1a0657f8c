import type { FastifyInstance } from 'fastify';
import { badRequest, notFound } from './devops-error';
import type { Organization } from './organization';

const guid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * A fresh ID token for a service connection with workload identity federation, or without one for the pipeline itself.
 * Source of the shape: AzurePipelinesCredential of @azure/identity and TaskApi.createOidcToken of azure-devops-node-api.
 */
export function registerOidcToken(app: FastifyInstance, path: string, organization: Organization): void {
  app.post<{ Querystring: Record<string, string | undefined> }>(path, async request => {
    const id = request.query.serviceConnectionId;
    const { directory } = organization.options;
    if (id === undefined) {
      const { name, project } = organization;
      return { oidcToken: await directory.pipelineToken(`p://${name}/${project.name}/pipeline`) };
    }
    if (!guid.test(id))
      throw badRequest('The query parameter serviceConnectionId must be the id of a service connection.');
    const connection = organization.serviceConnection(id);
    if (!connection) {
      throw notFound(
        'ServiceEndpointDoesNotExistException',
        `Service connection with ID ${id} does not exist, or it has no workload identity federation.`,
      );
    }
    return {
      oidcToken: await directory.pipelineToken(organization.subjectOf(connection), {
        org_id: organization.instanceId,
        prj_id: organization.project.id,
        sc_id: connection.id,
      }),
    };
  });
}

/** The issuer's own documents, by which anyone can check its tokens. */
export function registerOidcIssuer(app: FastifyInstance, organization: Organization): void {
  const { directory } = organization.options;
  app.get('/oidc/.well-known/openid-configuration', () => ({
    issuer: directory.pipelineIssuer,
    jwks_uri: `${directory.pipelineIssuer}/.well-known/jwks`,
    subject_types_supported: ['public', 'pairwise'],
    response_types_supported: ['id_token'],
    claims_supported: ['sub', 'aud', 'exp', 'iat', 'iss', 'jti', 'nbf', 'org_id', 'prj_id', 'sc_id'],
    id_token_signing_alg_values_supported: ['RS256'],
    scopes_supported: ['openid'],
  }));
  app.get('/oidc/.well-known/jwks', () => directory.pipelineKeySet);
}
