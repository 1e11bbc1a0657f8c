import { runId } from '../../lib/azureml/change-tags';
import { pollDelay } from '../../lib/azureml/online-operation';
import { TrafficConflict } from '../../lib/azureml/online-traffic';
import type { Workspace } from '../../lib/azureml/workspace';
import type { TaskHost } from '../../lib/host/task-host';
import { atWork, type AtWork } from '../../lib/release/at-work';
import { TaskError } from '../../lib/task-error';
import { readState, type EndpointState } from './endpoint-state';
import type { DeployInputs } from './inputs';
import type { Preflight } from './preflight';

/**
 * Does the work when no other run is at work on the endpoint. By choice it waits for its turn, and takes a change that came before its own first one for
 * the end of that run: then it looks again at everything and decides anew.
 * @throws TaskError GuardianConflict when another run is at work, or still is after the time limit
 */
export async function inTurn<T>(
  inputs: DeployInputs,
  workspace: Workspace,
  look: () => Promise<Preflight>,
  work: (found: Preflight) => Promise<T>,
  host: TaskHost,
): Promise<T> {
  const { whenBusy } = inputs;
  if (whenBusy.kind === 'refuse') {
    const found = await look();
    const other = holderOf(found.state, found.plan.name, host);
    if (other?.kind !== 'rollout') return work(found);
    if (!inputs.whatIf)
      throw busy(inputs, other, 'Set whenBusy to wait to wait for it, or run action: abort to end it');
    host.info(`${describe(other)}: without whatIf this run would refuse`);
    return work(found);
  }
  const limit = host.clock.now().getTime() + whenBusy.minutes * 60_000;
  for (let tries = 0; ; tries++) {
    let found = await look();
    if (!inputs.whatIf && (await waitForTurn(inputs, workspace, found, limit, host))) found = await look();
    try {
      return await work(found);
    } catch (error) {
      const conflict = conflictIn(error);
      if (!conflict || host.signal.aborted || host.clock.now().getTime() >= limit) throw error;
      host.info(`${conflict.message}\nwhenBusy is wait: looking again at what is there now`);
      await host.clock.sleep(pollDelay(tries), host.signal);
    }
  }
}

/** What kept a run from its first change of traffic, when that was another run's. */
function conflictIn(error: unknown): TrafficConflict | undefined {
  for (let one = error; one instanceof Error; one = one.cause) if (one instanceof TrafficConflict) return one;
  return undefined;
}

/** @returns whether it had to wait */
async function waitForTurn(
  inputs: DeployInputs,
  workspace: Workspace,
  { state, plan }: Preflight,
  limit: number,
  host: TaskHost,
): Promise<boolean> {
  let told = '';
  for (let now = state, looks = 0; ; now = await readState(workspace, inputs.endpointName)) {
    const other = holderOf(now, plan.name, host);
    if (!other) return told !== '';
    if (host.clock.now().getTime() >= limit) {
      const next = 'See whether it is still at work; action: abort ends it';
      throw busy(inputs, other, next);
    }
    if (describe(other) !== told) {
      told = describe(other);
      host.info(`${told}; waiting for it until ${new Date(limit).toISOString()} at the latest`);
    }
    await host.clock.sleep(pollDelay(looks++), host.signal);
  }
}

function holderOf(state: EndpointState, planned: string, host: TaskHost): AtWork | undefined {
  const run = runId(host) ?? '';
  const { endpoint, deployments, live } = state;
  return endpoint && atWork({ tags: endpoint.tags, live, deployments }, { run, planned, now: host.clock.now() });
}

function describe(other: AtWork): string {
  return other.kind === 'rollout'
    ? `Run ${other.run} is at work on the endpoint: its rollout was to go on until ${other.until.toISOString()}`
    : `Run ${other.run} is at work on the endpoint: its deployment ${other.deployment} is ${other.state} and has no traffic yet`;
}

function busy({ endpointName }: DeployInputs, other: AtWork, next: string): TaskError {
  return new TaskError(`Endpoint ${endpointName} was left alone. ${describe(other)}. ${next}.`, {
    code: 'GuardianConflict',
  });
}
