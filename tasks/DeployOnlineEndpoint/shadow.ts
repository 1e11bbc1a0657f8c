import type { OnlineEndpoint } from '../../lib/azureml/online-endpoints';
import type { OperationWait } from '../../lib/azureml/online-operation';
import type { ChangedTraffic } from '../../lib/azureml/online-traffic';
import type { Workspace } from '../../lib/azureml/workspace';
import { attempt } from '../../lib/host/attempt';
import type { TaskHost } from '../../lib/host/task-host';
import { openGates } from '../../lib/release/gate-report';
import type { Traffic } from '../../lib/release/traffic';
import { TaskError } from '../../lib/task-error';
import { conclude, isGolden, type Judged } from './analysis';
import { watchedUntil } from './bake';
import type { DeployInputs } from './inputs';
import { moveTraffic } from './move-traffic';
import { watchStep } from './watch-step';

export interface Shadowing {
  readonly changed: ChangedTraffic;
  readonly judged: Judged;
  readonly isPaused: boolean;
}

/**
 * Sends the candidate copies of the live requests, whose answers nobody waits for, and judges it by them when there is something to judge.
 * A candidate that does not pass gets no more copies. One that passes, or is in doubt, goes on until it is promoted or aborted.
 */
export async function shadow(
  inputs: DeployInputs,
  workspace: Workspace,
  place: { endpoint: OnlineEndpoint; live: Traffic; next: Traffic; candidate: string; champion: string },
  host: TaskHost,
  wait: OperationWait,
): Promise<Shadowing> {
  const { endpoint, live, next, candidate, champion } = place;
  const { analysis, bakeMinutes } = inputs.rollout;
  const mirror = { [candidate]: inputs.mirrorPercent };
  const isWatched = !analysis.gates.every(isGolden);
  const watch = isWatched ? { watchUntil: watchedUntil(bakeMinutes, host) } : {};
  const changed = await moveTraffic(
    inputs,
    workspace,
    { endpoint, live, next, mirror, ...watch },
    'deploy',
    host,
    wait,
  );
  if (!isWatched) {
    return { changed, judged: { gates: [], sample: undefined }, isPaused: false };
  }
  const since = host.clock.now();
  try {
    const at = `copies of ${inputs.mirrorPercent} %`;
    const place = { endpoint: endpoint.name, candidate, champion, since, at };
    const judged = await watchStep(workspace, analysis, place, bakeMinutes, host);
    const { gates } = judged;
    const verdict = conclude(gates, analysis, host);
    if (verdict !== 'fail') return { changed, judged, isPaused: verdict === 'inconclusive' };
    throw new TaskError(
      `${candidate} did not pass on copies of ${inputs.mirrorPercent} % of the requests to ${endpoint.name}:\n${openGates(gates)}`,
      { code: 'GuardianGateFailed' },
    );
  } catch (error) {
    if (host.signal.aborted) {
      host.info(`${candidate} goes on getting copies of the requests: action: promote or action: abort ends that.`);
      throw error;
    }
    const move = { endpoint: changed.endpoint, live: next, next, mirror: {} };
    // The reason is the news; that the copies could not be ended is told beside it.
    await attempt(host, async () => {
      await moveTraffic(inputs, workspace, move, 'rollback', host, wait);
    });
    throw error;
  }
}
