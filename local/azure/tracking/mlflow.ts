import type { FastifyInstance, FastifyRequest } from 'fastify';
import { workspacePath } from '../arm/arm-scope';
import { acceptJsonBodies } from '../arm/json-body';
import type { JobOutputs } from '../assets/data-uri';
import type { ModelStore } from '../assets/models';
import type { AzureContext } from '../context';
import type { JobStore } from '../jobs/job-record';
import { azureAddresses, hasPlugin, proxiedAddresses, type ArtifactAddresses } from './artifact-addresses';
import { registerMlflowArtifactList, registerMlflowArtifacts } from './mlflow-artifacts';
import { MlflowError, sendMlflowError } from './mlflow-error';
import { registerMlflowExperiments } from './mlflow-experiments';
import { registerMlflowLoggedModels } from './mlflow-logged-models';
import { registerMlflowModelVersions } from './mlflow-model-versions';
import { registerMlflowRegisteredModels } from './mlflow-registered-models';
import { MlflowRegistry } from './mlflow-registry';
import { registerMlflowRunSearch } from './mlflow-run-search';
import { registerMlflowRuns } from './mlflow-runs';
import type { RunStore } from './run-store';
import { planeCaller } from './workspace-plane';

/** The MLflow version whose REST API this answers like; clients ask for it and adapt. */
const mlflowVersion = '2.22.0';

export interface TrackingParts {
  runs: RunStore;
  jobs: JobStore;
  models: ModelStore;
  outputs: JobOutputs;
}

/** MLflow's REST API of the workspace, below `/mlflow/v1.0` and `/mlflow/v2.0`. */
export async function registerMlflow(app: FastifyInstance, context: AzureContext, parts: TrackingParts): Promise<void> {
  const registry = new MlflowRegistry(context, parts.models);
  const azure = azureAddresses(context, parts.runs);
  const addressesOf = (request: FastifyRequest): ArtifactAddresses => (hasPlugin(request) ? azure : proxiedAddresses);
  for (const version of ['v1.0', 'v2.0']) {
    const root = `/mlflow/${version}${workspacePath}/api`;
    await app.register(
      (scope, _options, done) => {
        usePlane(scope, context, parts.jobs);
        acceptJsonBodies(scope);
        registerMlflowExperiments(scope, parts.runs);
        registerMlflowRuns(scope, parts.runs, parts.jobs, addressesOf);
        registerMlflowRunSearch(scope, parts.runs, addressesOf);
        registerMlflowArtifactList(scope, context, parts.runs);
        registerMlflowRegisteredModels(scope, registry, addressesOf);
        registerMlflowModelVersions(scope, context, registry, parts.outputs, addressesOf);
        registerMlflowLoggedModels(scope, context.journal);
        done();
      },
      { prefix: `${root}/2.0/mlflow` },
    );
    await app.register(
      (scope, _options, done) => {
        usePlane(scope, context, parts.jobs);
        registerMlflowArtifacts(scope, context);
        done();
      },
      { prefix: `${root}/2.0/mlflow-artifacts` },
    );
    await app.register(
      (scope, _options, done) => {
        usePlane(scope, context, parts.jobs);
        scope.get('/server-info', () => ({
          store_type: 'AzureMLLocal',
          workspaces_enabled: false,
          version: mlflowVersion,
        }));
        scope.all('/*', notThere);
        done();
      },
      { prefix: `${root}/3.0/mlflow` },
    );
  }
}

/** Token check and error form of MLflow for one scope. */
function usePlane(scope: FastifyInstance, context: AzureContext, jobs: JobStore): void {
  scope.decorateRequest('caller', undefined);
  scope.addHook('onRequest', async request => {
    request.caller = await planeCaller(request, context, jobs);
  });
  scope.setErrorHandler((error, request, reply) => sendMlflowError(error, request, reply, context));
  scope.setNotFoundHandler(notThere);
}

function notThere(request: { method: string; url: string }): never {
  throw new MlflowError(
    'ENDPOINT_NOT_FOUND',
    `Local Azure has no MLflow operation ${request.method} ${request.url.split('?')[0] ?? ''}.`,
  );
}
