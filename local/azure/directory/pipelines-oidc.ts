import { timingSafeEqual } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { acceptJsonBodies } from '../arm/json-body';
import type { Directory } from './directory';

/**
 * The slice of Azure DevOps that a task with workload identity federation talks to: `POST /_devops/oidctoken` with the job's system access token
 * gives a fresh ID token for a service connection. Source of the shape: AzurePipelinesCredential of @azure/identity.
 */
export function registerPipelinesOidc(app: FastifyInstance, directory: Directory, systemAccessToken: string): void {
  acceptJsonBodies(app);
  app.post<{ Querystring: Record<string, string | undefined> }>('/oidctoken', async (request, reply) => {
    const given = Buffer.from(request.headers.authorization ?? '');
    const expected = Buffer.from(`Bearer ${systemAccessToken}`);
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
      return reply
        .code(401)
        .send({ $id: '1', message: 'TF400813: The user is not authorized to access this resource.' });
    }
    const connection = request.query.serviceConnectionId;
    if (connection === undefined || !/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(connection)) {
      return reply
        .code(400)
        .send({ $id: '1', message: 'The query parameter serviceConnectionId must be the id of a service connection.' });
    }
    return { oidcToken: await directory.pipelineToken(connection) };
  });
}
