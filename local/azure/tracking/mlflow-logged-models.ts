import { randomBytes } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import type { Collection, Journal } from '../../journal';
import { MlflowError } from './mlflow-error';
import { Fields, asPairs } from './mlflow-fields';

/** A logged model of MLflow 3: what `log_model` makes before anything is registered. */
interface LoggedModel {
  id: string;
  experimentId: string;
  name: string;
  createdAt: number;
  lastUpdatedAt: number;
  status: string;
  modelType: string;
  sourceRunId: string;
  tags: Record<string, string>;
  params: Record<string, string>;
}

/** Statuses by their number, which MLflow's client sends. Source: mlflow/entities/logged_model_status.py */
const statuses = [
  'LOGGED_MODEL_STATUS_UNSPECIFIED',
  'LOGGED_MODEL_PENDING',
  'LOGGED_MODEL_READY',
  'LOGGED_MODEL_UPLOAD_FAILED',
];

/** logged-models/* of MLflow 3; `app` is the scope `…/api/2.0/mlflow`. */
export function registerMlflowLoggedModels(app: FastifyInstance, journal: Journal): void {
  const models: Collection<LoggedModel> = journal.collection('logged-models');
  const byId = (id: string): LoggedModel => {
    const found = models.get(id);
    if (!found) throw new MlflowError('RESOURCE_DOES_NOT_EXIST', `Logged model with ID '${id}' not found.`);
    return found;
  };
  const change = (id: string, changes: Partial<LoggedModel>): { model: unknown } => {
    const changed = { ...byId(id), ...changes, lastUpdatedAt: Date.now() };
    models.set(id, changed);
    return { model: show(changed) };
  };

  app.post('/logged-models', request => {
    const fields = new Fields(request.body);
    const now = Date.now();
    const model: LoggedModel = {
      id: `m-${randomBytes(16).toString('hex')}`,
      experimentId: fields.requiredText('experiment_id'),
      name: fields.text('name') ?? '',
      createdAt: now,
      lastUpdatedAt: now,
      status: 'LOGGED_MODEL_PENDING',
      modelType: fields.text('model_type') ?? '',
      sourceRunId: fields.text('source_run_id') ?? '',
      tags: fields.pairs('tags'),
      params: fields.pairs('params'),
    };
    models.set(model.id, model);
    return { model: show(model) };
  });
  app.get<{ Params: { id: string } }>('/logged-models/:id', request => ({ model: show(byId(request.params.id)) }));
  app.patch<{ Params: { id: string } }>('/logged-models/:id', request => {
    const status = new Fields(request.body).requiredText('status');
    return change(request.params.id, { status: statuses[Number(status)] ?? status });
  });
  app.patch<{ Params: { id: string } }>('/logged-models/:id/tags', request => {
    const { tags } = byId(request.params.id);
    return change(request.params.id, { tags: { ...tags, ...new Fields(request.body).pairs('tags') } });
  });
  app.post<{ Params: { id: string } }>('/logged-models/:id/params', request => {
    const { params } = byId(request.params.id);
    return change(request.params.id, { params: { ...params, ...new Fields(request.body).pairs('params') } });
  });
  app.post('/logged-models/search', request => {
    const fields = new Fields(request.body);
    const experiments = new Set(fields.texts('experiment_ids'));
    const found = [...models.entries()].map(([, model]) => model).filter(model => experiments.has(model.experimentId));
    return {
      models: found
        .reverse()
        .slice(0, fields.number('max_results') ?? 50)
        .map(show),
    };
  });
}

function show(model: LoggedModel): Record<string, unknown> {
  return {
    info: {
      model_id: model.id,
      experiment_id: model.experimentId,
      name: model.name,
      creation_timestamp_ms: model.createdAt,
      last_updated_timestamp_ms: model.lastUpdatedAt,
      artifact_uri: `mlflow-artifacts:/${model.experimentId}/models/${model.id}/artifacts`,
      status: model.status,
      model_type: model.modelType,
      source_run_id: model.sourceRunId,
      tags: asPairs(model.tags),
    },
    data: { params: asPairs(model.params), metrics: [] },
  };
}
