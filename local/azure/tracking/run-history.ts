import type { FastifyInstance } from 'fastify';
import { workspacePath } from '../arm/arm-scope';
import type { AzureContext } from '../context';
import { registerContentLinks } from './content-links';
import type { TrackingParts } from './mlflow';
import { outputUriPaths, registerOutputUris } from './output-uris';
import { registerPlane } from './register-plane';
import { registerRunArtifacts } from './run-artifacts';
import { registerRunMetrics } from './run-metrics';
import { registerRuns } from './run-routes';
import { registerUploads } from './upload-artifacts';

/** Run history and its neighbours on the same host: what explains a job (details, log links, errors), its metrics, and what it left behind. */
export async function registerRunHistory(
  app: FastifyInstance,
  context: AzureContext,
  parts: TrackingParts,
): Promise<void> {
  const register = (prefix: string, routes: (scope: FastifyInstance) => void): Promise<void> =>
    registerPlane(app, context, parts.jobs, prefix, routes);
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
