import { mlflow } from './mlflow';
import type { Workspace } from './workspace';

/** A job's metrics, as its MLflow run has them. */
export interface JobMetrics {
  /** Last value of each metric, by name; empty when the job logged none. */
  readonly last: Readonly<Record<string, number>>;
  /** MLflow's id of the experiment; undefined when the job has no MLflow run. */
  readonly experimentId: string | undefined;
}

/** One logged value. */
export interface MetricPoint {
  readonly step: number;
  readonly value: number;
}

/** The MLflow run of a job has the job's name as its id. MLflow's JSON writes NaN and the infinities as text. */
export async function jobMetrics(workspace: Workspace, job: string): Promise<JobMetrics> {
  const { status, body } = await mlflow(workspace, `runs/get?run_id=${encodeURIComponent(job)}`, {
    allow: [404],
    doing: `read the metrics of job ${job}`,
  });
  if (status === 404) return { last: {}, experimentId: undefined };
  const { run } = body as { run?: MlflowRun };
  return { last: lastValues(run), experimentId: run?.info?.experiment_id };
}

/** All values of a metric, in the order of their steps. */
export async function metricHistory(workspace: Workspace, job: string, metric: string): Promise<MetricPoint[]> {
  const query = new URLSearchParams({ run_id: job, metric_key: metric });
  const { status, body } = await mlflow(workspace, `metrics/get-history?${query.toString()}`, {
    allow: [404],
    doing: `read the metric ${metric} of job ${job}`,
  });
  if (status === 404) return [];
  const { metrics = [] } = body as { metrics?: { value: number | string; step?: number | string }[] };
  return metrics
    .map(({ value, step }) => ({ value: Number(value), step: Number(step ?? 0) }))
    .sort((a, b) => a.step - b.step);
}

/** Each curve is a request. */
const mostCurves = 8;

/**
 * The values over the steps of some metrics, first of those whose names say that they are logged at each step and not once at the end; one
 * that cannot be read has none.
 */
export async function metricCurves(
  workspace: Workspace,
  job: string,
  metrics: readonly string[],
): Promise<Record<string, readonly MetricPoint[]>> {
  const isCurve = (name: string): boolean =>
    /loss|^(train|val|valid|validation|epoch|lr|learning_rate)([_/.-]|$)/i.test(name);
  const names = [...metrics.filter(isCurve), ...metrics.filter(name => !isCurve(name))].slice(0, mostCurves);
  const histories = await Promise.all(names.map(name => metricHistory(workspace, job, name).catch(() => [])));
  return Object.fromEntries(names.map((name, index) => [name, histories[index] ?? []]));
}

/**
 * The best last value of a metric among the experiment's other finished jobs; undefined when there is none.
 * @param more whether more is better
 */
export async function bestOfOthers(
  workspace: Workspace,
  experimentId: string,
  job: string,
  metric: string,
  more: boolean,
): Promise<number | undefined> {
  const { body } = await mlflow(workspace, 'runs/search', {
    body: {
      experiment_ids: [experimentId],
      filter: "attributes.status = 'FINISHED'",
      order_by: [`metrics.\`${metric}\` ${more ? 'DESC' : 'ASC'}`],
      // The job itself may be the first, and runs without the metric come last.
      max_results: 2,
    },
    doing: `look for the best ${metric} of the experiment's earlier jobs`,
  });
  const { runs = [] } = body as { runs?: MlflowRun[] };
  return runs
    .filter(run => run.info?.run_id !== job)
    .map(run => lastValues(run)[metric])
    .find(value => value !== undefined && Number.isFinite(value));
}

interface MlflowRun {
  info?: { run_id?: string; experiment_id?: string };
  data?: { metrics?: { key: string; value: number | string }[] };
}

function lastValues(run: MlflowRun | undefined): Record<string, number> {
  return Object.fromEntries((run?.data?.metrics ?? []).map(({ key, value }) => [key, Number(value)]));
}
