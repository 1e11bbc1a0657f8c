import type { FastifyInstance } from 'fastify';
import { workspacePath } from '../arm/arm-scope';
import { acceptJsonBodies } from '../arm/json-body';
import type { AzureContext } from '../context';
import { registerContentLinks } from './content-links';
import type { TrackingParts } from './mlflow';
import { outputUriPaths, registerOutputUris } from './output-uris';
import { registerRunArtifacts } from './run-artifacts';
import { runError } from './run-body';
import { registerRunMetrics } from './run-metrics';
import { registerRuns } from './run-routes';
import { registerUploads } from './upload-artifacts';
import { PlaneRefusal, planeCaller } from './workspace-plane';

/** Run history and its neighbours on the same host: what explains a job (details, log links, errors), its metrics, and what it left behind. */
export async function registerRunHistory(
  app: FastifyInstance,
  context: AzureContext,
  parts: TrackingParts,
): Promise<void> {
  const register = (prefix: string, routes: (scope: FastifyInstance) => void): PromiseLike<unknown> =>
    app.register(
      (scope, _options, done) => {
        scope.decorateRequest('caller', undefined);
        acceptJsonBodies(scope);
        scope.addHook('onRequest', async request => {
          request.caller = await planeCaller(request, context, parts.jobs);
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
  for (const version of ['v1.0', 'v2.0']) {
    await register(`/history/${version}${workspacePath}`, scope => {
      registerRuns(scope, context, parts);
      registerRunArtifacts(scope, context, parts);
    });
    await register(`/metric/${version}${workspacePath}`, scope => registerRunMetrics(scope, parts));
    await register(`/artifact/${version}${workspacePath}`, scope => registerUploads(scope, context));
  }
  await registerContentLinks(app, context);
  await register(outputUriPaths.data, scope => registerOutputUris(scope, context, parts.outputs, 'uri'));
  await register(outputUriPaths.models, scope => registerOutputUris(scope, context, parts.outputs, 'path'));
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
