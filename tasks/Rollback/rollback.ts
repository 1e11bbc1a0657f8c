import { listDeployments, type OnlineDeployment } from '../../lib/azureml/online-deployments';
import { existingEndpoint, type OnlineEndpoint } from '../../lib/azureml/online-endpoints';
import type { OperationWait } from '../../lib/azureml/online-operation';
import { changeTraffic } from '../../lib/azureml/online-traffic';
import type { Workspace } from '../../lib/azureml/workspace';
import type { Outcome, TaskHost } from '../../lib/host/task-host';
import { currentRevision, encodeTraffic } from '../../lib/release/revisions';
import { planRollback, type RollbackPlan } from '../../lib/release/rollback-plan';
import { tag, tagValue, type Tags } from '../../lib/release/tags';
import { formatTraffic, type Traffic } from '../../lib/release/traffic';
import { TaskError } from '../../lib/task-error';
import { markRoles } from './mark-roles';
import type { RollbackInputs } from './inputs';
import { probe } from './probe';
import { planConfig, restoreConfig } from './restore-config';
import { report } from './rollback-report';

/** One endpoint with what is to happen to it. */
export interface PlannedRollback {
  readonly endpoint: OnlineEndpoint;
  readonly deployments: readonly OnlineDeployment[];
  readonly plan: RollbackPlan;
}

/** One endpoint after the run. */
export interface DoneRollback {
  readonly planned: PlannedRollback;
  readonly revision: number;
  readonly from: Traffic;
  readonly traffic: Traffic;
}

const defaultReason = 'rolled back, no reason given';

/**
 * Puts live traffic back. All endpoints are planned and checked before the first one changes; then traffic comes back
 * with one write each, all at once, and only after that everything else that a rollback leaves behind is written.
 */
export async function rollback(inputs: RollbackInputs, workspace: Workspace, host: TaskHost): Promise<Outcome> {
  const planned = await planAll(workspace, inputs, host);
  const config = inputs.config ? await planConfig(inputs.config, targets(planned), host) : undefined;
  if (inputs.whatIf) return { result: 'succeeded', message: 'What if: nothing was written' };

  host.progress(20, 'Moving traffic');
  const reason = tagValue(inputs.reason ?? defaultReason);
  const wait: OperationWait = { clock: host.clock, signal: host.signal, info: line => host.info(line) };
  const done = await changeAll(workspace, planned, reason, host, wait);

  host.progress(60, 'Verifying');
  const problems = await Promise.all(done.map(one => probe(workspace, one, host)));
  host.progress(80, 'Recording');
  for (const one of done) await markRoles(workspace, one, reason, host, wait);
  await report(done, reason, host);
  const failed = problems.filter(problem => problem !== undefined);
  if (failed.length > 0) throw new TaskError(failed.join('\n'));
  if (config && inputs.config) {
    // The endpoints answer as before by now: pods that start with the old content find what they expect.
    host.progress(90, 'Restoring the configuration');
    await restoreConfig(config, inputs.config, host);
  }
  host.progress(100, 'Done');

  const changed = done.filter(one => one.planned.plan.kind === 'change').length;
  return {
    result: 'succeeded',
    message:
      changed === 0
        ? 'Nothing to roll back: live traffic is where it should be'
        : `Rolled back ${changed} of ${done.length} endpoints`,
  };
}

/** The revision that each endpoint goes back to, or stays at. */
function targets(planned: readonly PlannedRollback[]): ReadonlyMap<string, number> {
  return new Map(
    planned.map(({ endpoint, plan }) => [
      endpoint.name,
      plan.kind === 'change' ? plan.target.number : currentRevision(endpoint.tags),
    ]),
  );
}

/** @throws TaskError that lists every endpoint that cannot go back, when there is one: then none does */
async function planAll(workspace: Workspace, inputs: RollbackInputs, host: TaskHost): Promise<PlannedRollback[]> {
  const looked = await Promise.allSettled(inputs.endpointNames.map(name => planOne(workspace, name, inputs, host)));
  const problems: string[] = [];
  const planned: PlannedRollback[] = [];
  for (const one of looked) {
    if (one.status === 'rejected') {
      if (!(one.reason instanceof TaskError)) throw one.reason;
      problems.push(one.reason.message);
    } else {
      planned.push(one.value);
      const { endpoint, plan } = one.value;
      host.info(`${endpoint.name}: ${planText(plan)}`);
      if (plan.kind === 'refused') problems.push(`Endpoint ${endpoint.name} ${plan.problem}.`);
    }
  }
  host.signal.throwIfAborted();
  if (problems.length === 1 && inputs.endpointNames.length === 1) throw new TaskError(problems.join(''));
  if (problems.length > 0) {
    const lines = problems.map(problem => `- ${problem}`);
    throw new TaskError(`No endpoint was rolled back, because not all of them can be:\n${lines.join('\n')}`);
  }
  return planned;
}

async function planOne(
  workspace: Workspace,
  name: string,
  inputs: RollbackInputs,
  host: TaskHost,
): Promise<PlannedRollback> {
  const endpoint = await existingEndpoint(workspace, name);
  const deployments = await listDeployments(workspace, name);
  const { traffic: live, mirrorTraffic: mirror, tags } = endpoint;
  if (inputs.to === 'previous' && isOfThisRun(tags, host)) {
    // A retried step must not go back a second time.
    const revision = currentRevision(tags);
    const why = `this pipeline run has rolled it back already (revision ${revision})`;
    return { endpoint, deployments, plan: { kind: 'unchanged', revision, traffic: live, why } };
  }
  return { endpoint, deployments, plan: planRollback({ live, mirror, tags, deployments }, inputs.to) };
}

function planText(plan: RollbackPlan): string {
  switch (plan.kind) {
    case 'change':
      return `revision ${plan.fromRevision} (${formatTraffic(plan.from)}) -> back to revision ${plan.target.number} (${formatTraffic(plan.target.traffic)})`;
    case 'unchanged':
      return `stays at ${formatTraffic(plan.traffic)}: ${plan.why}`;
    case 'refused':
      return 'cannot go back';
  }
}

async function changeAll(
  workspace: Workspace,
  planned: readonly PlannedRollback[],
  reason: string,
  host: TaskHost,
  wait: OperationWait,
): Promise<DoneRollback[]> {
  const results = await Promise.allSettled(planned.map(one => changeOne(workspace, one, reason, host, wait)));
  const failures = results.flatMap(result => (result.status === 'rejected' ? [result.reason as unknown] : []));
  if (failures.length === 0) return results.flatMap(result => (result.status === 'fulfilled' ? [result.value] : []));
  const states = results.map((result, index) => {
    const name = planned[index]?.endpoint.name ?? '';
    if (result.status === 'fulfilled')
      return `- ${name}: live traffic is back at ${formatTraffic(result.value.traffic)}`;
    const error = result.reason as unknown;
    return `- ${name}: ${error instanceof Error ? error.message : String(error)}`;
  });
  throw new TaskError(
    `The rollback is not complete:\n${states.join('\n')}\nRun the task again: what is back already stays as it is.`,
    { cause: failures[0] },
  );
}

async function changeOne(
  workspace: Workspace,
  planned: PlannedRollback,
  reason: string,
  host: TaskHost,
  wait: OperationWait,
): Promise<DoneRollback> {
  const { endpoint, plan } = planned;
  if (plan.kind !== 'change') {
    const traffic = endpoint.traffic;
    return { planned, revision: currentRevision(endpoint.tags), from: traffic, traffic };
  }
  const { from, target } = plan;
  const tags = {
    ...thisRun(host),
    [tag.rollbackReason]: reason,
    [tag.rollbackFrom]: tagValue(encodeTraffic(from)),
  };
  const changed = await changeTraffic(workspace, endpoint.name, { expected: from, next: target.traffic, tags }, wait);
  host.info(`${endpoint.name}: live traffic is ${formatTraffic(target.traffic)} (revision ${changed.revision})`);
  host.addBuildTag(`${endpoint.name}-r${changed.revision}`);
  return { planned, revision: changed.revision, from, traffic: changed.endpoint.traffic };
}

function thisRun(host: TaskHost): Tags {
  const run = host.variable('Build.BuildId') ?? host.variable('Release.ReleaseId') ?? '';
  return { [tag.change]: 'rollback', [tag.changeBuild]: run };
}

function isOfThisRun(tags: Tags, host: TaskHost): boolean {
  const run = thisRun(host);
  return run[tag.changeBuild] !== '' && Object.entries(run).every(([name, value]) => tags[name] === value);
}
