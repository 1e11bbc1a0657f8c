import type { FastifyInstance } from 'fastify';
import type { Collection } from '../journal';
import { useArmScope, workspacePath } from './arm/arm-scope';
import { registerOperations } from './arm/operations';
import { orInRegistry } from './assets/asset-reference';
import { registerCodes, type CodeLookup } from './assets/codes';
import { registerComponents } from './assets/components';
import { registerData } from './assets/data';
import { registerEnvironments, type EnvironmentStore } from './assets/environments';
import { registerModels, type ModelStore } from './assets/models';
import { Compute } from './compute/compute';
import { openComputes, type ComputeRecord } from './compute/compute-record';
import { registerComputes } from './compute/computes';
import type { Nodes } from './compute/nodes';
import type { PreparePython } from './compute/python';
import type { AzureContext } from './context';
import type { DevOps } from './devops/devops';
import { registerDevOps } from './devops/devops-routes';
import { registerFaults } from './faults/fault-routes';
import type { Faults } from './faults/faults';
import { registerDirectory } from './directory/directory-routes';
import { registerManagedIdentity, type ManagedIdentity } from './directory/managed-identity';
import { jobOutputs, type JobStore } from './jobs/job-record';
import { registerJobs } from './jobs/jobs';
import { managedClustersPath, registerManagedClusterList, registerManagedClusters } from './managed-clusters';
import { registerImageBuilds } from './images/image-routes';
import { registerMlflow } from './tracking/mlflow';
import { registerDeployments } from './online-endpoints/deployments';
import { Autoscale } from './monitor/autoscale';
import { registerAutoscale, registerAutoscaleControl } from './monitor/autoscale-routes';
import { EndpointMeter } from './monitor/endpoint-meter';
import { registerMetrics, registerMetricsBatch } from './monitor/metrics-routes';
import { EndpointOperations } from './online-endpoints/endpoint-operations';
import { registerEndpointSettings, type EndpointSettings } from './online-endpoints/endpoint-settings';
import { registerEndpoints } from './online-endpoints/endpoints';
import { openEndpoints, type EndpointParts } from './online-endpoints/open-endpoints';
import { registerScoringRouter } from './online-endpoints/scoring-router';
import type { Registry } from './registries/registry';
import { registerRegistryDiscovery, registerRegistryResource } from './registries/registry-resource';
import { registerRegistry, registryPath, type RegistryLookups } from './registries/registry-routes';
import { registerRunHistory } from './tracking/run-history';
import type { RunStore } from './tracking/run-store';
import { registerDatastores } from './workspace/datastore-routes';
import { coresInUse, CoreQuotas, requireCores } from './workspace/core-quota';
import { registerQuotas } from './workspace/quotas';
import { registerUsages } from './workspace/usages';
import {
  registerCloudMetadata,
  registerDiscovery,
  registerSubscription,
  registerSubscriptions,
  registerWorkspace,
} from './workspace/workspace';

/** What more than one part reads and writes, and what they are given from outside. */
export interface RouteParts {
  models: ModelStore;
  environments: EnvironmentStore;
  registry: Registry;
  jobs: JobStore;
  runs: RunStore;
  devops: DevOps;
  faults: Faults;
  managedIdentity: ManagedIdentity;
  preparePython: PreparePython;
  endpointSettings: Partial<EndpointSettings> | undefined;
}

/** What the routes opened, to be read by who shows it. */
export interface OpenedStores {
  endpoints: EndpointParts;
  /** What the router of the endpoints saw. */
  meter: EndpointMeter;
  computes: Collection<ComputeRecord>;
  /** The nodes of a compute, if a job ever needed some. */
  nodes: (compute: string) => Nodes['state'] | undefined;
}

/**
 * Where every part hangs its routes. Each `register…` gets a scope of its own (fastify encapsulates hooks, body parsers and error form),
 * so the planes can differ: ARM below the workspace's path, scoring without ARM's token check, and so on.
 */
export async function registerRoutes(
  app: FastifyInstance,
  context: AzureContext,
  parts: RouteParts,
): Promise<OpenedStores> {
  const { directory } = context;
  const assets: { codes?: CodeLookup } = {};
  const quotas = new CoreQuotas(context.journal);
  const endpoints = openEndpoints(context, {
    preparePython: parts.preparePython,
    codes: reference => assets.codes?.(reference),
    requireQuota: record => requireCores(record, quotas, endpoints.store.allDeployments(), clusterNodes()),
    ...(parts.endpointSettings === undefined ? {} : { settings: parts.endpointSettings }),
  });
  const endpointOperations = new EndpointOperations(context, endpoints);
  const monitor = { store: endpoints.store, meter: new EndpointMeter(context, endpoints.fleet) };
  const autoscale = new Autoscale(context, { endpoints, operations: endpointOperations, meter: monitor.meter });
  await app.register((scope, _options, done) => {
    registerDirectory(scope, directory, () => context.baseUrl);
    done();
  });
  await app.register(
    (scope, _options, done) => {
      registerDevOps(scope, parts.devops, context.log);
      done();
    },
    { prefix: '/_devops' },
  );
  await app.register(
    (scope, _options, done) => {
      registerFaults(scope, parts.faults);
      registerEndpointSettings(scope, endpoints.settings);
      registerAutoscaleControl(scope, autoscale);
      done();
    },
    { prefix: '/_local' },
  );
  await app.register(
    (scope, _options, done) => {
      registerManagedIdentity(scope, directory, parts.managedIdentity);
      done();
    },
    { prefix: '/metadata/identity' },
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
      registerRegistryDiscovery(scope, context);
      done();
    },
    { prefix: '/registrymanagement' },
  );
  await app.register(
    (scope, _options, done) => {
      useArmScope(scope, context);
      registerSubscriptions(scope, context);
      done();
    },
    { prefix: '/subscriptions' },
  );
  await app.register(
    (scope, _options, done) => {
      useArmScope(scope, context);
      registerSubscription(scope, context);
      registerRegistryResource(scope, context);
      registerManagedClusterList(scope, context);
      done();
    },
    { prefix: '/subscriptions/:subscriptionId' },
  );
  await app.register(
    (scope, _options, done) => {
      useArmScope(scope, context);
      registerOperations(scope, context.operations);
      registerUsages(scope, context, {
        quotas,
        cores: () => coresInUse(endpoints.store.allDeployments(), clusterNodes()),
      });
      registerQuotas(scope, context, quotas);
      done();
    },
    { prefix: '/subscriptions/:subscriptionId/providers/Microsoft.MachineLearningServices' },
  );
  await app.register(
    (scope, _options, done) => {
      useArmScope(scope, context);
      registerManagedClusters(scope, context);
      done();
    },
    { prefix: managedClustersPath },
  );
  const computes = openComputes(context);
  let running: Compute | undefined;
  function clusterNodes(): Map<string, number> {
    const sizes = new Map<string, number>();
    for (const [name, { vmSize }] of computes.entries())
      sizes.set(vmSize, (sizes.get(vmSize) ?? 0) + (running?.nodes(name)?.current ?? 0));
    return sizes;
  }
  const outputs = jobOutputs(
    parts.jobs,
    () => context,
    id => parts.runs.run(id) !== undefined,
  );
  const tracking = { ...parts, outputs };
  await registerMlflow(app, context, tracking);
  await registerRunHistory(app, context, tracking);
  await registerImageBuilds(app, context, parts.jobs, endpoints.fleet.images);
  await registerAutoscale(app, context, autoscale, endpoints.store);
  await app.register((scope, _options, done) => {
    registerMetricsBatch(scope, context, monitor);
    done();
  });
  await app.register(
    (scope, _options, done) => {
      registerScoringRouter(scope, context, endpoints, monitor.meter);
      done();
    },
    { prefix: '/inference' },
  );
  const registered: { registry?: RegistryLookups } = {};
  await app.register(
    (scope, _options, done) => {
      registered.registry = registerRegistry(scope, { ...parts, context, jobs: outputs }, parts.registry);
      done();
    },
    { prefix: registryPath },
  );
  await app.register(
    (scope, _options, done) => {
      useArmScope(scope, context);
      // Everything below the workspace: paths here are relative to it, for example scope.get('/jobs/:name', …).
      registerDatastores(scope, context);
      const codes = (assets.codes = orInRegistry(registerCodes(scope, context), registered.registry?.codes));
      registerEnvironments(scope, context, parts.environments);
      const data = orInRegistry(registerData(scope, context, outputs), registered.registry?.data);
      registerModels(scope, context, parts.models, outputs);
      const components = orInRegistry(registerComponents(scope, context), registered.registry?.components);
      const compute = (running = new Compute(context, { ...parts, computes, codes, data, jobOutputs: outputs }));
      registerComputes(scope, context, computes, compute);
      registerJobs(scope, context, { ...parts, computes, codes, compute, components });
      registerWorkspace(scope, context);
      registerEndpoints(scope, context, endpoints, endpointOperations);
      registerDeployments(scope, context, endpoints, endpointOperations);
      registerMetrics(scope, context, monitor);
      context.onStart(() => {
        compute.resume();
        return Promise.resolve();
      });
      context.onStop(() => compute.close());
      done();
    },
    { prefix: workspacePath },
  );
  return { endpoints, meter: monitor.meter, computes, nodes: compute => running?.nodes(compute) };
}
