import {
  containerLog,
  deleteDeployment,
  getDeployment,
  type ContainerName,
  type DeploymentId,
} from '../../lib/azureml/online-deployments';
import { existingEndpoint } from '../../lib/azureml/online-endpoints';
import { failureHint } from '../../lib/azureml/online-failure-causes';
import { OnlineOperationError, type OperationWait } from '../../lib/azureml/online-operation';
import type { Workspace } from '../../lib/azureml/workspace';
import type { TaskHost } from '../../lib/host/task-host';
import { isOurs } from '../../lib/release/deployments';
import { shareOf } from '../../lib/release/traffic';
import { TaskError } from '../../lib/task-error';
import { lastWords } from './last-words';

const logLines = 100;

const containers: readonly (readonly [ContainerName, string])[] = [
  ['StorageInitializer', 'fetches the model'],
  ['InferenceServer', 'serves it'],
];

/**
 * Says why a deployment that this run made cannot stay, and takes it away.
 * @param traffic what that means for the callers, after "The deployment was removed again; "
 * @returns the one error to fail with: what happened, likely cause, next step, and what is left behind
 */
export async function giveUpDeployment(
  workspace: Workspace,
  id: DeploymentId,
  error: unknown,
  traffic: string,
  host: TaskHost,
  wait: OperationWait,
): Promise<TaskError> {
  const failure = error instanceof Error ? error : new Error(String(error));
  const reached = await getDeployment(workspace, id).catch(() => undefined);
  const words = reached ? await printLogs(workspace, id, host) : undefined;
  const hint = hintFor(failure);
  const rest = reached
    ? await takeAway(workspace, id, traffic, wait)
    : `Nothing of it is left on endpoint ${id.endpoint}.`;
  const said = words ? ` The container said: ${sentence(words)}` : '';
  return new TaskError(`${sentence(failure.message)}${said}${hint} ${rest}`, {
    code: failure instanceof TaskError ? failure.errorCode : 'GuardianFailed',
    cause: error,
  });
}

/** Prints the last lines of both containers, with their status and events. @returns the line that most likely says what went wrong */
export async function printLogs(workspace: Workspace, id: DeploymentId, host: TaskHost): Promise<string | undefined> {
  let words: string | undefined;
  for (const [container, what] of containers) {
    const close = host.group(`Log of deployment ${id.name}, container ${container} (${what})`);
    // The deployment's failure is the news; a log that cannot be read must not hide it.
    const log = await containerLog(workspace, id, container, logLines).catch((error: unknown) =>
      error instanceof Error ? error.message : String(error),
    );
    host.foreign(log.trim() === '' ? '(empty)' : log);
    close();
    words = lastWords(log) ?? words;
  }
  return words;
}

function hintFor(failure: Error): string {
  if (failure instanceof OnlineOperationError && failure.answer) return failureHint(failure.code, failure.answer);
  if (!(failure instanceof TaskError) || failure.errorCode !== 'GuardianGateFailed') return '';
  return ' Next step: the numbers above and the logs of its containers say what to look at; with onFailedRollout: keep it stays without traffic, to be tried by hand.';
}

async function takeAway(workspace: Workspace, id: DeploymentId, traffic: string, wait: OperationWait): Promise<string> {
  try {
    const endpoint = await existingEndpoint(workspace, id.endpoint);
    const deployment = await getDeployment(workspace, id);
    if (!deployment) return 'The deployment is gone.';
    const busy = shareOf(endpoint.traffic, id.name) > 0 || shareOf(endpoint.mirrorTraffic, id.name) > 0;
    if (busy || !isOurs(deployment)) return `Deployment ${id.name} was left as it is, because it takes traffic.`;
    await deleteDeployment(workspace, id, wait);
    // The endpoint stays even when this run made it: Azure keeps a deleted endpoint's name taken for a while.
    return `The deployment was removed again; ${traffic}.`;
  } catch (error) {
    return `Removing the deployment failed as well (${error instanceof Error ? error.message : String(error)}); it takes no traffic, and the next run removes it.`;
  }
}

function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
