import { runId } from '../../lib/azureml/change-tags';
import { existingEndpoint, replaceEndpoint } from '../../lib/azureml/online-endpoints';
import { whenFree, type OperationWait } from '../../lib/azureml/online-operation';
import type { Workspace } from '../../lib/azureml/workspace';
import { markdownTable } from '../../lib/host/markdown';
import type { Outcome, TaskHost } from '../../lib/host/task-host';
import { describeTarget } from '../../lib/release/rollback-plan';
import { tag, tagValue } from '../../lib/release/tags';
import { formatTraffic, sameTraffic } from '../../lib/release/traffic';
import { TaskError } from '../../lib/task-error';
import type { PlannedRollback } from './plan-rollback';
import { rebuildAll, removeRebuilt } from './rebuild';
import { secondsSince } from './rollback-report';

/**
 * Goes the whole way of a rollback but for the change of live traffic: what would have to be made again is made again, and
 * removed; the endpoint is written with the traffic that it has. So credentials, roles, quota and the time that all of
 * it takes are tried before they are needed.
 * @param started when the task began, in milliseconds
 */
export async function drill(
  workspace: Workspace,
  planned: readonly PlannedRollback[],
  started: number,
  host: TaskHost,
): Promise<Outcome> {
  const wait: OperationWait = { clock: host.clock, signal: host.signal, info: line => host.info(line) };
  host.progress(5, 'Preparing');
  const rebuilt = await rebuildAll(workspace, planned, host, wait);
  try {
    host.progress(60, 'Writing the endpoints');
    const changing = planned.filter(({ plan }) => plan.kind === 'change');
    await Promise.all(changing.map(one => rehearse(workspace, one, started, host, wait)));
    const seconds = secondsSince(started, host);
    host.setOutput('secondsToRestore', String(seconds));
    host.setOutput('endpoints', JSON.stringify({}));
    await host.summary('Rollback drill', summaryOf(planned, seconds));
    return {
      result: 'succeeded',
      message:
        changing.length === 0
          ? 'Drill: there is nothing to roll back'
          : `Drill: live traffic would be back after ${seconds} s; it was not changed`,
    };
  } finally {
    await removeRebuilt(workspace, rebuilt, host, wait);
  }
}

/** The write of a rollback, with the live traffic that is there: another run's change in between is left to it. */
async function rehearse(
  workspace: Workspace,
  { endpoint: { name }, plan }: PlannedRollback,
  started: number,
  host: TaskHost,
  wait: OperationWait,
): Promise<void> {
  if (plan.kind !== 'change') return;
  const written = await whenFree(
    name,
    async () => {
      const now = await existingEndpoint(workspace, name);
      const run = runId(host) ?? '';
      const note = tagValue(`${host.clock.now().toISOString()} ${secondsSince(started, host)} s ${run}`.trim());
      const tags = { ...now.tags, [tag.drill]: note };
      return replaceEndpoint(workspace, now, { traffic: now.traffic, mirror: now.mirrorTraffic, tags }, wait);
    },
    wait,
  );
  if (sameTraffic(written.traffic, plan.from)) {
    host.info(`${name}: written in a drill, live traffic is still ${formatTraffic(plan.from)}`);
    return;
  }
  throw new TaskError(
    `The live traffic of endpoint ${name} changed during the drill: expected ${formatTraffic(plan.from)}, found ${formatTraffic(written.traffic)}. Another run has changed it; the drill left it alone.`,
    { code: 'GuardianConflict' },
  );
}

function summaryOf(planned: readonly PlannedRollback[], seconds: number): string {
  const rows = planned.map(({ endpoint, plan }) => {
    if (plan.kind === 'unchanged') return [endpoint.name, formatTraffic(plan.traffic), 'nothing to do', ''];
    const target = `${describeTarget(plan.target)}: ${formatTraffic(plan.target.traffic)}`;
    return [endpoint.name, formatTraffic(plan.from), target, plan.rebuild.join(', ') || 'no'];
  });
  const table = markdownTable(['Endpoint', 'Live', 'Would go back to', 'Made again'], rows);
  return `Live traffic was not changed. It would be back after ${seconds} s.\n\n${table}`;
}
