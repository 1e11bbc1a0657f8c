import {
  deleteDeployment,
  listDeployments,
  patchDeployment,
  type OnlineDeployment,
} from '../../lib/azureml/online-deployments';
import type { OnlineEndpoint } from '../../lib/azureml/online-endpoints';
import type { OperationWait } from '../../lib/azureml/online-operation';
import type { Workspace } from '../../lib/azureml/workspace';
import { attempt } from '../../lib/host/attempt';
import type { TaskHost } from '../../lib/host/task-host';
import { isOurs, isRejected, superseded, type Role } from '../../lib/release/deployments';
import { tag } from '../../lib/release/tags';

/** Who is to be what once the traffic is right. */
export interface Roles {
  readonly champion: string | undefined;
  readonly challenger: string | undefined;
  /** Kept warm without traffic. */
  readonly previous: readonly string[];
  /** What was there when the run began: only of these can any go. What has come since is another run's work. */
  readonly known: readonly OnlineDeployment[];
}

/**
 * Brings tags in line with the traffic and removes our deployments that nobody needs any more. The traffic is right by
 * now, so what fails here is a warning: the next run does it.
 */
export async function settleRoles(
  workspace: Workspace,
  endpoint: OnlineEndpoint,
  roles: Roles,
  host: TaskHost,
  wait: OperationWait,
): Promise<void> {
  const deployments = await listDeployments(workspace, endpoint.name);
  for (const deployment of deployments.filter(isOurs)) {
    const role = roleOf(deployment, roles);
    if (!role || deployment.tags[tag.role] === role) continue;
    const tags = { ...deployment.tags, [tag.role]: role };
    await attempt(host, () => patchDeployment(workspace, idOf(endpoint, deployment), { tags }, wait));
  }
  const keep = [roles.champion, roles.challenger, ...roles.previous];
  const traffic = { live: endpoint.traffic, mirror: endpoint.mirrorTraffic };
  const known = new Set(roles.known.map(one => one.name));
  for (const deployment of superseded(deployments, traffic, keep).filter(one => known.has(one.name))) {
    wait.info(`Removing deployment ${deployment.name} (${deployment.tags[tag.model] ?? 'unknown model'}): superseded`);
    await attempt(host, () => deleteDeployment(workspace, idOf(endpoint, deployment), wait));
  }
}

/**
 * Deployments that are kept warm now and are no way into something that a rollback took out. Besides the ones tagged so
 * that is a champion which a run has replaced and not yet tagged, because it was killed.
 */
export function keptWarm(deployments: readonly OnlineDeployment[]): string[] {
  return deployments
    .filter(one => isOurs(one) && ['previous', 'champion'].includes(one.tags[tag.role] ?? '') && !isRejected(one))
    .map(one => one.name);
}

function roleOf(deployment: OnlineDeployment, roles: Roles): Role | undefined {
  if (deployment.name === roles.champion) return 'champion';
  if (deployment.name === roles.challenger) return 'challenger';
  return roles.previous.includes(deployment.name) ? 'previous' : undefined;
}

function idOf(endpoint: OnlineEndpoint, deployment: OnlineDeployment): { endpoint: string; name: string } {
  return { endpoint: endpoint.name, name: deployment.name };
}
