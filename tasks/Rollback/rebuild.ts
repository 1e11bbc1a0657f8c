import { containerLog, deleteDeployment, getDeployment, putDeployment } from '../../lib/azureml/online-deployments';
import { existingEndpoint, hasFailed, writeAgain } from '../../lib/azureml/online-endpoints';
import { OnlineOperationError, type OperationWait } from '../../lib/azureml/online-operation';
import { failureHint } from '../../lib/azureml/online-failure-causes';
import type { Workspace } from '../../lib/azureml/workspace';
import { attempt } from '../../lib/host/attempt';
import type { TaskHost } from '../../lib/host/task-host';
import { isOurs } from '../../lib/release/deployments';
import { currentRevision } from '../../lib/release/revisions';
import { owner, tag } from '../../lib/release/tags';
import { shareOf } from '../../lib/release/traffic';
import { TaskError } from '../../lib/task-error';
import type { PlannedRollback } from './plan-rollback';
import { askDeployment, questionFor } from './probe';

const logLines = 100;

/**
 * Makes again what the plans need, from its record and without traffic, and asks it whether it answers.
 * @returns the endpoints that needed it
 * @throws TaskError when one of them does not get ready; then nothing of this is left, and live traffic was not touched
 */
export async function rebuildAll(
  workspace: Workspace,
  planned: readonly PlannedRollback[],
  host: TaskHost,
  wait: OperationWait,
): Promise<PlannedRollback[]> {
  const needing = planned.filter(({ plan }) => plan.kind === 'change' && plan.rebuild.length > 0);
  const results = await Promise.allSettled(needing.map(one => rebuildFor(workspace, one, host, wait)));
  const failures = results.flatMap(result => (result.status === 'rejected' ? [result.reason as unknown] : []));
  if (failures.length === 0) return needing;
  host.signal.throwIfAborted();
  await removeRebuilt(workspace, needing, host, wait);
  const said = failures.map(error => (error instanceof Error ? error.message : String(error)));
  throw new TaskError(
    `${said.join('\n')}\nLive traffic was not touched. Name another revision, or deploy the version that you want with DeployOnlineEndpoint.`,
    { code: failures[0] instanceof TaskError ? failures[0].errorCode : 'GuardianFailed', cause: failures[0] },
  );
}

async function rebuildFor(
  workspace: Workspace,
  { endpoint, plan, records }: PlannedRollback,
  host: TaskHost,
  wait: OperationWait,
): Promise<void> {
  const needed = plan.kind === 'change' ? plan.rebuild : [];
  if (needed.length > 0 && hasFailed(endpoint)) await writeAgain(workspace, endpoint.name, wait);
  const question = needed.length > 0 ? await questionFor(workspace, endpoint, host) : undefined;
  for (const name of needed) {
    const record = records.get(name);
    if (!record) continue;
    const id = { endpoint: endpoint.name, name };
    host.info(`Making deployment ${name} of ${endpoint.name} again (${record.tags[tag.model] ?? 'unknown model'})`);
    const revision = String(currentRevision(endpoint.tags) + 1);
    const tags = { ...record.tags, [tag.owner]: owner, [tag.role]: 'previous', [tag.revision]: revision };
    try {
      await putDeployment(workspace, id, { ...record, tags }, wait);
    } catch (error) {
      if (!(error instanceof OnlineOperationError)) throw error;
      const close = host.group(`Log of deployment ${name}`);
      host.foreign(await containerLog(workspace, id, 'InferenceServer', logLines).catch(() => '(cannot be read)'));
      close();
      const hint = failureHint(error.code, error.answer);
      throw new TaskError(`${error.message}${hint}`, { code: error.errorCode, cause: error });
    }
    const problem = await askDeployment(question, name, host);
    if (problem) throw new TaskError(`Endpoint ${endpoint.name}: ${problem}.`);
  }
}

/** Takes away what this run has made, unless it takes traffic by now. */
export async function removeRebuilt(
  workspace: Workspace,
  planned: readonly PlannedRollback[],
  host: TaskHost,
  wait: OperationWait,
): Promise<void> {
  for (const { endpoint, plan, deployments } of planned) {
    for (const name of plan.kind === 'change' ? plan.rebuild : []) {
      // One that had failed before this run is made anew under its name, and is no worse than it was.
      if (deployments.some(one => one.name === name)) continue;
      await attempt(host, async () => {
        const id = { endpoint: endpoint.name, name };
        const [now, made] = [await existingEndpoint(workspace, endpoint.name), await getDeployment(workspace, id)];
        const isUsed = shareOf(now.traffic, name) > 0 || shareOf(now.mirrorTraffic, name) > 0;
        if (!made || isUsed || !isOurs(made)) return;
        await deleteDeployment(workspace, id, wait);
        host.info(`Deployment ${name} of ${endpoint.name} was removed again`);
      });
    }
  }
}
