import type { FastifyInstance } from 'fastify';
import { userError } from '../arm/arm-error';
import { record, text, type Body } from '../jobs/body-fields';
import type { TrackingParts } from './mlflow';
import { requireRun } from './run-artifacts';
import type { Metric } from './run-store';

interface RunRoute {
  Params: { run: string };
  Body: Body | undefined;
}

/**
 * The metric service, below `/metric/v2.0/…`: the same values that MLflow has, as tables of one column. Source of the shapes: models MetricV2,
 * MetricDefinition and BatchIMetricV2 of azure-ai-ml's run history client.
 */
export function registerRunMetrics(scope: FastifyInstance, parts: TrackingParts): void {
  const { runs } = parts;
  scope.post<RunRoute>('/runs/:run/list', request => {
    const run = requireRun(parts, request.params.run);
    return {
      value: runs.metrics(run.id).map(({ key }) => ({
        metricKey: { namespace: '', name: key, labels: [], columnNames: [key] },
        columns: { [key]: 'Double' },
        properties: { uxMetricType: 'azureml.v1.scalar' },
      })),
      continuationToken: null,
      nextLink: null,
    };
  });
  for (const path of ['/runs/:run/full', '/runs/:run/sample']) {
    scope.post<RunRoute>(path, request => {
      const run = requireRun(parts, request.params.run);
      const name = text(request.body ?? {}, 'metricName');
      if (name === null) throw userError('The metricName field is required.', { target: 'metricName' });
      return table(run.id, name, runs.metricHistory(run.id, name));
    });
  }
  scope.post<RunRoute>('/runs/:run/lastvalues', request => {
    const run = requireRun(parts, request.params.run);
    return { value: runs.metrics(run.id).map(metric => table(run.id, metric.key, [metric])), continuationToken: null };
  });
  scope.post<RunRoute>('/runs/:run/batch', request => {
    const run = requireRun(parts, request.params.run);
    const values = request.body?.values;
    if (!Array.isArray(values)) throw userError('The values field must be a list.', { target: 'values' });
    // All are read before the first is kept: a request that is refused has left nothing.
    const metrics = values.flatMap((value, index) => metricsOf(value, `values[${index}]`));
    for (const metric of metrics) runs.logMetric(run.id, metric);
    return { errors: [] };
  });
}

function table(run: string, name: string, values: Metric[]): Record<string, unknown> {
  return {
    dataContainerId: `dcid.${run}`,
    name,
    columns: { [name]: 'Double' },
    properties: { uxMetricType: 'azureml.v1.scalar' },
    namespace: '',
    standardSchemaId: null,
    value: values.map(({ value, timestamp, step }, index) => ({
      metricId: `${run}/${name}/${index}`,
      createdUtc: new Date(timestamp).toISOString(),
      step,
      data: { [name]: Number.isFinite(value) ? value : String(value) },
    })),
    continuationToken: null,
    nextLink: null,
  };
}

/** A table of a batch as single values: each of its columns is a metric, named after the column unless it is the only one. */
function metricsOf(given: unknown, where: string): Metric[] {
  const table = recordOf(given, where);
  const name = text(table, 'name', `${where}.`);
  if (name === null || !Array.isArray(table.value))
    throw userError(`${where} needs a name and a list of values.`, { target: where });
  return table.value.flatMap((item: unknown, index: number) => {
    const row = recordOf(item, `${where}.value[${index}]`);
    const columns = Object.entries(record(row, 'data', `${where}.value[${index}].`));
    return columns.map(([column, value]) => {
      const number = typeof value === 'string' ? Number(value) : value;
      if (typeof number !== 'number' || (Number.isNaN(number) && value !== 'NaN'))
        throw userError(`${where}.value[${index}] holds a value that is not a number.`, { target: where });
      const time = typeof row.createdUtc === 'string' ? Date.parse(row.createdUtc) : Date.now();
      if (Number.isNaN(time)) throw userError(`${where}.value[${index}].createdUtc is not a time.`, { target: where });
      return {
        key: columns.length === 1 ? name : `${name}.${column}`,
        value: number,
        timestamp: time,
        step: typeof row.step === 'number' ? row.step : index,
      };
    });
  });
}

function recordOf(given: unknown, where: string): Body {
  if (typeof given !== 'object' || given === null) throw userError(`${where} must be an object.`, { target: where });
  return given as Body;
}
