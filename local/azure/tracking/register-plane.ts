import type { FastifyInstance } from 'fastify';
import { acceptJsonBodies } from '../arm/json-body';
import type { AzureContext } from '../context';
import type { JobStore } from '../jobs/job-record';
import { runError } from './run-body';
import { PlaneRefusal, planeCaller } from './workspace-plane';

/** Routes of one of the services beside Resource Manager that share a host, a sign-in and a form of errors. */
export async function registerPlane(
  app: FastifyInstance,
  context: AzureContext,
  jobs: JobStore,
  prefix: string,
  routes: (scope: FastifyInstance) => void,
): Promise<void> {
  await app.register(
    (scope, _options, done) => {
      scope.decorateRequest('caller', undefined);
      acceptJsonBodies(scope);
      scope.addHook('onRequest', async request => {
        request.caller = await planeCaller(request, context, jobs);
      });
      scope.setErrorHandler((error, request, reply) => {
        const status = statusOf(error);
        if (status === 500)
          context.log(
            `${request.method} ${request.url} failed: ${error instanceof Error ? (error.stack ?? '') : String(error)}`,
          );
        const message = error instanceof Error ? error.message : String(error);
        const code = status >= 500 ? 'ServiceError' : 'UserError';
        return reply.code(status).send(runError({ code, message, ...innerCodeOf(status) }, context));
      });
      routes(scope);
      done();
    },
    { prefix },
  );
}

function statusOf(error: unknown): number {
  if (error instanceof PlaneRefusal) return error.status;
  const { status, statusCode } = error as { status?: number; statusCode?: number };
  const known = status ?? statusCode;
  return known !== undefined && known < 500 ? known : 500;
}

function innerCodeOf(status: number): { innerCode?: string } {
  const codes: Record<number, string> = {
    400: 'BadArgument',
    401: 'AuthenticationError',
    403: 'ForbiddenError',
    404: 'NotFoundError',
  };
  const innerCode = codes[status];
  return innerCode === undefined ? {} : { innerCode };
}
