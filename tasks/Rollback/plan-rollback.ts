import { isChangedByThisRun } from '../../lib/azureml/change-tags';
import { checkRecord, readRecord, type DeploymentRecord } from '../../lib/azureml/deployment-record';
import { listDeployments, type OnlineDeployment } from '../../lib/azureml/online-deployments';
import { existingEndpoint, type OnlineEndpoint } from '../../lib/azureml/online-endpoints';
import { pollDelay } from '../../lib/azureml/online-operation';
import type { Workspace } from '../../lib/azureml/workspace';
import type { TaskHost } from '../../lib/host/task-host';
import { inTransition, isHealthy } from '../../lib/release/deployments';
import { currentRevision } from '../../lib/release/revisions';
import {
  describeTarget,
  planRollback,
  rolledBackTo,
  unchanged,
  type EndpointFacts,
  type RecordFacts,
  type RollbackPlan,
  type RollbackTo,
} from '../../lib/release/rollback-plan';
import { tag } from '../../lib/release/tags';
import { formatTraffic } from '../../lib/release/traffic';
import { TaskError } from '../../lib/task-error';
import { askDeployment, questionFor } from './probe';

/** One endpoint with what is to happen to it. */
export interface PlannedRollback {
  readonly endpoint: OnlineEndpoint;
  readonly deployments: readonly OnlineDeployment[];
  readonly plan: Extract<RollbackPlan, { kind: 'change' | 'unchanged' }>;
  /** By name, what the deployments are made of that have to be made again. */
  readonly records: ReadonlyMap<string, DeploymentRecord>;
}

/**
 * Plans and checks every endpoint, without a write.
 * @throws TaskError that lists every endpoint that cannot go back, when there is one: then none does
 */
export async function planAll(
  workspace: Workspace,
  endpoints: ReadonlyMap<string, RollbackTo>,
  host: TaskHost,
): Promise<PlannedRollback[]> {
  const looked = await Promise.allSettled([...endpoints].map(([name, to]) => planOne(workspace, name, to, host)));
  host.signal.throwIfAborted();
  const problems: string[] = [];
  const planned: PlannedRollback[] = [];
  for (const one of looked) {
    if (one.status === 'fulfilled') {
      planned.push(one.value);
      host.info(`${one.value.endpoint.name}: ${planText(one.value.plan)}`);
    } else if (one.reason instanceof TaskError) problems.push(one.reason.message);
    else throw one.reason;
  }
  if (problems.length === 1 && endpoints.size === 1) throw new TaskError(problems.join(''));
  if (problems.length > 0) {
    const lines = problems.map(problem => `- ${problem}`);
    throw new TaskError(`No endpoint was rolled back, because not all of them can be:\n${lines.join('\n')}`);
  }
  return planned;
}

const busyMilliseconds = 15 * 60_000;

async function planOne(workspace: Workspace, name: string, to: RollbackTo, host: TaskHost): Promise<PlannedRollback> {
  const started = host.clock.now().getTime();
  for (let looks = 0; ; looks++) {
    const endpoint = await existingEndpoint(workspace, name);
    const deployments = await listDeployments(workspace, name);
    // What is under way on the endpoint may be this very rollback, by a run that was killed: its end decides the plan.
    const isChanging = inTransition(endpoint);
    const records = recordsOf(workspace, endpoint, deployments);
    const plan = await planWith(workspace, { endpoint, deployments, records }, to, host);
    if (plan.kind === 'refused') throw new TaskError(`Endpoint ${name} ${plan.problem}.`);
    if (!isChanging && plan.kind !== 'busy') {
      const planned = { endpoint, deployments, plan, records };
      await askTargets(workspace, planned, host);
      return planned;
    }
    const what = plan.kind === 'busy' ? `Deployment ${plan.deployment}` : `Endpoint ${name}`;
    const state = plan.kind === 'busy' ? plan.state : endpoint.provisioningState;
    if (host.clock.now().getTime() - started > busyMilliseconds) {
      throw new TaskError(
        `${what} has been in state ${state} for 15 minutes, so ${name} was not rolled back. See in its activity log what runs there, and run the task again when it has ended.`,
        { code: 'GuardianConflict' },
      );
    }
    if (looks === 0) host.info(`${what} is ${state} by another or an earlier run; waiting for it`);
    await host.clock.sleep(pollDelay(looks), host.signal);
  }
}

/** What is recorded of the deployments that are not there to be used. */
function recordsOf(
  workspace: Workspace,
  { tags }: OnlineEndpoint,
  deployments: readonly OnlineDeployment[],
): Map<string, DeploymentRecord> {
  const usable = new Set(deployments.filter(one => isHealthy(one) || inTransition(one)).map(one => one.name));
  const prefix = `${tag.deployment}.`;
  const names = Object.keys(tags)
    .filter(key => key.startsWith(prefix))
    .map(key => key.slice(prefix.length))
    .filter(name => !name.includes('.') && !usable.has(name));
  return new Map(
    names.flatMap(name => {
      const record = readRecord(workspace, tags, name);
      return record ? [[name, record] as const] : [];
    }),
  );
}

/**
 * Plans, checks what the plan would make again, and plans anew with what came of it, until nothing unchecked is in the plan. A refusal tells of
 * everything that is recorded, so that is checked then.
 */
async function planWith(
  workspace: Workspace,
  { endpoint, deployments, records }: Pick<PlannedRollback, 'endpoint' | 'deployments' | 'records'>,
  to: RollbackTo,
  host: TaskHost,
): Promise<RollbackPlan> {
  const facts = new Map(
    [...records].map(([name, { tags }]): [string, RecordFacts] => [
      name,
      { name, model: tags[tag.model] ?? '', problem: undefined, isRejected: false },
    ]),
  );
  const unchecked = new Map(records);
  for (;;) {
    const { traffic: live, tags } = endpoint;
    const plan = planFor({ live, tags, deployments, records: [...facts.values()] }, to, host);
    const wanted = plan.kind === 'change' ? plan.rebuild : plan.kind === 'refused' ? [...unchecked.keys()] : [];
    const open = wanted.filter(name => unchecked.has(name));
    if (open.length === 0) return plan;
    await Promise.all(
      open.map(async name => {
        const [record, fact] = [unchecked.get(name), facts.get(name)];
        unchecked.delete(name);
        if (!record || !fact) return;
        const { problem, rejected } = await checkRecord(workspace, record);
        facts.set(name, { ...fact, problem, isRejected: Boolean(rejected) });
      }),
    );
  }
}

function planFor(facts: EndpointFacts, to: RollbackTo, host: TaskHost): RollbackPlan {
  if (to !== 'previous' || !isChangedByThisRun(facts.tags, 'rollback', host)) return planRollback(facts, to);
  // A retried step must not go back a second time.
  const why = `this pipeline run has rolled it back already (revision ${currentRevision(facts.tags)})`;
  return unchanged(facts, rolledBackTo(facts.tags), why);
}

/** A deployment that Azure calls healthy and that does not answer would only replace one failure by another. */
async function askTargets(workspace: Workspace, { endpoint, plan }: PlannedRollback, host: TaskHost): Promise<void> {
  if (plan.kind !== 'change') return;
  const names = Object.keys(plan.target.traffic).filter(name => !plan.rebuild.includes(name));
  const question = names.length > 0 ? await questionFor(workspace, endpoint, host) : undefined;
  const problems = await Promise.all(names.map(name => askDeployment(question, name, host)));
  const found = problems.filter(problem => problem !== undefined);
  if (found.length === 0) return;
  throw new TaskError(
    `Endpoint ${endpoint.name} cannot go back to ${describeTarget(plan.target)}: ${found.join('; ')}. Look at the deployment's log; name another revision, or remove that deployment, and it is made again from its record.`,
  );
}

function planText(plan: PlannedRollback['plan']): string {
  if (plan.kind === 'unchanged') return `stays at ${formatTraffic(plan.traffic)}: ${plan.why}`;
  const { fromRevision, from, target, rebuild } = plan;
  const again = rebuild.length === 0 ? '' : `, after ${rebuild.join(', ')} has been made again from the record`;
  return `revision ${fromRevision} (${formatTraffic(from)}) -> back to ${describeTarget(target)} (${formatTraffic(target.traffic)})${again}`;
}
