import type { OnlineEndpoint } from '../../lib/azureml/online-endpoints';
import type { OperationWait } from '../../lib/azureml/online-operation';
import { TrafficConflict, type ChangedTraffic } from '../../lib/azureml/online-traffic';
import type { Workspace } from '../../lib/azureml/workspace';
import type { TaskHost } from '../../lib/host/task-host';
import { openGates } from '../../lib/release/gate-report';
import { remainingSteps } from '../../lib/release/rollout-steps';
import { allTo, formatTraffic, shareOf, without, withShare, type Traffic } from '../../lib/release/traffic';
import { TaskError } from '../../lib/task-error';
import { conclude, type Judged } from './analysis';
import { watchedUntil } from './bake';
import { reportSteps } from './deploy-report';
import type { DeployInputs } from './inputs';
import { moveTraffic, putBack } from './move-traffic';
import { watchStep } from './watch-step';

export interface RollOut {
  readonly changed: ChangedTraffic;
  readonly steps: readonly RollOutStep[];
  readonly outcome: 'done' | 'paused';
}

export interface RollOutStep extends Judged {
  readonly percent: number;
}

interface Place {
  readonly endpoint: OnlineEndpoint;
  readonly live: Traffic;
  /** Who gets copies of requests from now on. */
  readonly mirror: Traffic;
  readonly candidate: string;
  readonly champion: string;
}

/**
 * Gives the candidate its traffic step by step, and after each step waits and judges. A step that fails sends the traffic back to who
 * had it before, and so does a cancellation; one that is in doubt may stop the rollout where it is.
 */
export async function rollOut(
  inputs: DeployInputs,
  workspace: Workspace,
  { endpoint, live, mirror, candidate, champion }: Place,
  host: TaskHost,
  wait: OperationWait,
): Promise<RollOut> {
  const { steps, bakeMinutes, analysis } = inputs.rollout;
  // A run that was stopped half way left the candidate with a share: the way back is without it.
  const before = without(live, [candidate]) ?? allTo(champion);
  const done: RollOutStep[] = [];
  const left = remainingSteps(steps, shareOf(live, candidate));
  let changed: ChangedTraffic | undefined;
  let now = live;
  for (const [index, percent] of left.entries()) {
    const next = percent === 100 ? allTo(candidate) : withShare(now, candidate, percent);
    host.progress(80 + Math.round((15 * index) / left.length), `${candidate}: ${percent} %`);
    const at: OnlineEndpoint = changed?.endpoint ?? endpoint;
    const watchUntil = watchedUntil(bakeMinutes, host);
    const move = { endpoint: at, live: now, next, mirror, watchUntil };
    try {
      changed = await moveTraffic(inputs, workspace, move, 'deploy', host, wait);
    } catch (error) {
      // After a step of ours a foreign change is meant for this rollout, such as a rollback: nobody is to begin it again.
      throw changed && error instanceof TrafficConflict
        ? new TaskError(error.message, { code: error.errorCode })
        : error;
    }
    now = next;
    const since = host.clock.now();
    let judged: Judged;
    try {
      const place = { endpoint: endpoint.name, candidate, champion, since, at: `${percent} %` };
      judged = await watchStep(workspace, analysis, place, bakeMinutes, host);
    } catch (error) {
      if (host.signal.aborted) {
        host.info(await putBack(inputs, { endpoint: changed.endpoint, live: before, next: now }, host));
        throw error;
      }
      // What cannot be measured cannot be trusted with traffic.
      throw await goBack(inputs, workspace, changed.endpoint, now, before, error, host, wait);
    }
    done.push({ percent, ...judged });
    const { gates } = judged;
    const verdict = conclude(gates, analysis, host);
    if (verdict === 'fail') {
      const reason = new TaskError(
        `${candidate} did not pass at ${percent} % of the traffic of ${endpoint.name}:\n${openGates(gates)}`,
        { code: 'GuardianGateFailed' },
      );
      const failure = await goBack(inputs, workspace, changed.endpoint, now, before, reason, host, wait);
      await reportSteps({ endpoint: endpoint.name, candidate }, done, inputs, host);
      throw failure;
    }
    if (verdict === 'inconclusive') {
      await reportSteps({ endpoint: endpoint.name, candidate }, done, inputs, host);
      return { changed, steps: done, outcome: 'paused' };
    }
  }
  await reportSteps({ endpoint: endpoint.name, candidate }, done, inputs, host);
  // All of it was there already: only the roles are left to settle.
  changed ??= await moveTraffic(
    inputs,
    workspace,
    { endpoint, live, next: allTo(candidate), mirror },
    'deploy',
    host,
    wait,
  );
  return { changed, steps: done, outcome: 'done' };
}

/** Sends the traffic back. @returns the error to fail with, which says so */
async function goBack(
  inputs: DeployInputs,
  workspace: Workspace,
  endpoint: OnlineEndpoint,
  live: Traffic,
  before: Traffic,
  reason: unknown,
  host: TaskHost,
  wait: OperationWait,
): Promise<TaskError> {
  const failure = reason instanceof Error ? reason : new Error(String(reason));
  const code = failure instanceof TaskError ? failure.errorCode : 'GuardianFailed';
  try {
    await moveTraffic(inputs, workspace, { endpoint, live, next: before }, 'rollback', host, wait);
    return new TaskError(`${failure.message}\nLive traffic is back: ${formatTraffic(before)}.`, {
      code,
      cause: reason,
    });
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    return new TaskError(
      `${failure.message}\nLive traffic could not be put back to ${formatTraffic(before)}: ${problem} Run the Rollback task now.`,
      { code, cause: reason },
    );
  }
}
