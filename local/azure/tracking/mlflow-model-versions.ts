import type { FastifyInstance, FastifyRequest } from 'fastify';
import { artifactPrefix, resolveDataUri, type JobOutputs } from '../assets/data-uri';
import type { ModelProperties, ModelStore } from '../assets/models';
import type { StoredVersion } from '../assets/version-store';
import type { BlobPlace } from '../blob/blob-store';
import type { AzureContext } from '../context';
import { artifactContainer } from '../workspace/datastores';
import type { ArtifactAddresses } from './artifact-addresses';
import { artifactPlace, loggedModelPrefix } from './artifact-place';
import { MlflowError } from './mlflow-error';
import { Fields, pageAfter } from './mlflow-fields';
import { searchFilter } from './mlflow-filter';
import { stages, type MlflowRegistry } from './mlflow-registry';

/** model-versions/* of MLflow's REST API; `app` is the scope `…/api/2.0/mlflow`. */
export function registerMlflowModelVersions(
  app: FastifyInstance,
  context: AzureContext,
  registry: MlflowRegistry,
  jobs: JobOutputs,
  addressesOf: (request: FastifyRequest) => ArtifactAddresses,
): void {
  const { models } = registry;
  app.post('/model-versions/create', async request => {
    const fields = new Fields(request.body);
    const { name } = registry.container(fields.requiredText('name'));
    const source = fields.requiredText('source');
    const place = placeOfSource(source, context, jobs);
    if (await context.blobs.isEmpty(place.container, place.path)) {
      throw new MlflowError('INVALID_PARAMETER_VALUE', `There are no files at ${source}.`);
    }
    const isMlflow = await context.blobs.exists(place.container, `${place.path.replace(/\/+$/, '')}/MLmodel`);
    const made = models.put(
      name,
      registry.container(name).nextVersion,
      {
        description: fields.text('description') ?? null,
        tags: fields.pairs('tags'),
        properties: {},
        isArchived: false,
        isAnonymous: false,
        flavors: isMlflow ? { python_function: { data: {} } } : null,
        modelType: isMlflow ? 'mlflow_model' : 'custom_model',
        place,
        jobName: fields.text('run_id') ?? null,
        stage: 'Development',
      },
      request.caller?.clientId ?? '',
    );
    return { model_version: registry.versionMessage(made, addressesOf(request)) };
  });
  app.get('/model-versions/get', request => {
    const fields = new Fields(request.query);
    return {
      model_version: registry.versionMessage(
        registry.version(fields.requiredText('name'), fields.requiredText('version')),
        addressesOf(request),
      ),
    };
  });
  app.get('/model-versions/get-download-uri', request => {
    const fields = new Fields(request.query);
    return {
      artifact_uri: addressesOf(request).ofPlace(
        registry.version(fields.requiredText('name'), fields.requiredText('version')).properties.place,
      ),
    };
  });
  app.get('/model-versions/search', request => {
    const fields = new Fields(request.query);
    const filter = fields.text('filter');
    const matches = searchFilter(filter, 'attributes');
    const named = /^\s*(?:attributes?\.)?name\s*=\s*'([^']*)'\s*$/i.exec(filter ?? '')?.[1];
    const isWanted = (item: StoredVersion<ModelProperties>): boolean =>
      matches((entity, name) => {
        if (entity === 'tags') return item.properties.tags[name];
        const attributes: Record<string, string | number | undefined> = {
          name: item.name,
          run_id: item.properties.jobName ?? '',
          version_number: Number(item.version),
          source_path: addressesOf(request).ofPlace(item.properties.place),
        };
        return attributes[name];
      });
    function* found(token: string): Iterable<StoredVersion<ModelProperties>> {
      for (const version of versionsBehind(models, token, named)) if (isWanted(version)) yield version;
    }
    const { page, ...next } = pageAfter(found, ({ name, order }) => `${name}/${order}`, fields, 10_000);
    return { model_versions: page.map(item => registry.versionMessage(item, addressesOf(request))), ...next };
  });
  app.delete('/model-versions/delete', request => {
    const fields = new Fields({ ...(request.query as object), ...(request.body ?? {}) });
    registry.deleteVersion(registry.version(fields.requiredText('name'), fields.requiredText('version')));
    return {};
  });
  app.post('/model-versions/transition-stage', request => {
    const fields = new Fields(request.body);
    const found = registry.version(fields.requiredText('name'), fields.requiredText('version'));
    const given = fields.requiredText('stage');
    const stage = stages.find(known => known.toLowerCase() === given.toLowerCase());
    if (stage === undefined)
      throw new MlflowError(
        'INVALID_PARAMETER_VALUE',
        `Invalid Model Version stage: ${given}. Value must be one of ${stages.join(', ')}.`,
      );
    if (fields.raw('archive_existing_versions') === true)
      for (const other of models.versions(found.name))
        if (registry.stage(other) === stage) registry.setStage(other, 'Archived');
    registry.setStage(found, stage);
    return { model_version: registry.versionMessage(found, addressesOf(request)) };
  });
  app.route({
    method: ['PATCH', 'POST'],
    url: '/model-versions/update',
    handler: request => {
      const fields = new Fields(request.body);
      const found = registry.version(fields.requiredText('name'), fields.requiredText('version'));
      const properties = { ...found.properties, description: fields.text('description') ?? null };
      return {
        model_version: registry.versionMessage(
          models.put(found.name, found.version, properties, ''),
          addressesOf(request),
        ),
      };
    },
  });
  app.post('/model-versions/set-tag', request => {
    const fields = new Fields(request.body);
    const found = registry.version(fields.requiredText('name'), fields.requiredText('version'));
    const tags = { ...found.properties.tags, [fields.requiredText('key')]: fields.text('value') ?? '' };
    models.put(found.name, found.version, { ...found.properties, tags }, '');
    return {};
  });
  app.delete('/model-versions/delete-tag', request => {
    const fields = new Fields({ ...(request.query as object), ...(request.body ?? {}) });
    const found = registry.version(fields.requiredText('name'), fields.requiredText('version'));
    const key = fields.requiredText('key');
    const tags = Object.entries(found.properties.tags).filter(([name]) => name !== key);
    models.put(found.name, found.version, { ...found.properties, tags: Object.fromEntries(tags) }, '');
    return {};
  });
}

function placeOfSource(source: string, context: AzureContext, jobs: JobOutputs): BlobPlace {
  // What azureml-mlflow sends: the files of a run by its artifact URI, or those that it has uploaded before.
  const ofRun = /^azureml:\/\/.*\/experiments\/[^/]+\/runs\/([^/]+)\/artifacts\/?(.*)$/.exec(source);
  if (ofRun) return { container: artifactContainer, path: `${artifactPrefix(ofRun[1] ?? '')}${ofRun[2] ?? ''}` };
  const uploaded = /^azureml:\/\/artifacts\/(.+)$/.exec(source)?.[1];
  if (uploaded !== undefined) return { container: artifactContainer, path: uploaded };
  const proxied = /^mlflow-artifacts:(?:\/\/[^/]*)?\/(.*)$/.exec(source)?.[1];
  if (proxied !== undefined) return artifactPlace(proxied);
  const logged = /^models:\/(m-[\w]+)$/.exec(source)?.[1];
  if (logged !== undefined) return { container: artifactContainer, path: loggedModelPrefix(logged) };
  return resolveDataUri(source, context, jobs).place;
}

/** Versions by the name of their model, newest first, behind the one that `{name}/{order}` says; of one model when `named`. */
function* versionsBehind(models: ModelStore, token: string, named?: string): Iterable<StoredVersion<ModelProperties>> {
  const [last = '', order] = token.split('/');
  if (order !== undefined) yield* models.newest(last, Number(order));
  if (named === undefined) for (const { name } of models.containersAfter(last)) yield* models.newest(name);
  else if (order === undefined) yield* models.newest(named);
}
