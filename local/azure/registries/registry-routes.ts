import type { FastifyInstance } from 'fastify';
import { useArmScope } from '../arm/arm-scope';
import { registerCodes, type CodeLookup } from '../assets/codes';
import { registerComponents } from '../assets/components';
import { registerData, type DataLookup } from '../assets/data';
import type { JobOutputs } from '../assets/data-uri';
import { registerEnvironments, type EnvironmentStore } from '../assets/environments';
import { registerModels, type ModelStore } from '../assets/models';
import type { AzureContext } from '../context';
import type { ComponentLookup } from '../jobs/component-lookup';
import { registerImport } from './import-asset';
import type { Registry } from './registry';
import { requireRegistry } from './registry-resource';
import { registerRegistryStorage } from './registry-storage';

/** Below which the assets of a registry lie. */
export const registryPath =
  '/subscriptions/:subscriptionId/resourceGroups/:resourceGroup/providers/Microsoft.MachineLearningServices/registries/:registry';

/** Where azure-ai-ml finds registries: the host that discovery names, with this before ARM's path. */
export const registryHostPath = '/mferp/managementfrontend';

/** Finds what a workspace's job refers to in a registry. */
export interface RegistryLookups {
  codes: CodeLookup;
  data: DataLookup;
  components: ComponentLookup;
}

/**
 * The assets of a registry: the routes of a workspace's, on the registry's own stores. Where a workspace answers a write at once, a
 * registry starts a long-running operation, since it replicates over regions.
 */
export function registerRegistry(
  app: FastifyInstance,
  workspace: { context: AzureContext; models: ModelStore; environments: EnvironmentStore; jobs: JobOutputs },
  registry: Registry,
): RegistryLookups {
  const { context } = registry;
  useArmScope(app, context);
  app.addHook<{ Params: { registry: string } }>('onRequest', (request, _reply, done) => {
    requireRegistry(request.params.registry, context);
    done();
  });
  app.addHook('onSend', (request, reply, payload, done) => {
    const path = decodeURIComponent(request.url.split('?')[0] ?? '');
    const isAsset = /\/registries\/[^/]+\/(models|environments|data|components|codes)\/[^/]+(\/versions\/[^/]+)?$/i;
    const started = (): ReturnType<AzureContext['operations']['start']> =>
      context.operations.start({
        kind: 'registry-asset',
        resource: path,
        prefix: 'raidp',
        run: () => Promise.resolve(),
      });
    if (reply.statusCode < 300 && isAsset.test(path)) {
      if (request.method === 'PUT') reply.headers(started().putHeaders);
      // Of what was not there (204) nothing is left to do.
      if (request.method === 'DELETE' && reply.statusCode === 200) reply.code(202).headers(started().deleteHeaders);
    }
    done(null, payload);
  });
  const codes = registerCodes(app, context);
  registerEnvironments(app, context, registry.environments);
  const data = registerData(app, context, workspace.jobs);
  registerModels(app, context, registry.models, workspace.jobs);
  const components = registerComponents(app, context);
  registerImport(app, workspace, registry);
  registerRegistryStorage(app, context, { models: registry.models, environments: registry.environments });
  return { codes, data, components };
}
