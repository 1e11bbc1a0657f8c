import type { FastifyInstance } from 'fastify';
import { useArmScope, workspacePath } from './arm/arm-scope';
import { registerOperations } from './arm/operations';
import { registerCodes } from './assets/codes';
import { registerData } from './assets/data';
import { registerEnvironments, type EnvironmentStore } from './assets/environments';
import { registerModels, type ModelStore } from './assets/models';
import { openClusters, registerComputes } from './compute/clusters';
import { Compute } from './compute/compute';
import type { PreparePython } from './compute/python';
import type { AzureContext } from './context';
import { registerDirectory } from './directory/directory-routes';
import { registerPipelinesOidc } from './directory/pipelines-oidc';
import { jobOutputs, type JobStore } from './jobs/job-record';
import { registerJobs } from './jobs/jobs';
import { registerMlflow } from './tracking/mlflow';
import { registerDeployments } from './online-endpoints/deployments';
import { registerEndpoints } from './online-endpoints/endpoints';
import { openEndpoints } from './online-endpoints/open-endpoints';
import { registerScoringRouter } from './online-endpoints/scoring-router';
import { registerRunHistory } from './tracking/run-history';
import type { RunStore } from './tracking/run-store';
import { registerDatastores } from './workspace/datastores';
import {
  registerCloudMetadata,
  registerDiscovery,
  registerSubscription,
  registerWorkspace,
} from './workspace/workspace';

/** What more than one part reads and writes, and what they are given from outside. */
export interface RouteParts {
  models: ModelStore;
  environments: EnvironmentStore;
  jobs: JobStore;
  runs: RunStore;
  systemAccessToken: string;
  preparePython: PreparePython;
}

/**
 * Where every part hangs its routes. Each `register…` gets a scope of its own (fastify encapsulates hooks, body parsers and error form),
 * so the planes can differ: ARM below the workspace's path, scoring without ARM's token check, and so on.
 */
export async function registerRoutes(app: FastifyInstance, context: AzureContext, parts: RouteParts): Promise<void> {
  const { directory } = context;
  await app.register((scope, _options, done) => {
    registerDirectory(scope, directory, () => context.baseUrl);
    done();
  });
  await app.register(
    (scope, _options, done) => {
      registerPipelinesOidc(scope, directory, parts.systemAccessToken);
      done();
    },
    { prefix: '/_devops' },
  );
  await app.register(
    (scope, _options, done) => {
      registerCloudMetadata(scope, context);
      done();
    },
    { prefix: '/metadata' },
  );
  await app.register(
    (scope, _options, done) => {
      registerDiscovery(scope, context);
      done();
    },
    { prefix: '/discovery' },
  );
  await app.register(
    (scope, _options, done) => {
      useArmScope(scope, context);
      registerSubscription(scope, context);
      done();
    },
    { prefix: '/subscriptions/:subscriptionId' },
  );
  await app.register(
    (scope, _options, done) => {
      useArmScope(scope, context);
      registerOperations(scope, context.operations);
      done();
    },
    { prefix: '/subscriptions/:subscriptionId/providers/Microsoft.MachineLearningServices' },
  );
  const outputs = jobOutputs(parts.jobs, () => context);
  const tracking = { ...parts, outputs };
  await registerMlflow(app, context, tracking);
  await registerRunHistory(app, context, tracking);
  const endpoints = openEndpoints(context);
  await app.register(
    (scope, _options, done) => {
      registerScoringRouter(scope, context, endpoints);
      done();
    },
    { prefix: '/inference' },
  );
  await app.register(
    (scope, _options, done) => {
      useArmScope(scope, context);
      // Everything below the workspace: paths here are relative to it, for example scope.get('/jobs/:name', …).
      registerDatastores(scope, context);
      const codes = registerCodes(scope, context);
      registerEnvironments(scope, context, parts.environments);
      const data = registerData(scope, context, outputs);
      registerModels(scope, context, parts.models, outputs);
      const clusters = openClusters(context);
      const compute = new Compute(context, { ...parts, clusters, codes, data, jobOutputs: outputs });
      registerComputes(scope, context, clusters, name => compute.busyNodes(name));
      registerJobs(scope, context, { ...parts, clusters, codes, compute });
      registerWorkspace(scope, context);
      registerEndpoints(scope, context, endpoints);
      registerDeployments(scope, context, endpoints);
      context.onStart(() => {
        compute.resume();
        return Promise.resolve();
      });
      context.onStop(() => compute.close());
      done();
    },
    { prefix: workspacePath },
  );
}
