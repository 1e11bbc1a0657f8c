import type { FastifyInstance } from 'fastify';
import { MlflowError } from './mlflow-error';
import { Fields } from './mlflow-fields';
import { searchFilter } from './mlflow-filter';
import type { MlflowRegistry } from './mlflow-registry';

/** registered-models/* of MLflow's REST API; `app` is the scope `…/api/2.0/mlflow`. */
export function registerMlflowRegisteredModels(app: FastifyInstance, registry: MlflowRegistry): void {
  const { models } = registry;
  app.post('/registered-models/create', request => {
    const fields = new Fields(request.body);
    const name = fields.requiredText('name');
    if (models.container(name))
      throw new MlflowError('RESOURCE_ALREADY_EXISTS', `Registered Model (name=${name}) already exists.`);
    const made = models.putContainer(
      name,
      { description: fields.text('description') ?? null, tags: fields.pairs('tags') },
      request.caller?.clientId ?? '',
    );
    return { registered_model: registry.modelMessage(made) };
  });
  app.get('/registered-models/get', request => ({
    registered_model: registry.modelMessage(registry.container(new Fields(request.query).requiredText('name'))),
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
        ),
      };
    },
  });
  app.get('/registered-models/search', request => {
    const fields = new Fields(request.query);
    const matches = searchFilter(fields.text('filter'), 'attributes');
    const found = models
      .containers()
      .filter(item =>
        matches((entity, name) => (entity === 'tags' ? item.tags[name] : name === 'name' ? item.name : undefined)),
      );
    return {
      registered_models: found.slice(0, fields.number('max_results') ?? 100).map(found => registry.modelMessage(found)),
    };
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
      const found = registry.latest(registry.container(fields.requiredText('name')).name);
      return { model_versions: found ? [registry.versionMessage(found)] : [] };
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
    return { model_version: registry.versionMessage(registry.version(name, number)) };
  });
  app.delete('/registered-models/alias', request => {
    const fields = new Fields({ ...(request.query as object), ...(request.body ?? {}) });
    registry.deleteAlias(registry.container(fields.requiredText('name')).name, fields.requiredText('alias'));
    return {};
  });
}
