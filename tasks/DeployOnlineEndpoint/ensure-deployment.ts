import {
  containerLog,
  getDeployment,
  patchDeployment,
  putDeployment,
  type DeploymentId,
  type OnlineDeployment,
} from '../../lib/azureml/online-deployments';
import { pollDelay, type OperationWait } from '../../lib/azureml/online-operation';
import { runId } from '../../lib/azureml/change-tags';
import type { Workspace } from '../../lib/azureml/workspace';
import type { TaskHost } from '../../lib/host/task-host';
import { inTransition, isHealthy, isOurs } from '../../lib/release/deployments';
import { tag, type Tags } from '../../lib/release/tags';
import { TaskError } from '../../lib/task-error';
import { sizeOf, type DeploymentPlan } from './deployment-plan';

/**
 * Makes the planned deployment exist and ready, without traffic. One that is there already has the same content by its
 * name, so at most its size and tags are brought up to date; one that another run is still making is waited for.
 * @returns whether this run made it
 */
export async function ensureDeployment(
  workspace: Workspace,
  id: DeploymentId,
  plan: DeploymentPlan,
  host: TaskHost,
  wait: OperationWait,
): Promise<'created' | 'updated' | 'unchanged'> {
  const existing = await settled(workspace, id, wait);
  if (existing && !isOurs(existing)) {
    throw new TaskError(
      `Endpoint ${id.endpoint} has a deployment ${id.name} that this task did not make. Remove or rename it.`,
    );
  }
  if (existing && isHealthy(existing)) return update(workspace, id, plan, existing, wait);
  if (existing)
    wait.info(`Deployment ${id.name} is left ${existing.provisioningState} by an earlier run; making it anew`);
  const { instanceCount, properties } = plan;
  const run = runId(host);
  const tags = { ...plan.tags, ...(run ? { [tag.changeBuild]: run } : {}) };
  wait.info(`Creating deployment ${id.name}: ${sizeOf(plan)}`);
  const onPoll = creationProgress(workspace, id, host);
  const deployment = { sku: { name: 'Default', capacity: instanceCount }, tags, properties };
  await putDeployment(workspace, id, deployment, { ...wait, onPoll });
  return 'created';
}

async function settled(
  workspace: Workspace,
  id: DeploymentId,
  wait: OperationWait,
): Promise<OnlineDeployment | undefined> {
  let shown = '';
  for (let looks = 0; ; looks++) {
    const found = await getDeployment(workspace, id);
    if (!found || !inTransition(found)) return found;
    if (found.provisioningState !== shown) {
      wait.info(`Deployment ${id.name} is ${found.provisioningState} by another run; waiting for it`);
    }
    shown = found.provisioningState;
    await wait.clock.sleep(pollDelay(looks), wait.signal);
  }
}

async function update(
  workspace: Workspace,
  id: DeploymentId,
  plan: DeploymentPlan,
  existing: OnlineDeployment,
  wait: OperationWait,
): Promise<'updated' | 'unchanged'> {
  const tags = tagsFor(plan, existing);
  const resized = existing.instanceCount !== plan.instanceCount;
  if (!tags && !resized) return 'unchanged';
  if (resized) {
    wait.info(`Deployment ${id.name}: ${existing.instanceCount} to ${plan.instanceCount} instances`);
  }
  const change = { ...(tags ? { tags } : {}), ...(resized ? { instanceCount: plan.instanceCount } : {}) };
  await patchDeployment(workspace, id, change, wait);
  return 'updated';
}

/** The full set of tags when any differs: whether Azure merges or replaces them, the result is the same. */
function tagsFor(plan: DeploymentPlan, existing: OnlineDeployment): Tags | undefined {
  const { [tag.revision]: revision = '', ...wanted } = plan.tags;
  const sameRole = existing.tags[tag.role] === plan.role;
  const rejected = existing.tags[tag.rejected] ? { [tag.rejected]: '' } : {};
  const differs = Object.entries({ ...wanted, ...rejected }).some(([name, value]) => existing.tags[name] !== value);
  if (!differs) return undefined;
  return { ...existing.tags, ...wanted, ...rejected, ...(sameRole ? {} : { [tag.revision]: revision }) };
}

const progressMilliseconds = 15_000;
const heartbeatMilliseconds = 60_000;

/** Tells, while a deployment is made, which of its steps are done; when nothing is heard, that it still goes on. */
function creationProgress(workspace: Workspace, id: DeploymentId, host: TaskHost): () => Promise<void> {
  const started = host.clock.now().getTime();
  const seen = new Set<string>();
  let lastLook = started;
  let lastLine = started;
  return async () => {
    const now = host.clock.now().getTime();
    if (now - lastLook < progressMilliseconds) return;
    lastLook = now;
    const log = await containerLog(workspace, id, 'InferenceServer', 100).catch(() => '');
    const fresh = instanceSteps(log).filter(step => !seen.has(step));
    for (const step of fresh) {
      seen.add(step);
      host.foreign(`Deployment ${id.name}: ${step}`);
    }
    if (fresh.length > 0) lastLine = now;
    else if (now - lastLine >= heartbeatMilliseconds) {
      host.info(`Deployment ${id.name} is still being created, for ${Math.round((now - started) / 60_000)} min`);
      lastLine = now;
    }
  };
}

/** Lines such as `ModelDownload: Succeeded` from the part "Instance status:" of a container log. */
function instanceSteps(log: string): string[] {
  const [, part = ''] = log.split(/^Instance status:\s*$/m);
  const lines = part.split(/^Container (?:events|logs):/m)[0]?.split('\n') ?? [];
  return lines.map(line => line.trim()).filter(line => /^\w+: \w+$/.test(line));
}
