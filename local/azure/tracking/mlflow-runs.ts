import { randomUUID } from 'node:crypto';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { JobStore } from '../jobs/job-record';
import type { ArtifactAddresses } from './artifact-addresses';
import { MlflowError } from './mlflow-error';
import { Fields, pageOf } from './mlflow-fields';
import { checkEntities } from './mlflow-limits';
import { metricMessage, runInfo, runMessage } from './mlflow-run-message';
import type { Metric, Run, RunStatus, RunStore } from './run-store';

const statuses: RunStatus[] = ['RUNNING', 'SCHEDULED', 'FINISHED', 'FAILED', 'KILLED'];

/** runs/* and metrics/* of MLflow's REST API; `app` is the scope `…/api/2.0/mlflow`. */
export function registerMlflowRuns(
  app: FastifyInstance,
  runs: RunStore,
  jobs: JobStore,
  addressesOf: (request: FastifyRequest) => ArtifactAddresses,
): void {
  const byId = (fields: Fields): Run => {
    const id = fields.requiredText('run_id', 'run_uuid');
    const run = runs.run(id);
    if (!run) throw new MlflowError('RESOURCE_DOES_NOT_EXIST', `Run with id=${id} not found`);
    return run;
  };
  const show = (run: Run, request: FastifyRequest): Record<string, unknown> =>
    runMessage(run, runs.metrics(run.id), addressesOf(request));

  app.get('/runs/get', request => ({ run: show(byId(new Fields(request.query)), request) }));
  app.post('/runs/create', request => {
    const fields = new Fields(request.body);
    const experimentId = fields.requiredText('experiment_id');
    if (!runs.experiment(experimentId))
      throw new MlflowError('RESOURCE_DOES_NOT_EXIST', `No Experiment with id=${experimentId} exists`);
    const tags = fields.pairs('tags');
    const id = randomUUID();
    const name = fields.text('run_name') ?? tags['mlflow.runName'] ?? id.slice(0, 8);
    const parentId = tags['mlflow.parentRunId'];
    const run = runs.addRun({
      id,
      name,
      experimentId,
      status: 'RUNNING',
      startTime: fields.number('start_time') ?? Date.now(),
      tags: { ...tags, 'mlflow.runName': name },
      params: {},
      hidden: false,
      userId: fields.text('user_id') ?? tags['mlflow.user'] ?? '',
      ...(parentId === undefined ? {} : { parentId }),
    });
    return { run: show(run, request) };
  });
  app.post('/runs/update', request => {
    const fields = new Fields(request.body);
    const run = byId(fields);
    const status = statusOf(fields.text('status'));
    const endTime = fields.number('end_time');
    const name = fields.text('run_name');
    // The status of a job's run is the job's: a script that ends its run before its process ends does not end the job.
    const isJob = jobs.get(run.id) !== undefined;
    const changed = runs.changeRun(run.id, {
      ...(status !== undefined && !isJob ? { status } : {}),
      ...(endTime !== undefined && !isJob ? { endTime } : {}),
      ...(name !== undefined ? { name } : {}),
    });
    return { run_info: runInfo(changed ?? run, addressesOf(request)) };
  });
  app.post('/runs/log-metric', request => {
    const fields = new Fields(request.body);
    const run = byId(fields);
    const metric = metricOf(fields);
    checkEntities({ metrics: [metric.key] });
    runs.logMetric(run.id, metric);
    return {};
  });
  app.post('/runs/log-parameter', request => {
    const fields = new Fields(request.body);
    const run = byId(fields);
    const params = { [fields.requiredText('key')]: fields.text('value') ?? '' };
    checkEntities({ params });
    logParams(runs, run, params);
    return {};
  });
  app.post('/runs/set-tag', request => {
    const fields = new Fields(request.body);
    const run = byId(fields);
    const tags = { [fields.requiredText('key')]: fields.text('value') ?? '' };
    checkEntities({ tags });
    setTags(runs, run, tags);
    return {};
  });
  app.post('/runs/delete-tag', request => {
    const fields = new Fields(request.body);
    const run = byId(fields);
    const key = fields.requiredText('key');
    if (!(key in run.tags))
      throw new MlflowError('RESOURCE_DOES_NOT_EXIST', `No tag with name: ${key} in run with id ${run.id}`);
    const tags = Object.entries(run.tags).filter(([name]) => name !== key);
    runs.changeRun(run.id, { tags: Object.fromEntries(tags) });
    return {};
  });
  const logBatch = (fields: Fields): void => {
    const run = byId(fields);
    const metrics = fields.list('metrics').map(metricOf);
    const params = fields.pairs('params');
    const tags = fields.pairs('tags');
    checkEntities({ metrics: metrics.map(({ key }) => key), params, tags });
    logParams(runs, run, params);
    for (const metric of metrics) runs.logMetric(run.id, metric);
    const now = runs.run(run.id);
    if (now) setTags(runs, now, tags);
  };
  app.post('/runs/log-batch', request => {
    logBatch(new Fields(request.body));
    return {};
  });
  // What azureml-mlflow sends when MLflow logs in the background. It is kept at once here, so no status is ever asked for.
  app.post('/runs/log-batch-async', request => {
    logBatch(new Fields(request.body));
    return { batch_tracking_id: '' };
  });
  app.get('/runs/get-run-data-status', request => {
    byId(new Fields(request.query));
    return { is_complete: true };
  });
  app.post('/runs/outputs', request => {
    const fields = new Fields(request.body);
    const run = byId(fields);
    const added = fields
      .list('models')
      .map(model => ({ modelId: model.requiredText('model_id'), step: model.number('step') ?? 0 }));
    runs.changeRun(run.id, { modelOutputs: [...(run.modelOutputs ?? []), ...added] });
    return {};
  });
  // Which data a run used: accepted, since the clients send it, and not kept.
  for (const path of ['/runs/log-inputs', '/runs/log-model']) {
    app.post(path, request => {
      byId(new Fields(request.body));
      return {};
    });
  }
  for (const [path, hidden] of [
    ['/runs/delete', true],
    ['/runs/restore', false],
  ] as const) {
    app.post(path, request => {
      runs.changeRun(byId(new Fields(request.body)).id, { hidden });
      return {};
    });
  }
  app.get('/metrics/get-history', request => {
    const fields = new Fields(request.query);
    const run = byId(fields);
    const history = runs.metricHistory(run.id, fields.requiredText('metric_key'));
    // Without max_results the whole history is one answer.
    if (fields.number('max_results') === undefined) return { metrics: history.map(metricMessage) };
    const { page, ...next } = pageOf(history, fields, history.length);
    return { metrics: page.map(metricMessage), ...next };
  });
}

function statusOf(given: string | undefined): RunStatus | undefined {
  if (given === undefined) return undefined;
  // Old clients send the number of the enumeration.
  const status = statuses.find((name, index) => name === given || String(index + 1) === given);
  if (!status) throw new MlflowError('INVALID_PARAMETER_VALUE', `Invalid run status '${given}'.`);
  return status;
}

function metricOf(fields: Fields): Metric {
  const value = fields.number('value');
  if (value === undefined)
    throw new MlflowError('INVALID_PARAMETER_VALUE', "Missing value for required parameter 'value'.");
  return {
    key: fields.requiredText('key'),
    value,
    timestamp: fields.number('timestamp') ?? Date.now(),
    step: fields.number('step') ?? 0,
  };
}

/** Parameters are written once; the same value again is fine. */
function logParams(runs: RunStore, run: Run, params: Record<string, string>): void {
  for (const [key, value] of Object.entries(params)) {
    const old = run.params[key];
    if (old !== undefined && old !== value) {
      throw new MlflowError(
        'INVALID_PARAMETER_VALUE',
        `Changing param values is not allowed. Param with key='${key}' was already logged with value='${old}' for run ID='${run.id}'. Attempted logging new value '${value}'.`,
      );
    }
  }
  if (Object.keys(params).length > 0) runs.changeRun(run.id, { params: { ...run.params, ...params } });
}

function setTags(runs: RunStore, run: Run, tags: Record<string, string>): void {
  if (Object.keys(tags).length === 0) return;
  const name = tags['mlflow.runName'];
  runs.changeRun(run.id, { tags: { ...run.tags, ...tags }, ...(name === undefined ? {} : { name }) });
}
