import { findModel, tagModel } from '../../lib/azureml/models';
import { patchDeployment, type OnlineDeployment } from '../../lib/azureml/online-deployments';
import type { OperationWait } from '../../lib/azureml/online-operation';
import type { Workspace } from '../../lib/azureml/workspace';
import { attempt } from '../../lib/host/attempt';
import type { TaskHost } from '../../lib/host/task-host';
import { isOurs, type Role } from '../../lib/release/deployments';
import { tag, type Tags } from '../../lib/release/tags';
import { shareOf, type Traffic } from '../../lib/release/traffic';
import type { DoneRollback } from './rollback';

/**
 * Brings the tags in line with the traffic that is back: roles on the deployments, and a mark on what was taken out of
 * service, deployment and model version alike, so that `previous` never means it again. The traffic is right by now, so
 * what fails here is a warning.
 */
export async function markRoles(
  workspace: Workspace,
  done: DoneRollback,
  reason: string,
  host: TaskHost,
  wait: OperationWait,
): Promise<void> {
  const { endpoint, deployments, plan } = done.planned;
  if (plan.kind !== 'change') return;
  const marks = deployments.filter(isOurs).flatMap(deployment => {
    const changes = changesFor(deployment, done.traffic, plan.replaced, reason);
    const differs = Object.entries(changes).some(([name, value]) => (deployment.tags[name] ?? '') !== value);
    return differs ? [{ deployment, tags: { ...deployment.tags, ...changes } }] : [];
  });
  for (const { deployment, tags } of marks) {
    const id = { endpoint: endpoint.name, name: deployment.name };
    await attempt(host, () => patchDeployment(workspace, id, { tags }, wait));
  }
  for (const [model, mark] of modelMarks(deployments, done.traffic, plan.replaced, reason)) {
    const [name = '', version = ''] = model.split(':');
    await attempt(host, async () => {
      const found = await findModel(workspace, name, version);
      if ((found.tags[tag.rejected] ?? '') === mark) return;
      await tagModel(workspace, found, { [tag.rejected]: mark });
      host.info(mark ? `Model ${model} marked as rejected` : `Model ${model} is no longer marked as rejected`);
    });
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
