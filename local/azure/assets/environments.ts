import type { FastifyInstance } from 'fastify';
import { userError } from '../arm/arm-error';
import type { AzureContext } from '../context';
import { assetName, assetWords } from './asset-body';
import { findVersion } from './asset-reference';
import { versionResource } from './asset-resource';
import { registerAssets } from './asset-routes';
import { registerPendingUpload } from './codes';
import type { EnvironmentLookup, EnvironmentProperties, Route } from './environment-lookup';
import { VersionStore, type StoredVersion } from './version-store';

export type EnvironmentStore = VersionStore<EnvironmentProperties>;

/** The environments of the workspace. Versions are immutable but for description, tags and archiving, as in Azure ML. */
export function registerEnvironments(
  app: FastifyInstance,
  context: AzureContext,
  environments: EnvironmentStore,
): void {
  const { workspaceArmId } = context;
  const show = (stored: StoredVersion<EnvironmentProperties>): unknown => {
    const isLatest = environments.container(stored.name)?.latestVersion === stored.version;
    return versionResource(workspaceArmId, 'environments', stored, {
      ...current(stored.properties, context),
      properties: { ...stored.properties.properties, ...(isLatest ? { 'azureml.labels': 'latest' } : {}) },
    });
  };

  registerAssets(app, context, environments, { kind: 'environments', what: 'environment', show });
  registerPendingUpload(app, context, 'environments');
  app.put<{ Params: { name: string; version: string }; Body: { properties?: Record<string, unknown> } | undefined }>(
    '/environments/:name/versions/:version',
    (request, reply) => {
      const name = assetName('environment', request.params.name);
      const version = assetName('environment version', request.params.version);
      const properties = environmentProperties(request.body?.properties ?? {}, context);
      const old = environments.get(name, version);
      if (old && contentOf(old.properties) !== contentOf(properties)) {
        throw userError(
          `An environment with name ${name} and version ${version} exists already with another definition. Environment versions cannot be changed; register a new version.`,
          { innerCode: 'ImmutablePropertyError' },
        );
      }
      const stored = environments.put(name, version, properties, request.caller?.clientId ?? '');
      return reply.code(old ? 200 : 201).send(show(stored));
    },
  );
}

/** Finds environments of the workspace, or of a registry, for the other parts. */
export function environmentLookup(environments: EnvironmentStore, home: () => AzureContext): EnvironmentLookup['find'] {
  return reference => {
    const stored = findVersion(environments, reference, home());
    if (!stored) return undefined;
    return {
      id: `${home().workspaceArmId}/environments/${stored.name}/versions/${stored.version}`,
      name: stored.name,
      version: stored.version,
      properties: current(stored.properties, home()),
    };
  };
}

function environmentProperties(given: Record<string, unknown>, context: AzureContext): EnvironmentProperties {
  const image = typeof given.image === 'string' && given.image !== '' ? given.image : null;
  const build = buildOf(given.build, context);
  if (!image && !build) throw userError('An environment needs an image or a build context.', { target: 'properties' });
  if (image && build)
    throw userError('An environment has either an image or a build context, not both.', { target: 'properties' });
  const condaFile = typeof given.condaFile === 'string' ? given.condaFile : '';
  if (build && condaFile !== '')
    throw userError('An environment with a build context cannot have a conda file.', { target: 'condaFile' });
  const osType = typeof given.osType === 'string' ? given.osType : 'Linux';
  if (osType.toLowerCase() !== 'linux')
    throw userError(`Environments of osType ${osType} are not supported by local Azure.`);
  return {
    ...assetWords(given),
    image,
    condaFile,
    build,
    inferenceConfig: inferenceConfigOf(given.inferenceConfig),
    osType: 'Linux',
    environmentType: 'UserCreated',
    autoRebuild: typeof given.autoRebuild === 'string' ? given.autoRebuild : 'Disabled',
    stage: typeof given.stage === 'string' ? given.stage : 'Development',
    provisioningState: 'Succeeded',
  };
}

function buildOf(given: unknown, context: AzureContext): EnvironmentProperties['build'] {
  if (typeof given !== 'object' || given === null) return null;
  const { contextUri, dockerfilePath } = given as { contextUri?: unknown; dockerfilePath?: unknown };
  if (typeof contextUri !== 'string' || contextUri === '')
    throw userError('build.contextUri is missing.', { target: 'build.contextUri' });
  if (!context.blobs.locate(contextUri)) {
    throw userError(`build.contextUri '${contextUri}' is not a folder URL in the workspace's storage account.`, {
      target: 'build.contextUri',
    });
  }
  return {
    contextUri,
    dockerfilePath: typeof dockerfilePath === 'string' && dockerfilePath !== '' ? dockerfilePath : 'Dockerfile',
  };
}

function inferenceConfigOf(given: unknown): EnvironmentProperties['inferenceConfig'] {
  if (typeof given !== 'object' || given === null) return null;
  const config: NonNullable<EnvironmentProperties['inferenceConfig']> = {};
  for (const name of ['livenessRoute', 'readinessRoute', 'scoringRoute'] as const) {
    const route = (given as Record<string, unknown>)[name];
    if (route === undefined || route === null) continue;
    const { path, port } = route as Partial<Route>;
    if (typeof path !== 'string' || !path.startsWith('/') || typeof port !== 'number') {
      throw userError(`inferenceConfig.${name} needs a path that starts with / and a port number.`, {
        target: `inferenceConfig.${name}`,
      });
    }
    config[name] = { path, port };
  }
  return config;
}

/** The properties with the context's URL on the port that blobs have now. */
function current(properties: EnvironmentProperties, context: AzureContext): EnvironmentProperties {
  const place = properties.build ? context.blobs.locate(properties.build.contextUri) : undefined;
  if (!properties.build || !place) return properties;
  return {
    ...properties,
    build: { ...properties.build, contextUri: context.blobs.blobUrl(place.container, place.path) },
  };
}

/** What must stay as it is in a version. Blob URLs are compared without the port, which changes from start to start. */
function contentOf(properties: EnvironmentProperties): string {
  const { image, condaFile, build, inferenceConfig } = properties;
  const contextPath = build ? new URL(build.contextUri).pathname : null;
  return JSON.stringify([
    image ?? null,
    condaFile,
    contextPath,
    build?.dockerfilePath ?? null,
    inferenceConfig ?? null,
  ]);
}
