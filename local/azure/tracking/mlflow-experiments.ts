import type { FastifyInstance } from 'fastify';
import { MlflowError } from './mlflow-error';
import { Fields, asPairs, pageOf } from './mlflow-fields';
import { searchFilter } from './mlflow-filter';
import type { Experiment, RunStore } from './run-store';

/** experiments/* of MLflow's REST API; `app` is the scope `…/api/2.0/mlflow`. */
export function registerMlflowExperiments(app: FastifyInstance, runs: RunStore): void {
  const byId = (id: string): Experiment => {
    const experiment = runs.experiment(id);
    if (!experiment) throw new MlflowError('RESOURCE_DOES_NOT_EXIST', `No Experiment with id=${id} exists`);
    return experiment;
  };
  app.get('/experiments/get-by-name', request => {
    const name = new Fields(request.query).requiredText('experiment_name');
    const experiment = runs.experimentByName(name);
    if (!experiment) throw new MlflowError('RESOURCE_DOES_NOT_EXIST', `Could not find experiment with name '${name}'`);
    return { experiment: show(experiment) };
  });
  app.get('/experiments/get', request => ({
    experiment: show(byId(new Fields(request.query).requiredText('experiment_id'))),
  }));
  app.post('/experiments/create', request => {
    const fields = new Fields(request.body);
    const name = fields.requiredText('name');
    if (runs.experimentByName(name)) {
      throw new MlflowError('RESOURCE_ALREADY_EXISTS', `Experiment '${name}' already exists.`);
    }
    return { experiment_id: runs.ensureExperiment(name, fields.pairs('tags')).id };
  });
  app.post('/experiments/set-experiment-tag', request => {
    const fields = new Fields(request.body);
    const { id } = byId(fields.requiredText('experiment_id'));
    runs.tagExperiment(id, fields.requiredText('key'), fields.text('value') ?? '');
    return {};
  });
  for (const [path, hidden] of [
    ['/experiments/delete', true],
    ['/experiments/restore', false],
  ] as const) {
    app.post(path, request => {
      runs.hideExperiment(byId(new Fields(request.body).requiredText('experiment_id')).id, hidden);
      return {};
    });
  }
  app.post('/experiments/update', () => {
    throw new MlflowError('INVALID_PARAMETER_VALUE', 'Experiments cannot be renamed on Azure Machine Learning.');
  });
  app.route({
    method: ['GET', 'POST'],
    url: '/experiments/search',
    handler: request => {
      const fields = new Fields(request.method === 'GET' ? request.query : request.body);
      const matches = searchFilter(fields.text('filter') ?? fields.text('filter_string'), 'attributes');
      const view = fields.text('view_type') ?? 'ACTIVE_ONLY';
      const found = runs
        .experiments()
        .filter(experiment => view === 'ALL' || (experiment.hidden === true) === (view === 'DELETED_ONLY'))
        .filter(experiment =>
          matches((entity, name) =>
            entity === 'tags' ? experiment.tags[name] : name === 'name' ? experiment.name : undefined,
          ),
        );
      const { page, ...next } = pageOf(found, fields, 1000);
      return { experiments: page.map(show), ...next };
    },
  });
}

function show(experiment: Experiment): Record<string, unknown> {
  return {
    experiment_id: experiment.id,
    name: experiment.name,
    artifact_location: `mlflow-artifacts:/${experiment.id}`,
    lifecycle_stage: experiment.hidden === true ? 'deleted' : 'active',
    creation_time: experiment.createdAt,
    last_update_time: experiment.createdAt,
    tags: asPairs(experiment.tags),
  };
}
