import { environmentId, plannedEnvironments, workspaceEnvironments } from '../../lib/azureml/environment-spec';
import { uploadCode } from '../../lib/azureml/upload';
import type { Workspace } from '../../lib/azureml/workspace';
import type { TaskHost } from '../../lib/host/task-host';
import { TaskError } from '../../lib/task-error';
import type { ModelToDeploy, RunsIn } from './deployment-plan';
import type { DeployInputs } from './inputs';
import { findRuntime, type RuntimeEnvironment } from './runtime-environment';

export interface WhatRuns extends RunsIn {
  /** Undefined when the pipeline names an environment of its own. */
  readonly runtime: RuntimeEnvironment | undefined;
}

/** Whether finding it uploads something: files that lie beside the deployment file. */
export function bringsFiles({ environment, file }: DeployInputs): boolean {
  return typeof environment === 'object' || file?.code !== undefined;
}

/**
 * What the deployment's container is: the bundled runtime, an environment of the user's, or what Azure makes of an MLflow model.
 * Files beside the deployment file are uploaded under names made of their content, so a repeated run uploads nothing.
 * @param model as far as it is found; it matters only where Azure is to make the container of it
 * @throws TaskError
 */
export async function findWhatRuns(
  { environment, file, whatIf }: DeployInputs,
  model: Promise<ModelToDeploy | undefined>,
  workspace: Workspace,
  runtimeFolder: string,
  host: TaskHost,
): Promise<WhatRuns> {
  const code = file?.code;
  // A file without an environment means here what it means for az ml: Azure's own container for MLflow models.
  const found = environment === 'mlflow' || (environment === undefined && file) ? await model : undefined;
  if (environment === 'mlflow' && found && found.type !== 'mlflow_model')
    throw new TaskError(
      `${found.name}:${found.version} is of type ${found.type}, and Azure makes a container without an environment of MLflow models only. Leave environment empty for the bundled runtime, or name one.`,
      { code: 'GuardianInput' },
    );
  if (environment === 'mlflow' || found?.type === 'mlflow_model')
    return { environmentId: undefined, codeConfiguration: undefined, runtime: undefined };
  if (environment === undefined) {
    if (code)
      throw new TaskError(
        `The deployment file has a scoring script (${code.scoringScript}) and no environment to run it in: name one in the file or as environment.`,
        { code: 'GuardianInput' },
      );
    const runtime = await findRuntime(workspace, runtimeFolder);
    return { environmentId: runtime.id, codeConfiguration: undefined, runtime };
  }
  const assets = whatIf ? plannedEnvironments(workspace, 'deployment') : workspaceEnvironments(workspace, host);
  return {
    environmentId: await environmentId(environment, file?.folder ?? '', assets),
    codeConfiguration: code && {
      codeId: whatIf ? `(upload of ${code.path})` : await uploadCode(workspace, code.path, host),
      scoringScript: code.scoringScript,
    },
    runtime: undefined,
  };
}
