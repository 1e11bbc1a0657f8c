import type { FastifyInstance, FastifyRequest } from 'fastify';
import { isAssetName } from '../assets/asset-body';
import type { StoredContainer } from '../assets/version-store';
import type { ArtifactAddresses } from './artifact-addresses';
import { MlflowError } from './mlflow-error';
import { Fields, pageAfter } from './mlflow-fields';
import { searchFilter } from './mlflow-filter';
import type { MlflowRegistry } from './mlflow-registry';

const promptTag = 'mlflow.prompt.is_prompt';

/** registered-models/* of MLflow's REST API; `app` is the scope `…/api/2.0/mlflow`. */
export function registerMlflowRegisteredModels(
  app: FastifyInstance,
  registry: MlflowRegistry,
  addressesOf: (request: FastifyRequest) => ArtifactAddresses,
): void {
  const { models } = registry;
  app.post('/registered-models/create', request => {
    const fields = new Fields(request.body);
    const name = fields.requiredText('name');
    if (!isAssetName(name))
      throw new MlflowError('INVALID_PARAMETER_VALUE', `Invalid registered model name '${name}'.`);
    if (models.container(name))
      throw new MlflowError('RESOURCE_ALREADY_EXISTS', `Registered Model (name=${name}) already exists.`);
    const made = models.putContainer(
      name,
      { description: fields.text('description') ?? null, tags: fields.pairs('tags') },
      request.caller?.clientId ?? '',
    );
    return { registered_model: registry.modelMessage(made, addressesOf(request)) };
  });
  app.get('/registered-models/get', request => ({
    registered_model: registry.modelMessage(
      registry.container(new Fields(request.query).requiredText('name')),
      addressesOf(request),
    ),
  }));
  app.route({
    method: ['PATCH', 'POST'],
    url: '/registered-models/update',
    handler: request => {
      const fields = new Fields(request.body);
      const { name } = registry.container(fields.requiredText('name'));
      return {
        registered_model: registry.modelMessage(
          models.putContainer(name, { description: fields.text('description') ?? null }, ''),
          addressesOf(request),
        ),
      };
    },
  });
  app.get('/registered-models/search', request => {
    const fields = new Fields(request.query);
    const matches = searchFilter(fields.text('filter'), 'attributes');
    // The client asks for models that are not tagged as prompts, which for MLflow's own server includes those without the tag.
    const tagOf = (tags: Record<string, string>, name: string): string | undefined =>
      tags[name] ?? (name === promptTag ? 'false' : undefined);
    function* found(after: string): Iterable<StoredContainer> {
      for (const item of models.containersAfter(after))
        if (
          matches((entity, key) => (entity === 'tags' ? tagOf(item.tags, key) : key === 'name' ? item.name : undefined))
        )
          yield item;
    }
    const { page, ...next } = pageAfter(found, ({ name }) => name, fields, 100);
    return { registered_models: page.map(item => registry.modelMessage(item, addressesOf(request))), ...next };
  });
  app.post('/registered-models/set-tag', request => {
    const fields = new Fields(request.body);
    const found = registry.container(fields.requiredText('name'));
    models.putContainer(
      found.name,
      { tags: { ...found.tags, [fields.requiredText('key')]: fields.text('value') ?? '' } },
      '',
    );
    return {};
  });
  app.route({
    method: ['GET', 'POST'],
    url: '/registered-models/get-latest-versions',
    handler: request => {
      const fields = new Fields(request.method === 'GET' ? request.query : request.body);
      const wanted = fields.texts('stages');
      const { name } = registry.container(fields.requiredText('name'));
      const found = registry
        .latestByStage(name)
        .filter(version => wanted.length === 0 || wanted.includes(registry.stage(version)));
      return { model_versions: found.map(version => registry.versionMessage(version, addressesOf(request))) };
    },
  });
  app.delete('/registered-models/delete-tag', request => {
    const fields = new Fields({ ...(request.query as object), ...(request.body ?? {}) });
    const found = registry.container(fields.requiredText('name'));
    const key = fields.requiredText('key');
    const tags = Object.entries(found.tags).filter(([name]) => name !== key);
    models.putContainer(found.name, { tags: Object.fromEntries(tags) }, '');
    return {};
  });
  // Azure ML keeps the names of models for ever: archiving is what it offers. Source: docs, how-to-manage-models-mlflow.
  for (const [method, path] of [
    ['DELETE', 'delete'],
    ['POST', 'rename'],
  ] as const)
    app.route({
      method,
      url: `/registered-models/${path}`,
      handler: () => {
        throw new MlflowError(
          'INVALID_PARAMETER_VALUE',
          `Registered models cannot be ${path}d on Azure Machine Learning.`,
        );
      },
    });

  app.post('/registered-models/alias', request => {
    const fields = new Fields(request.body);
    const found = registry.version(fields.requiredText('name'), fields.requiredText('version'));
    registry.setAlias(found.name, fields.requiredText('alias'), found.version);
    return {};
  });
  app.get('/registered-models/alias', request => {
    const fields = new Fields(request.query);
    const { name } = registry.container(fields.requiredText('name'));
    const alias = fields.requiredText('alias');
    const number = registry.alias(name, alias);
    if (number === undefined)
      throw new MlflowError('INVALID_PARAMETER_VALUE', `Registered model alias ${alias} not found.`);
    return { model_version: registry.versionMessage(registry.version(name, number), addressesOf(request)) };
  });
  app.delete('/registered-models/alias', request => {
    const fields = new Fields({ ...(request.query as object), ...(request.body ?? {}) });
    registry.deleteAlias(registry.container(fields.requiredText('name')).name, fields.requiredText('alias'));
    return {};
  });
}
