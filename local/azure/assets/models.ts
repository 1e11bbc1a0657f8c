import type { FastifyInstance } from 'fastify';
import { type ArmError, userError } from '../arm/arm-error';
import type { AzureContext } from '../context';
import type { BlobPlace } from '../blob/blob-store';
import { assetName, assetWords, type AssetWords } from './asset-body';
import { findVersion } from './asset-reference';
import { versionResource } from './asset-resource';
import { registerAssets } from './asset-routes';
import { registerPendingUpload } from './codes';
import { datastoreUri, resolveDataUri, samePlace, type JobOutputs } from './data-uri';
import type { ModelLookup } from './model-lookup';
import { VersionStore, type StoredVersion } from './version-store';

/** A model version as it is kept. Azure's REST, MLflow's registry and the endpoints all read this one store. */
export interface ModelProperties extends AssetWords {
  flavors: Record<string, { data: Record<string, unknown> }> | null;
  modelType: string;
  /** Where the files lie; `modelUri` is made from it when shown, since blob URLs hold a port. */
  place: BlobPlace;
  jobName: string | null;
  stage: string;
}

export type ModelStore = VersionStore<ModelProperties>;

const types = ['custom_model', 'mlflow_model', 'triton_model'];

/** The model part of the workspace: containers, versions. */
export function registerModels(
  app: FastifyInstance,
  context: AzureContext,
  models: ModelStore,
  jobs: JobOutputs,
): void {
  const { workspaceArmId } = context;
  const show = (stored: StoredVersion<ModelProperties>): unknown =>
    versionResource(workspaceArmId, 'models', stored, shown(stored.properties, context));

  registerAssets(app, context, models, { kind: 'models', what: 'model', show });
  registerPendingUpload(app, context, 'models');
  app.put<{ Params: { name: string; version: string }; Body: { properties?: Record<string, unknown> } | undefined }>(
    '/models/:name/versions/:version',
    async (request, reply) => {
      const { params, body } = request;
      const name = assetName('model', params.name);
      const version = assetName('model version', params.version);
      const properties = await modelProperties(
        body?.properties ?? {},
        models.get(name, version)?.properties,
        context,
        jobs,
      );
      // Looked at again behind the wait: of two registrations at the same time only the first may set the path.
      const old = models.get(name, version);
      if (old && !samePlace(old.properties.place, properties.place)) throw pathsAreFixed();
      const stored = models.put(name, version, properties, callerOf(request));
      return reply.code(old ? 200 : 201).send(show(stored));
    },
  );
}

/** Finds models of the workspace, or of a registry, for the other parts. */
export function modelLookup(models: ModelStore, home: () => AzureContext): ModelLookup['find'] {
  return reference => {
    const stored = findVersion(models, reference, home());
    if (!stored) return undefined;
    return {
      id: `${home().workspaceArmId}/models/${stored.name}/versions/${stored.version}`,
      name: stored.name,
      version: stored.version,
      type: stored.properties.modelType,
      place: stored.properties.place,
    };
  };
}

async function modelProperties(
  given: Record<string, unknown>,
  old: ModelProperties | undefined,
  context: AzureContext,
  jobs: JobOutputs,
): Promise<ModelProperties> {
  const uri =
    typeof given.modelUri === 'string' && given.modelUri !== ''
      ? given.modelUri
      : old && datastoreUri(context, old.place);
  if (uri === undefined) throw userError('The model has no modelUri.', { target: 'modelUri' });
  const type = typeof given.modelType === 'string' ? given.modelType.toLowerCase() : (old?.modelType ?? 'custom_model');
  if (!types.includes(type))
    throw userError(`The modelType '${type}' is not one of ${types.join(', ')}.`, { target: 'modelType' });
  const resolved = resolveDataUri(uri, context, jobs);
  if (old && !samePlace(old.place, resolved.place)) throw pathsAreFixed();
  if (!old && (await context.blobs.isEmpty(resolved.place.container, resolved.place.path))) {
    throw userError(`There are no files at ${uri} (${resolved.uri}).`, { target: 'modelUri' });
  }
  return {
    ...assetWords(given),
    flavors: flavorsOf(given.flavors, type) ?? old?.flavors ?? null,
    modelType: type,
    place: resolved.place,
    jobName: typeof given.jobName === 'string' ? given.jobName : (resolved.jobName ?? old?.jobName ?? null),
    stage: typeof given.stage === 'string' ? given.stage : (old?.stage ?? 'Development'),
  };
}

function flavorsOf(given: unknown, type: string): ModelProperties['flavors'] {
  if (typeof given === 'object' && given !== null && Object.keys(given).length > 0)
    return given as ModelProperties['flavors'];
  return type === 'mlflow_model' ? { python_function: { data: {} } } : null;
}

function shown(properties: ModelProperties, context: AzureContext): object {
  const { place, flavors, ...others } = properties;
  return { ...others, modelUri: datastoreUri(context, place), flavors: flavors ?? {}, provisioningState: 'Succeeded' };
}

/** The exact text that azure-ai-ml looks for. */
function pathsAreFixed(): ArmError {
  return userError('Asset paths cannot be updated.', { innerCode: 'ImmutablePathsError' });
}

function callerOf(request: { caller: { clientId: string } | undefined }): string {
  return request.caller?.clientId ?? '';
}
