import { tagsWithModel } from '../../lib/azureml/models';
import { deleteDeployment, listDeployments } from '../../lib/azureml/online-deployments';
import { existingEndpoint } from '../../lib/azureml/online-endpoints';
import type { OperationWait } from '../../lib/azureml/online-operation';
import type { Workspace } from '../../lib/azureml/workspace';
import type { Outcome, TaskHost } from '../../lib/host/task-host';
import { currentRevision } from '../../lib/release/revisions';
import { tag } from '../../lib/release/tags';
import { formatTraffic, mirrorWithout, sameTraffic, without } from '../../lib/release/traffic';
import { TaskError } from '../../lib/task-error';
import { readState } from './endpoint-state';
import type { AbortInputs } from './inputs';
import { moveTraffic } from './move-traffic';
import { report } from './release-report';

/** The challenger's share goes back to the others, and the challenger goes. Without a challenger there is nothing to do. */
export async function abort(inputs: AbortInputs, workspace: Workspace, host: TaskHost): Promise<Outcome> {
  const wait: OperationWait = { clock: host.clock, signal: host.signal, info: line => host.info(line) };
  const endpoint = await existingEndpoint(workspace, inputs.endpointName);
  const state = await readState(workspace, inputs.endpointName);
  const { challenger, champion, live } = state;
  if (!challenger) {
    host.info(`Endpoint ${endpoint.name} has no challenger; live traffic is ${formatTraffic(live)}`);
    const revision = currentRevision(endpoint.tags);
    const unchanged = { endpoint, revision, previousRevision: revision };
    await reportAbort(workspace, unchanged, champion, state.live, inputs, host);
    return { result: 'succeeded', message: `No challenger on ${endpoint.name}: nothing to abort` };
  }
  const next = without(live, [challenger.name]);
  if (!next) {
    throw new TaskError(
      `The challenger ${challenger.name} is all that answers on endpoint ${endpoint.name}, so it cannot be taken away. Promote it, or deploy another version.`,
    );
  }
  host.info(
    `Aborting ${challenger.name} (${challenger.tags[tag.model] ?? 'unknown model'}); live traffic: ${formatTraffic(live)} -> ${formatTraffic(next)}`,
  );
  if (inputs.whatIf) {
    const traffic = sameTraffic(live, next) ? [] : [`change live traffic to ${formatTraffic(next)}`];
    host.info(`What if, this would be done:\n- ${[...traffic, `remove deployment ${challenger.name}`].join('\n- ')}`);
    return { result: 'succeeded', message: 'What if: nothing was written' };
  }

  host.progress(10, 'Moving traffic');
  const mirror = mirrorWithout(endpoint.mirrorTraffic, challenger.name);
  const changed = await moveTraffic(inputs, workspace, { endpoint, live, next, mirror }, 'abort', host, wait);
  host.progress(60, `Removing ${challenger.name}`);
  await deleteDeployment(workspace, { endpoint: endpoint.name, name: challenger.name }, wait);
  await reportAbort(workspace, changed, challenger, live, inputs, host);
  host.progress(100, 'Done');
  return {
    result: 'succeeded',
    message: `${challenger.name} is gone from ${endpoint.name}; live traffic: ${formatTraffic(next)}`,
  };
}

async function reportAbort(
  workspace: Workspace,
  changed: Awaited<ReturnType<typeof moveTraffic>>,
  deployment: { name: string; tags: Readonly<Record<string, string>>; environmentId: string | undefined } | undefined,
  before: Readonly<Record<string, number>>,
  inputs: AbortInputs,
  host: TaskHost,
): Promise<void> {
  await report(
    {
      action: 'abort',
      ...changed,
      deployments: await listDeployments(workspace, changed.endpoint.name),
      deployment: deployment?.name ?? '',
      model: deployment?.tags[tag.model],
      modelTags: await tagsWithModel(workspace, deployment?.tags ?? {}),
      environment: deployment?.environmentId,
      before,
    },
    inputs,
    host,
  );
}
