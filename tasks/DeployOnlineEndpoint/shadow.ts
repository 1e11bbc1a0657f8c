import type { OnlineEndpoint } from '../../lib/azureml/online-endpoints';
import type { OperationWait } from '../../lib/azureml/online-operation';
import type { ChangedTraffic } from '../../lib/azureml/online-traffic';
import type { Workspace } from '../../lib/azureml/workspace';
import type { TaskHost } from '../../lib/host/task-host';
import { openGates } from '../../lib/release/gate-report';
import type { GateResult } from '../../lib/release/gates';
import type { Traffic } from '../../lib/release/traffic';
import { TaskError } from '../../lib/task-error';
import { conclude, isGolden, judgeTraffic } from './analysis';
import { bake } from './bake';
import type { DeployInputs } from './inputs';
import { moveTraffic } from './move-traffic';

export interface Shadowing {
  readonly changed: ChangedTraffic;
  readonly gates: readonly GateResult[];
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
  const changed = await moveTraffic(inputs, workspace, { endpoint, live, next, mirror }, 'deploy', host, wait);
  if (analysis.gates.every(isGolden)) return { changed, gates: [], isPaused: false };
  const since = host.clock.now();
  try {
    await bake(bakeMinutes, host);
    const gates = await judgeTraffic(
      workspace,
      analysis,
      { endpoint: endpoint.name, candidate, champion, since },
      host,
    );
    const verdict = conclude(gates, analysis, host);
    if (verdict !== 'fail') return { changed, gates, isPaused: verdict === 'inconclusive' };
    throw new TaskError(
      `${candidate} did not pass on copies of ${inputs.mirrorPercent} % of the requests to ${endpoint.name}:\n${openGates(gates)}`,
      { code: 'GuardianGateFailed' },
    );
  } catch (error) {
    if (host.signal.aborted) {
      host.info(`${candidate} goes on getting copies of the requests: action: promote or action: abort ends that.`);
      throw error;
    }
    await moveTraffic(
      inputs,
      workspace,
      { endpoint: changed.endpoint, live: next, next, mirror: {} },
      'rollback',
      host,
      wait,
    );
    throw error;
  }
}
