import { listDeployments, type DeploymentId } from '../../lib/azureml/online-deployments';
import {
  createEndpoint,
  existingEndpoint,
  getEndpoint,
  hasFailed,
  writeAgain,
  type OnlineEndpoint,
} from '../../lib/azureml/online-endpoints';
import type { ChangedTraffic } from '../../lib/azureml/online-traffic';
import { whenFree, type OperationWait } from '../../lib/azureml/online-operation';
import type { Workspace } from '../../lib/azureml/workspace';
import type { Outcome, TaskHost } from '../../lib/host/task-host';
import { isHealthy } from '../../lib/release/deployments';
import { owner, tag } from '../../lib/release/tags';
import { formatTraffic, mirrorWithout, sameTraffic } from '../../lib/release/traffic';
import { ensureDeployment } from './ensure-deployment';
import { giveUpDeployment, printLogs } from './failed-deployment';
import type { DeployInputs } from './inputs';
import { rolloutSummary } from './analysis-report';
import type { Judged } from './analysis';
import { isGradual, isTrial, sizeOf } from './deployment-plan';
import { testGoldenSet, type GoldenTest } from './golden-test';
import { preflight, type Preflight } from './preflight';
import { moveTraffic } from './move-traffic';
import { report } from './release-report';
import { rollOut } from './roll-out';
import { createRuntime, ensureImage } from './runtime-environment';
import { shadow } from './shadow';
import { keptWarm, settleRoles, type Roles } from './settle-roles';
import { smokeTest } from './smoke-test';
import { inTurn } from './take-turns';

/** Brings a model version to the endpoint: first without traffic, then tested, then with its share. */
export function deploy(
  inputs: DeployInputs,
  workspace: Workspace,
  runtimeFolder: string,
  host: TaskHost,
): Promise<Outcome> {
  return inTurn(
    inputs,
    workspace,
    () => preflight(inputs, workspace, runtimeFolder, host),
    found => release(inputs, workspace, runtimeFolder, found, host),
    host,
  );
}

async function release(
  inputs: DeployInputs,
  workspace: Workspace,
  runtimeFolder: string,
  found: Preflight,
  host: TaskHost,
): Promise<Outcome> {
  const wait: OperationWait = { clock: host.clock, signal: host.signal, info: line => host.info(line) };
  const { plan, state, runtime } = found;
  for (const note of inputs.notes) host.info(note);
  host.info(`Model ${plan.model.name}:${plan.model.version}, deployment ${plan.name} as ${plan.role}`);
  if (inputs.whatIf) {
    host.info(whatIfText(inputs, found));
    return { result: 'succeeded', message: 'What if: nothing was written' };
  }

  host.progress(5, 'Preparing');
  if (runtime?.exists === false) await createRuntime(workspace, runtime, runtimeFolder, host);
  else if (runtime) host.info(`Environment ${runtime.name}:${runtime.version} exists, nothing to upload`);
  // What is deployed already has its image.
  const image = runtime && !plan.existing ? await ensureImage(workspace, runtime, host) : undefined;
  const endpoint = await usableEndpoint(inputs, state.endpoint, workspace, wait);

  host.progress(10, `Deploying ${plan.name}`);
  const made = await makeReady(workspace, endpoint, inputs, found, host, wait);

  host.progress(80, 'Moving traffic');
  const moved = await giveTraffic(inputs, workspace, state.endpoint ?? endpoint, found, made, host, wait);
  await settleRoles(workspace, moved.endpoint, rolesAfter(inputs, found, moved.isPaused), host, wait);

  const deployments = await listDeployments(workspace, endpoint.name);
  await report(
    {
      action: 'deploy',
      ...moved,
      deployments,
      deployment: plan.name,
      model: `${plan.model.name}:${plan.model.version}`,
      modelTags: plan.model.tags,
      environment: plan.properties.environmentId,
      before: state.live,
      judged: [...(made.test ? [made.test] : []), ...moved.judged],
      record: found.record,
      image,
    },
    inputs,
    host,
  );
  host.progress(100, 'Done');
  const unchanged = made.change === 'unchanged' && moved.revision === moved.previousRevision;
  const traffic = formatTraffic(moved.endpoint.traffic);
  if (moved.isPaused) {
    return {
      result: 'succeededWithIssues',
      message: `${plan.name} could not be judged and stays on trial on ${endpoint.name}; live traffic: ${traffic}. Run action: promote or action: abort`,
    };
  }
  return {
    result: 'succeeded',
    message: `${plan.name} ${unchanged ? 'unchanged' : made.change} on ${endpoint.name}; live traffic: ${traffic}`,
  };
}

/** The endpoint in a state in which it takes deployments. */
async function usableEndpoint(
  inputs: DeployInputs,
  found: OnlineEndpoint | undefined,
  workspace: Workspace,
  wait: OperationWait,
): Promise<OnlineEndpoint> {
  if (!found) return makeEndpoint(inputs, workspace, wait);
  return hasFailed(found) ? writeAgain(workspace, found.name, wait) : found;
}

/** Looks again before each try: a PUT on an endpoint that another run has just made would end its live traffic. */
async function makeEndpoint(inputs: DeployInputs, workspace: Workspace, wait: OperationWait): Promise<OnlineEndpoint> {
  const name = inputs.endpointName;
  wait.info(`Creating endpoint ${name}`);
  const tags = { ...inputs.endpointTags, ...inputs.tags, [tag.owner]: owner };
  const make = async () =>
    (await getEndpoint(workspace, name)) ?? (await createEndpoint(workspace, name, inputs.newEndpoint, tags, wait));
  return whenFree(name, make, wait);
}

interface Made {
  readonly change: 'created' | 'updated' | 'unchanged';
  /** What the golden set and the replayed requests said of it; undefined without either. */
  readonly test: GoldenTest | undefined;
}

/** The deployment, ready and tested, at 0 %. What this run made and cannot use is taken away again. */
async function makeReady(
  workspace: Workspace,
  endpoint: OnlineEndpoint,
  inputs: DeployInputs,
  { plan, state, smokeTest: test, cases }: Preflight,
  host: TaskHost,
  wait: OperationWait,
): Promise<Made> {
  const id = { endpoint: endpoint.name, name: plan.name };
  let made: Made['change'] | undefined;
  try {
    made = await ensureDeployment(workspace, id, plan, host, wait);
    host.info(`Deployment ${plan.name} is ready${made === 'unchanged' ? ' (unchanged)' : ''}`);
    if (test) {
      host.progress(75, 'Smoke test');
      await smokeTest(workspace, await existingEndpoint(workspace, endpoint.name), plan.name, test, host);
    }
    const golden =
      cases.length > 0
        ? await testGoldenSet(workspace, endpoint.name, cases, plan.name, state.champion?.name, inputs, host)
        : undefined;
    return { change: made, test: golden };
  } catch (error) {
    if (host.signal.aborted) {
      host.info(
        `Live traffic was not touched. Deployment ${plan.name} may be left on ${endpoint.name} without traffic: the next run with the same content goes on with it, a run with another one removes it.`,
      );
      throw error;
    }
    // A deployment that was ready before this run is not ours to take away.
    const wasReady = plan.existing !== undefined && isHealthy(plan.existing);
    const ours = made === 'created' || (made === undefined && !wasReady);
    throw ours ? await giveUpDeployment(workspace, id, error, 'live traffic was not touched', host, wait) : error;
  }
}

interface GivenTraffic extends ChangedTraffic {
  /** Whether the deployment stays on trial because it could not be judged. */
  readonly isPaused: boolean;
  readonly judged: readonly Judged[];
}

/** The live traffic that the strategy has in mind for the deployment, at once or step by step. */
async function giveTraffic(
  inputs: DeployInputs,
  workspace: Workspace,
  endpoint: OnlineEndpoint,
  { plan, state }: Preflight,
  made: Made,
  host: TaskHost,
  wait: OperationWait,
): Promise<GivenTraffic> {
  const { live, champion, challenger } = state;
  const id = { endpoint: endpoint.name, name: plan.name };
  // Who was on trial is so no more, and gets no copies either.
  const mirror = mirrorWithout(endpoint.mirrorTraffic, challenger?.name);
  if (made.test?.verdict === 'inconclusive') {
    const stays = await moveTraffic(inputs, workspace, { endpoint, live, next: live }, 'deploy', host, wait);
    return { ...stays, isPaused: true, judged: [] };
  }
  if (inputs.strategy === 'shadow' && plan.role === 'challenger' && champion) {
    const place = { endpoint, live, next: plan.traffic, candidate: plan.name, champion: champion.name };
    try {
      const { changed, judged, isPaused } = await shadow(inputs, workspace, place, host, wait);
      const steps = [{ percent: inputs.mirrorPercent, ...judged }];
      if (judged.gates.length > 0) await host.summary(`Shadow ${plan.name} on ${endpoint.name}`, rolloutSummary(steps));
      return { ...changed, isPaused, judged: [judged] };
    } catch (error) {
      if (host.signal.aborted) throw error;
      if (inputs.rollout.onFailure === 'keep') throw await kept(error, workspace, id, host);
      throw await giveUpDeployment(workspace, id, error, 'live traffic was not touched', host, wait);
    }
  }
  if (!isGradual(inputs.strategy) || !champion || champion.name === plan.name) {
    const move = { endpoint, live, next: plan.traffic, mirror };
    return { ...(await moveTraffic(inputs, workspace, move, 'deploy', host, wait)), isPaused: false, judged: [] };
  }
  try {
    const place = { endpoint, live, mirror, candidate: plan.name, champion: champion.name };
    const { changed, steps, outcome } = await rollOut(inputs, workspace, place, host, wait);
    await host.summary(`Rollout of ${plan.name} on ${endpoint.name}`, rolloutSummary(steps));
    return { ...changed, isPaused: outcome === 'paused', judged: steps };
  } catch (error) {
    if (host.signal.aborted) throw error;
    if (inputs.rollout.onFailure === 'keep') throw await kept(error, workspace, id, host);
    throw await giveUpDeployment(workspace, id, error, 'its requests go to the others', host, wait);
  }
}

/** The failure of a deployment that stays: its logs tell more while it is there. */
async function kept(error: unknown, workspace: Workspace, id: DeploymentId, host: TaskHost): Promise<unknown> {
  await printLogs(workspace, id, host);
  host.info(`Deployment ${id.name} stays on ${id.endpoint} without live traffic, because onFailedRollout is keep`);
  return error;
}

function rolesAfter(inputs: DeployInputs, { plan, state }: Preflight, isPaused: boolean): Roles {
  const known = state.deployments;
  const warm = keptWarm(known);
  const staysOnTrial = isPaused || (plan.role === 'challenger' && !isGradual(inputs.strategy));
  if (staysOnTrial) {
    return { champion: state.champion?.name, challenger: plan.name, previous: warm, known };
  }
  if (isTrial(inputs.strategy)) {
    return { champion: plan.name, challenger: state.challenger?.name, previous: warm, known };
  }
  const replaced = state.champion && state.champion.name !== plan.name ? [state.champion.name] : warm;
  return { champion: plan.name, challenger: undefined, previous: inputs.keepPrevious ? replaced : [], known };
}

function whatIfText(inputs: DeployInputs, { state, plan, runtime, smokeTest: test }: Preflight): string {
  const { existing } = plan;
  const steps = [
    ...(runtime?.exists === false ? [`upload, register and build environment ${runtime.name}:${runtime.version}`] : []),
    ...(state.endpoint
      ? hasFailed(state.endpoint)
        ? [`write endpoint ${inputs.endpointName} again as it is, because it is ${state.endpoint.provisioningState}`]
        : []
      : [
          `create endpoint ${inputs.endpointName}, authentication ${inputs.newEndpoint.authMode}, ${inputs.newEndpoint.compute === undefined ? `public network access ${inputs.newEndpoint.publicNetworkAccess}` : `on the Kubernetes compute ${inputs.newEndpoint.compute}`}`,
        ]),
    ...(existing
      ? existing.instanceCount === plan.instanceCount
        ? []
        : [`scale ${plan.name} from ${existing.instanceCount} to ${plan.instanceCount} instances`]
      : [`create deployment ${plan.name}: ${sizeOf(plan)}`]),
    ...(test ? [`send ${test.name} to ${plan.name}`] : []),
    ...(inputs.strategy === 'shadow' && plan.role === 'challenger'
      ? [`send it copies of ${inputs.mirrorPercent} % of the live requests`]
      : []),
    ...(sameTraffic(state.live, plan.traffic)
      ? []
      : isGradual(inputs.strategy) && plan.role === 'challenger'
        ? [
            `give it ${inputs.rollout.steps.map(step => `${step} %`).join(', ')} of the live traffic, each for ${inputs.rollout.bakeMinutes} min${inputs.rollout.analysis.gates.length > 0 ? `, as long as ${inputs.rollout.analysis.gates.map(gate => gate.text).join(' and ')}` : ''}`,
          ]
        : [`change live traffic from ${formatTraffic(state.live)} to ${formatTraffic(plan.traffic)}`]),
  ];
  return steps.length === 0 ? 'What if: nothing would change' : `What if, this would be done:\n- ${steps.join('\n- ')}`;
}
