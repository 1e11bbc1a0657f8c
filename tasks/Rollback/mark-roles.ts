import { findModel, tagModel } from '../../lib/azureml/models';
import { listDeployments, patchDeployment, type OnlineDeployment } from '../../lib/azureml/online-deployments';
import type { OperationWait } from '../../lib/azureml/online-operation';
import type { Workspace } from '../../lib/azureml/workspace';
import { attempt } from '../../lib/host/attempt';
import type { TaskHost } from '../../lib/host/task-host';
import { isOurs, type Role } from '../../lib/release/deployments';
import { tag, type Tags } from '../../lib/release/tags';
import { shareOf, type Traffic } from '../../lib/release/traffic';
import type { DoneRollback } from './rollback';

/**
 * Brings the tags in line with the traffic that is back: a mark on the model versions that were taken out of service, roles
 * on the deployments, and last of all the mark on the deployments that were taken out, so that `previous` never means
 * them again. As long as that one is missing the next run knows that this one was stopped, and does the rest.
 * The traffic is right by now, so what fails here is a warning.
 */
export async function markRoles(
  workspace: Workspace,
  done: DoneRollback,
  host: TaskHost,
  wait: OperationWait,
): Promise<void> {
  if (!done.isNews) return;
  const { endpoint, plan } = done.planned;
  const { replaced } = plan;
  // Read again: what was made again in this run was not there when it was planned.
  const deployments = await listDeployments(workspace, endpoint.name);
  for (const [model, mark] of modelMarks(deployments, done.traffic, replaced, done.reason)) {
    const [name = '', version = ''] = model.split(':');
    await attempt(host, async () => {
      const found = await findModel(workspace, name, version);
      if ((found.tags[tag.rejected] ?? '') === mark) return;
      await tagModel(workspace, found, { [tag.rejected]: mark });
      host.info(mark ? `Model ${model} marked as rejected` : `Model ${model} is no longer marked as rejected`);
    });
  }
  const isLast = (one: OnlineDeployment): number => Number(replaced.includes(one.name));
  const ordered = deployments.filter(isOurs).sort((a, b) => isLast(a) - isLast(b));
  for (const deployment of ordered) {
    const changes = changesFor(deployment, done.traffic, replaced, done.reason);
    if (Object.entries(changes).every(([name, value]) => (deployment.tags[name] ?? '') === value)) continue;
    const id = { endpoint: endpoint.name, name: deployment.name };
    const tags = { ...deployment.tags, ...changes };
    await attempt(host, () => patchDeployment(workspace, id, { tags }, wait));
  }
}

function changesFor(deployment: OnlineDeployment, traffic: Traffic, replaced: readonly string[], reason: string): Tags {
  const share = shareOf(traffic, deployment.name);
  if (share > 0) {
    const largest = Math.max(...Object.values(traffic));
    const role: Role = share === largest ? 'champion' : 'challenger';
    return { [tag.role]: role, [tag.rejected]: '' };
  }
  // Kept, so that there is a way forward again; without the challenger's role no promote picks it up.
  return replaced.includes(deployment.name) ? { [tag.role]: 'previous', [tag.rejected]: reason } : {};
}

/** `name:version` of the models that were replaced, with the reason, and of those that serve, with nothing. */
function modelMarks(
  deployments: readonly OnlineDeployment[],
  traffic: Traffic,
  replaced: readonly string[],
  reason: string,
): Map<string, string> {
  const marks = new Map<string, string>();
  const ours = deployments.filter(isOurs);
  for (const { name, tags } of ours)
    if (replaced.includes(name) && tags[tag.model]) marks.set(tags[tag.model] ?? '', reason);
  // A version that still serves in another deployment was not rejected.
  for (const { name, tags } of ours)
    if (shareOf(traffic, name) > 0 && tags[tag.model]) marks.set(tags[tag.model] ?? '', '');
  return marks;
}
