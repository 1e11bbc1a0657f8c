import { mlflow } from './mlflow';
import type { Workspace } from './workspace';

/**
 * Aliases of a model's versions, such as `champion`. Azure ML has them by MLflow's API only, neither in its REST API nor in `az ml`.
 * https://mlflow.org/docs/latest/rest-api.html#set-registered-model-alias
 */
export async function setAlias(workspace: Workspace, model: string, alias: string, version: string): Promise<void> {
  await mlflow(workspace, 'registered-models/alias', {
    body: { name: model, alias, version },
    doing: `give ${model}:${version} the alias ${alias}`,
  });
}

/** The version that has the alias; undefined when none has, or there is no such model. */
export async function versionOfAlias(workspace: Workspace, model: string, alias: string): Promise<string | undefined> {
  const query = new URLSearchParams({ name: model, alias });
  const { status, body } = await mlflow(workspace, `registered-models/alias?${query.toString()}`, {
    // MLflow's own server calls an alias that there is not an invalid parameter.
    allow: [400, 404],
    doing: `look for the version of ${model} that has the alias ${alias}`,
  });
  return status === 200 ? (body as { model_version?: { version?: string } }).model_version?.version : undefined;
}
