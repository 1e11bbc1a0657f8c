import type { Workspace } from './workspace';

/**
 * Last value of each metric that the job logged with MLflow, by name; empty when it logged none. MLflow's JSON writes
 * NaN and the infinities as text.
 */
export async function jobMetrics(workspace: Workspace, job: string): Promise<Record<string, number>> {
  const api = await workspace.apiUrl();
  const { status, body } = await workspace.send({
    method: 'GET',
    path: `${api}/mlflow/v2.0${workspace.id}/api/2.0/mlflow/runs/get?run_id=${encodeURIComponent(job)}`,
    apiVersion: '',
    allow: [404],
    doing: `read the metrics of job ${job}`,
  });
  if (status === 404) return {};
  const { run } = body as { run?: { data?: { metrics?: { key: string; value: number | string }[] } } };
  return Object.fromEntries((run?.data?.metrics ?? []).map(({ key, value }) => [key, Number(value)]));
}
