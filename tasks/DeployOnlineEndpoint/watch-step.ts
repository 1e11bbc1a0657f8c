import type { Workspace } from '../../lib/azureml/workspace';
import type { TaskHost } from '../../lib/host/task-host';
import { judgeTraffic, type Analysis, type Judged } from './analysis';
import { bake } from './bake';

/** Azure Monitor shows a new number a minute. */
const lookMinutes = 1;
/** One bad minute may be chance; waiting for the end of a long step would not be. */
const badLooks = 2;

/**
 * Waits while a step gathers requests and judges it by them at the end. A step that a gate fails at two looks in a row, a minute apart, is
 * judged at once; `requests`, which only grows, counts at the end alone.
 */
export async function watchStep(
  workspace: Workspace,
  analysis: Analysis,
  place: Parameters<typeof judgeTraffic>[2],
  minutes: number,
  host: TaskHost,
): Promise<Judged> {
  const ends = host.clock.now().getTime() + minutes * 60_000;
  for (let bad = 0; ;) {
    const left = (ends - host.clock.now().getTime()) / 60_000;
    if (left <= lookMinutes || analysis.dryRun) {
      await bake(left, host);
      return judgeTraffic(workspace, analysis, place, host);
    }
    await bake(lookMinutes, host);
    const judged = await look(workspace, analysis, place, host);
    if (!judged) continue;
    bad = isBad(judged) ? bad + 1 : 0;
    if (bad === badLooks) return judged;
  }
}

function isBad({ gates }: Judged): boolean {
  return gates.some(({ gate, verdict }) => verdict === 'fail' && gate.metric !== 'requests');
}

/** Undefined when nothing could be read: the look at the end counts, and what cannot be measured then fails the step. */
async function look(
  workspace: Workspace,
  analysis: Analysis,
  place: Parameters<typeof judgeTraffic>[2],
  host: TaskHost,
): Promise<Judged | undefined> {
  try {
    return await judgeTraffic(workspace, analysis, place, host);
  } catch (error) {
    host.signal.throwIfAborted();
    host.debug(error instanceof Error ? error.message : String(error));
    return undefined;
  }
}
