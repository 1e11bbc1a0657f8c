import { isChangedByThisRun } from '../../lib/azureml/change-tags';
import { tagsWithModel } from '../../lib/azureml/models';
import { listDeployments, patchDeployment, type OnlineDeployment } from '../../lib/azureml/online-deployments';
import { existingEndpoint } from '../../lib/azureml/online-endpoints';
import type { OperationWait } from '../../lib/azureml/online-operation';
import type { Workspace } from '../../lib/azureml/workspace';
import type { Outcome, TaskHost } from '../../lib/host/task-host';
import { isHealthy } from '../../lib/release/deployments';
import { tag } from '../../lib/release/tags';
import { allTo, formatTraffic, sameTraffic } from '../../lib/release/traffic';
import { TaskError } from '../../lib/task-error';
import { readState, type EndpointState } from './endpoint-state';
import type { PromoteInputs } from './inputs';
import { moveTraffic } from './move-traffic';
import { report } from './release-report';
import { keptWarm, settleRoles } from './settle-roles';

/** The challenger becomes champion: first as many instances as it needs, then all the traffic. */
export async function promote(inputs: PromoteInputs, workspace: Workspace, host: TaskHost): Promise<Outcome> {
  const wait: OperationWait = { clock: host.clock, signal: host.signal, info: line => host.info(line) };
  const endpoint = await existingEndpoint(workspace, inputs.endpointName);
  const state = await readState(workspace, inputs.endpointName);
  const candidate = promotable(state, inputs, host);
  const instanceCount = inputs.instanceCount ?? instancesOf(state, candidate);
  const next = allTo(candidate.name);
  const moves = !sameTraffic(state.live, next);
  host.info(
    !moves
      ? `${candidate.name} is champion already`
      : `Promoting ${candidate.name} (${candidate.tags[tag.model] ?? 'unknown model'}); live traffic: ${formatTraffic(state.live)} -> ${formatTraffic(next)}`,
  );
  if (inputs.whatIf) {
    const resized = candidate.instanceCount !== instanceCount;
    const scale = resized
      ? [`scale ${candidate.name} from ${candidate.instanceCount} to ${instanceCount} instances`]
      : [];
    const traffic = moves ? [`give all live traffic to ${candidate.name}`] : [];
    host.info(`What if, this would be done:\n- ${[...scale, ...traffic, 'bring the role tags in line'].join('\n- ')}`);
    return { result: 'succeeded', message: 'What if: nothing was written' };
  }

  if (candidate.instanceCount !== instanceCount) {
    host.progress(10, `Scaling ${candidate.name}`);
    host.info(`Deployment ${candidate.name}: ${candidate.instanceCount} to ${instanceCount} instances`);
    await patchDeployment(workspace, { endpoint: endpoint.name, name: candidate.name }, { instanceCount }, wait);
  }
  host.progress(60, 'Moving traffic');
  const changed = await moveTraffic(inputs, workspace, { endpoint, live: state.live, next }, 'promote', host, wait);

  const replaced =
    state.champion && state.champion.name !== candidate.name ? [state.champion.name] : keptWarm(state.deployments);
  const roles = {
    champion: candidate.name,
    challenger: undefined,
    previous: inputs.keepPrevious ? replaced : [],
    known: state.deployments,
  };
  await settleRoles(workspace, changed.endpoint, roles, host, wait);
  await report(
    {
      action: 'promote',
      ...changed,
      deployments: await listDeployments(workspace, endpoint.name),
      deployment: candidate.name,
      model: candidate.tags[tag.model],
      modelTags: await tagsWithModel(workspace, candidate.tags),
      environment: candidate.environmentId,
      before: state.live,
    },
    inputs,
    host,
  );
  host.progress(100, 'Done');
  return { result: 'succeeded', message: `${candidate.name} is champion of ${endpoint.name}` };
}

/** The challenger; or the champion that this same run has promoted already, so that a retry finishes what is left. */
function promotable(state: EndpointState, inputs: PromoteInputs, host: TaskHost): OnlineDeployment {
  const { challenger, champion, endpoint } = state;
  if (challenger && !isHealthy(challenger)) {
    throw new TaskError(
      `The challenger ${challenger.name} of endpoint ${inputs.endpointName} is in state ${challenger.provisioningState}, so it cannot take the traffic. Deploy it again, or abort it.`,
    );
  }
  if (challenger) return challenger;
  const again = isChangedByThisRun(endpoint?.tags ?? {}, 'promote', host);
  if (champion && (again || champion.tags[tag.role] === 'challenger')) return champion;
  throw new TaskError(
    `Endpoint ${inputs.endpointName} has no challenger to promote: live traffic is ${formatTraffic(state.live)}. Deploy one first, with strategy: challenger.`,
    { code: 'GuardianNotFound' },
  );
}

/** As many as the champion that it replaces. */
function instancesOf(state: EndpointState, candidate: OnlineDeployment): number {
  const champion = state.champion?.instanceCount ?? 3;
  return Math.max(champion, candidate.instanceCount);
}
