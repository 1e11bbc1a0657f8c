import type { Workspace } from './workspace';

/**
 * Calls MLflow's REST API of the workspace: GET, or POST when there is a body. https://mlflow.org/docs/latest/rest-api.html
 * @param path below `api/2.0/mlflow/`, with its query
 */
export async function mlflow(
  workspace: Workspace,
  path: string,
  { body, ...rest }: { body?: object; allow?: readonly number[]; doing: string },
): Promise<{ status: number; body: unknown }> {
  const api = await workspace.apiUrl();
  return workspace.send({
    method: body === undefined ? 'GET' : 'POST',
    path: `${api}/mlflow/v2.0${workspace.id}/api/2.0/mlflow/${path}`,
    apiVersion: '',
    ...(body === undefined ? {} : { body }),
    ...rest,
  });
}
