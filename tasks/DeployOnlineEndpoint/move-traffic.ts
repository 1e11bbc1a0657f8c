import { changeTags, runId } from '../../lib/azureml/change-tags';
import { getEndpoint, replaceEndpoint, type OnlineEndpoint } from '../../lib/azureml/online-endpoints';
import type { OperationWait } from '../../lib/azureml/online-operation';
import { changeTraffic, type ChangedTraffic } from '../../lib/azureml/online-traffic';
import { openWorkspace, type Workspace } from '../../lib/azureml/workspace';
import { tagBuild } from '../../lib/devops/build-tags';
import type { TaskHost } from '../../lib/host/task-host';
import { busyTag, notBusy } from '../../lib/release/at-work';
import { currentRevision } from '../../lib/release/revisions';
import { formatTraffic, sameTraffic, type Traffic } from '../../lib/release/traffic';
import { reportMove } from './deploy-report';
import type { Target } from './inputs';

export interface Move {
  /** The endpoint as it was when the move was decided. */
  readonly endpoint: OnlineEndpoint;
  readonly live: Traffic;
  readonly next: Traffic;
  /** Who gets copies of the requests; undefined: as before. */
  readonly mirror?: Traffic;
  /** Until when this run means to watch what comes of it: other runs then know that it is at work. */
  readonly watchUntil?: Date;
}

/** Changes live traffic when it differs; when the pipeline cancels in the middle of it, puts it back. */
export async function moveTraffic(
  target: Target,
  workspace: Workspace,
  { endpoint, live, next, mirror, watchUntil }: Move,
  action: string,
  host: TaskHost,
  wait: OperationWait,
): Promise<ChangedTraffic> {
  if (sameTraffic(live, next) && (mirror === undefined || sameTraffic(endpoint.mirrorTraffic, mirror))) {
    const revision = currentRevision(endpoint.tags);
    host.info(`Live traffic stays ${formatTraffic(live)} (revision ${revision})`);
    return { endpoint, revision, previousRevision: revision };
  }
  const watched = watchUntil ? busyTag(runId(host) ?? '', watchUntil) : notBusy(endpoint.tags);
  const change = { expected: live, next, mirror, tags: { ...changeTags(action, host), ...watched } };
  try {
    const changed = await changeTraffic(workspace, endpoint.name, change, wait);
    host.info(`Live traffic is ${formatTraffic(next)} (revision ${changed.revision})`);
    if (mirror !== undefined) host.info(`Copies of requests go to: ${formatTraffic(changed.endpoint.mirrorTraffic)}`);
    if (!sameTraffic(live, next)) {
      await tagBuild([`${endpoint.name}-r${changed.revision}`], host);
      await reportMove({ endpoint: endpoint.name, before: live, after: next, revision: changed.revision }, host);
    }
    return changed;
  } catch (error) {
    if (host.signal.aborted)
      host.info(await putBack(target, { endpoint, live, next, ...(mirror ? { mirror } : {}) }, host));
    throw error;
  }
}

/** The agent kills a cancelled task 10 s after the first signal; something must be left for the last words. */
const putBackMilliseconds = 6000;
const lookMilliseconds = 500;

/** Undoes a traffic change that may or may not have been accepted, as far as the time allows. @returns what came of it */
export async function putBack(target: Target, { endpoint, live, next, mirror }: Move, host: TaskHost): Promise<string> {
  const signal = AbortSignal.timeout(putBackMilliseconds);
  const wait: OperationWait = { clock: host.clock, signal, info: line => host.info(line) };
  try {
    const workspace = await openWorkspace(target.connection, target, { ...host, signal });
    while (true) {
      const now = await getEndpoint(workspace, endpoint.name);
      const settled = now?.provisioningState.toLowerCase() === 'succeeded';
      const isAsBefore =
        sameTraffic(now?.traffic ?? {}, live) &&
        (mirror === undefined || sameTraffic(now?.mirrorTraffic ?? {}, endpoint.mirrorTraffic));
      if (now && settled && isAsBefore) return `Live traffic is as before: ${formatTraffic(live)}.`;
      if (now && settled && !sameTraffic(now.traffic, next)) {
        return `Live traffic is ${formatTraffic(now.traffic)}, which somebody else has set meanwhile.`;
      }
      if (now && settled) {
        await replaceEndpoint(
          workspace,
          now,
          { traffic: live, mirror: endpoint.mirrorTraffic, tags: { ...endpoint.tags, ...notBusy(endpoint.tags) } },
          wait,
        );
        return `Live traffic was put back to ${formatTraffic(live)}.`;
      }
      await host.clock.sleep(lookMilliseconds, signal);
    }
  } catch {
    return `The change of ${endpoint.name} from ${formatTraffic(live)} to ${formatTraffic(next)} was under way and could not be put back in time: look which of them it has now. A run with the same content goes on from either; Rollback goes back.`;
  }
}
