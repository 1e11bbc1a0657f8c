import { changeTags } from '../../lib/azureml/change-tags';
import { lineageOf } from '../../lib/azureml/lineage';
import type { OperationWait } from '../../lib/azureml/online-operation';
import { changeTraffic } from '../../lib/azureml/online-traffic';
import { codeOf } from '../../lib/azureml/service-error';
import type { Workspace } from '../../lib/azureml/workspace';
import type { Outcome, TaskHost } from '../../lib/host/task-host';
import { notBusy } from '../../lib/release/at-work';
import { encodeTraffic } from '../../lib/release/revisions';
import { tag, tagValue } from '../../lib/release/tags';
import { formatTraffic, type Traffic } from '../../lib/release/traffic';
import { TaskError } from '../../lib/task-error';
import { drill } from './drill';
import type { RollbackInputs } from './inputs';
import { markRoles } from './mark-roles';
import { planAll, type PlannedRollback } from './plan-rollback';
import { probe } from './probe';
import { rebuildAll, removeRebuilt } from './rebuild';
import { planConfig, restoreConfig } from './restore-config';
import { report, secondsSince } from './rollback-report';
import { undoAll } from './undo';

/** One endpoint after the run. */
export interface DoneRollback {
  readonly planned: PlannedRollback;
  readonly revision: number;
  readonly from: Traffic;
  readonly traffic: Traffic;
  /** Why, as this run or the one that it finishes was told. */
  readonly reason: string;
  /** Whether there is something of it to mark, record and publish. */
  readonly isNews: boolean;
}

const defaultReason = 'rolled back, no reason given';

/**
 * Puts live traffic back. All endpoints are planned and checked before the first one changes; what has to be made again is
 * made again; then traffic comes back with one write each, all at once, and only after that everything else that a
 * rollback leaves behind is written. When one endpoint cannot change, the others are put back: all go, or none.
 */
export async function rollback(inputs: RollbackInputs, workspace: Workspace, host: TaskHost): Promise<Outcome> {
  const started = host.clock.now().getTime();
  const planned = await planAll(workspace, inputs.endpoints, host);
  const config = inputs.config ? await planConfig(inputs.config, targets(planned), host) : undefined;
  if (inputs.whatIf) return { result: 'succeeded', message: 'What if: nothing was written' };
  if (inputs.drill) return drill(workspace, planned, started, host);

  const reason = tagValue(inputs.reason ?? defaultReason);
  const wait: OperationWait = { clock: host.clock, signal: host.signal, info: line => host.info(line) };
  host.progress(5, 'Preparing');
  const rebuilt = await rebuildAll(workspace, planned, host, wait);
  host.progress(20, 'Moving traffic');
  const done = await changeAll(workspace, planned, rebuilt, reason, host, wait);
  const seconds = secondsSince(started, host);
  host.setOutput('secondsToRestore', String(seconds));

  host.progress(60, 'Verifying');
  const problems = await Promise.all(done.map(one => probeOne(workspace, one, host)));
  host.progress(80, 'Recording');
  for (const one of done) await markRoles(workspace, one, host, wait);
  await report(workspace, done, inputs, host);
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
        : `Rolled back ${changed} of ${done.length} endpoints; live traffic was back after ${seconds} s`,
  };
}

/** The revision whose configuration each endpoint needs; `undefined` for a deployment that no revision names. */
function targets(planned: readonly PlannedRollback[]): ReadonlyMap<string, number> {
  const numbers = planned.map(({ endpoint, plan }) => {
    const number = plan.kind === 'change' ? plan.target.number : plan.backTo;
    if (number !== undefined) return [endpoint.name, number] as const;
    throw new TaskError(
      `No recorded revision of endpoint ${endpoint.name} names the deployment that it goes back to, so the configuration of its time is not known. Leave kubernetesServiceConnection empty to take back the traffic alone.`,
      { code: 'GuardianNotFound' },
    );
  });
  return new Map(numbers);
}

/** Traffic is back: what goes wrong with the question is told with the rest, and keeps nothing from being recorded. */
async function probeOne(workspace: Workspace, done: DoneRollback, host: TaskHost): Promise<string | undefined> {
  try {
    return await probe(workspace, done.planned.endpoint, done.traffic, host);
  } catch (error) {
    host.signal.throwIfAborted();
    const said = error instanceof Error ? error.message : String(error);
    return `Endpoint ${done.planned.endpoint.name} has its traffic back at ${formatTraffic(done.traffic)}, but could not be asked: ${said}`;
  }
}

async function changeAll(
  workspace: Workspace,
  planned: readonly PlannedRollback[],
  rebuilt: readonly PlannedRollback[],
  reason: string,
  host: TaskHost,
  wait: OperationWait,
): Promise<DoneRollback[]> {
  const results = await Promise.allSettled(planned.map(one => changeOne(workspace, one, reason, host, wait)));
  const failures = results.flatMap((result, at) =>
    result.status === 'rejected' ? [{ name: planned[at]?.endpoint.name ?? '', error: result.reason as unknown }] : [],
  );
  const [first] = failures;
  if (!first) return results.flatMap(result => (result.status === 'fulfilled' ? [result.value] : []));
  if (host.signal.aborted) {
    host.info(
      'The rollback was stopped while traffic changed. Run the task again: what is back already stays as it is.',
    );
    throw first.error;
  }
  const said = failures.map(
    ({ name, error }) => `- ${name}: ${error instanceof Error ? error.message : String(error)}`,
  );
  // One that somebody else has changed was not changed by this run.
  const ours = planned.filter((_one, at) => {
    const result = results[at];
    return result?.status === 'fulfilled' || codeOf(result?.reason) !== 'GuardianConflict';
  });
  const undone = await undoAll(workspace, ours, host, wait);
  await removeRebuilt(workspace, rebuilt, host, wait);
  throw new TaskError(
    `No endpoint was rolled back, because not all of them could be:\n${[...said, ...undone].join('\n')}`,
    {
      code: first.error instanceof TaskError ? first.error.errorCode : 'GuardianFailed',
      cause: first.error,
    },
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
  if (plan.kind === 'unchanged') {
    const { revision, traffic, from, replaced } = plan;
    const earlier = endpoint.tags[tag.rollbackReason] ?? reason;
    return { planned, revision, from, traffic, reason: earlier, isNews: replaced.length > 0 };
  }
  const { from, target } = plan;
  const tags = {
    ...changeTags('rollback', host),
    ...notBusy(endpoint.tags),
    [tag.rollbackReason]: reason,
    [tag.rollbackFrom]: tagValue(encodeTraffic(from)),
    [tag.rollbackTo]: target.number === undefined ? encodeTraffic(target.traffic) : String(target.number),
    [tag.rollbackBy]: tagValue(lineageOf(host).requestedFor ?? ''),
  };
  const changed = await changeTraffic(workspace, endpoint.name, { expected: from, next: target.traffic, tags }, wait);
  host.info(`${endpoint.name}: live traffic is ${formatTraffic(target.traffic)} (revision ${changed.revision})`);
  return { planned, revision: changed.revision, from, traffic: changed.endpoint.traffic, reason, isNews: true };
}
