import { currentRevision, addRevision } from '../release/revisions';
import type { Tags } from '../release/tags';
import { formatTraffic, sameTraffic, trafficProblem, type Traffic } from '../release/traffic';
import { TaskError } from '../task-error';
import { existingEndpoint, getEndpoint, replaceEndpoint, type OnlineEndpoint } from './online-endpoints';
import { whenFree, type OperationWait } from './online-operation';
import type { Workspace } from './workspace';

export interface TrafficChange {
  /** Live traffic as it was when the change was decided. */
  readonly expected: Traffic;
  readonly next: Traffic;
  /** Further tags to set on the endpoint in the same write. */
  readonly tags: Tags;
}

export interface ChangedTraffic {
  readonly endpoint: OnlineEndpoint;
  readonly revision: number;
  readonly previousRevision: number;
}

const verifyTries = 12;
const verifyDelayMilliseconds = 5000;

/**
 * Changes live traffic and records the change as the endpoint's next revision, in one write: reads, compares with what
 * the decision was made on, writes, and reads back until it shows. Mirrored traffic, identity and foreign tags stay.
 * @throws TaskError with expected and found when somebody else has changed the traffic
 */
export async function changeTraffic(
  workspace: Workspace,
  name: string,
  change: TrafficChange,
  wait: OperationWait,
): Promise<ChangedTraffic> {
  const problem = trafficProblem(change.next);
  if (problem) throw new Error(`Traffic of endpoint ${name} not written: ${problem}.`);
  const written = await whenFree(
    name,
    async () => {
      const before = await existingEndpoint(workspace, name);
      checkUnchanged(name, change.expected, before.traffic, 'before the write');
      const { number, tags, recorded } = addRevision(before.tags, change.next);
      if (!recorded) wait.info(`Revision ${number} has too many deployments for a tag: Rollback cannot go back to it.`);
      const body = { traffic: change.next, tags: { ...tags, ...change.tags } };
      const endpoint = await replaceEndpoint(workspace, before, body, wait);
      return { endpoint, revision: number, previousRevision: currentRevision(before.tags) };
    },
    wait,
  );
  return { ...written, endpoint: await verified(workspace, written.endpoint, change, wait) };
}

/** Azure shows a new map only a moment after the operation has ended. */
async function verified(
  workspace: Workspace,
  written: OnlineEndpoint,
  { expected, next }: TrafficChange,
  wait: OperationWait,
): Promise<OnlineEndpoint> {
  let endpoint: OnlineEndpoint | undefined = written;
  for (let tries = 1; ; tries++) {
    const found = endpoint?.traffic ?? {};
    if (endpoint && sameTraffic(found, next)) return endpoint;
    if (!sameTraffic(found, expected) || tries >= verifyTries)
      checkUnchanged(written.name, next, found, 'after the write');
    await wait.clock.sleep(verifyDelayMilliseconds, wait.signal);
    endpoint = await getEndpoint(workspace, written.name);
  }
}

function checkUnchanged(name: string, expected: Traffic, found: Traffic, when: string): void {
  if (sameTraffic(expected, found)) return;
  throw new TaskError(
    `The live traffic of endpoint ${name} is not what it should be ${when}: expected ${formatTraffic(expected)}, found ${formatTraffic(found)}. Somebody else has changed it meanwhile, so this run stops here. Check what they want, then run the task again.`,
    { code: 'GuardianConflict' },
  );
}
