import { changeTags, isLatestChange } from '../../lib/azureml/change-tags';
import { getEndpoint } from '../../lib/azureml/online-endpoints';
import type { OperationWait } from '../../lib/azureml/online-operation';
import { changeTraffic } from '../../lib/azureml/online-traffic';
import type { Workspace } from '../../lib/azureml/workspace';
import type { TaskHost } from '../../lib/host/task-host';
import { formatTraffic, sameTraffic } from '../../lib/release/traffic';
import type { PlannedRollback } from './plan-rollback';

/**
 * Puts the live traffic of every endpoint that this run has changed back to where it came from: all go back, or none.
 * What another run has set meanwhile stays, also when it is the same.
 * @returns a line for each endpoint that was changed, with what it has now
 */
export async function undoAll(
  workspace: Workspace,
  planned: readonly PlannedRollback[],
  host: TaskHost,
  wait: OperationWait,
): Promise<string[]> {
  const lines = await Promise.all(planned.map(one => undo(workspace, one, host, wait)));
  return lines.filter(line => line !== undefined);
}

async function undo(
  workspace: Workspace,
  { endpoint: { name }, plan }: PlannedRollback,
  host: TaskHost,
  wait: OperationWait,
): Promise<string | undefined> {
  if (plan.kind !== 'change') return undefined;
  const { from, target } = plan;
  try {
    const now = await getEndpoint(workspace, name);
    if (!now || !isLatestChange(now.tags, 'rollback', host) || !sameTraffic(now.traffic, target.traffic))
      return undefined;
    const tags = changeTags('rollback-undone', host);
    await changeTraffic(workspace, name, { expected: target.traffic, next: from, tags }, wait);
    return `- ${name}: was back at ${formatTraffic(target.traffic)} and is at ${formatTraffic(from)} again`;
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    return `- ${name}: is back at ${formatTraffic(target.traffic)}, and could not be put to ${formatTraffic(from)} again: ${said}`;
  }
}
