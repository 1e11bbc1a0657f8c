import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { ArtifactAddresses } from './artifact-addresses';
import { MlflowError } from './mlflow-error';
import { Fields, pageOf } from './mlflow-fields';
import { searchFilter } from './mlflow-filter';
import { runMessage } from './mlflow-run-message';
import type { Run, RunStore } from './run-store';

/** runs/search of MLflow's REST API; `app` is the scope `…/api/2.0/mlflow`. */
export function registerMlflowRunSearch(
  app: FastifyInstance,
  runs: RunStore,
  addressesOf: (request: FastifyRequest) => ArtifactAddresses,
): void {
  app.post('/runs/search', request => {
    const fields = new Fields(request.body);
    const matches = searchFilter(fields.text('filter'), 'attributes');
    const view = fields.text('run_view_type') ?? 'ACTIVE_ONLY';
    const found = fields
      .texts('experiment_ids')
      .flatMap(id => runs.runsOfExperiment(id))
      .filter(
        run =>
          (view === 'ALL' || run.hidden === (view === 'DELETED_ONLY')) &&
          matches((entity, name) => valueOf(run, entity, name, runs)),
      );
    const ordered = orderRuns(found, fields.texts('order_by'), runs);
    const { page, ...next } = pageOf(ordered, fields, 1000);
    const addresses = addressesOf(request);
    return { runs: page.map(run => runMessage(run, runs.metrics(run.id), addresses)), ...next };
  });
}

function valueOf(run: Run, entity: string, name: string, runs: RunStore): string | number | undefined {
  if (entity === 'tags') return run.tags[name];
  if (entity === 'params') return run.params[name];
  if (entity === 'metrics') return runs.latestMetric(run.id, name)?.value;
  const attributes: Record<string, string | number | undefined> = {
    run_id: run.id,
    run_name: run.name,
    'Run name': run.name,
    status: run.status,
    start_time: run.startTime,
    end_time: run.endTime,
    user_id: run.userId,
  };
  return attributes[name];
}

function orderRuns(found: Run[], orderBy: string[], runs: RunStore): Run[] {
  const keys = orderBy.map(clause => {
    const match = /^(?:(\w+)\.)?[`"]?([^`"]+?)[`"]?(?:\s+(asc|desc))?$/i.exec(clause.trim());
    if (!match) throw new MlflowError('INVALID_PARAMETER_VALUE', `Invalid order_by clause '${clause}'.`);
    const [, entity = 'attributes', name = '', direction = 'asc'] = match;
    return {
      entity: entity === 'attribute' ? 'attributes' : entity,
      name,
      sign: direction.toLowerCase() === 'desc' ? -1 : 1,
    };
  });
  if (keys.length === 0) return found.sort((a, b) => b.startTime - a.startTime);
  return found.sort((a, b) => {
    for (const { entity, name, sign } of keys) {
      const left = valueOf(a, entity, name, runs);
      const right = valueOf(b, entity, name, runs);
      // Runs without the value come last whatever the direction.
      if (left === undefined || right === undefined) {
        if (left !== right) return left === undefined ? 1 : -1;
      } else if (left !== right) return (left < right ? -1 : 1) * sign;
    }
    return b.startTime - a.startTime;
  });
}
