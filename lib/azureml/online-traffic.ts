import { addRevision, currentRevision, withRecords } from '../release/revisions';
import type { Tags } from '../release/tags';
import { formatTraffic, mirrorBeside, sameTraffic, trafficProblem, type Traffic } from '../release/traffic';
import { TaskError } from '../task-error';
import { deploymentRecords } from './deployment-record';
import { existingEndpoint, getEndpoint, replaceEndpoint, type OnlineEndpoint } from './online-endpoints';
import { whenFree, type OperationWait } from './online-operation';
import type { Workspace } from './workspace';

export interface TrafficChange {
  /** Live traffic as it was when the change was decided. */
  readonly expected: Traffic;
  readonly next: Traffic;
  /** Who gets copies of the requests; undefined: as before. Who gets live traffic gets none. */
  readonly mirror?: Traffic | undefined;
  /** Further tags to set on the endpoint in the same write. */
  readonly tags: Tags;
}

export interface ChangedTraffic {
  readonly endpoint: OnlineEndpoint;
  readonly revision: number;
  readonly previousRevision: number;
}

/** Somebody else has changed the traffic since the change was decided, and nothing of the change was written. */
export class TrafficConflict extends TaskError {}

const verifyTries = 12;
const verifyDelayMilliseconds = 5000;

/**
 * Changes live traffic and records the change as the endpoint's next revision, in one write: reads, compares with what
 * the decision was made on, writes, and reads back until it shows. Identity and foreign tags stay. A change of mirrored traffic alone is no revision.
 * @throws TrafficConflict with expected and found when somebody else has changed the traffic before, TaskError when after the write
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
      const [before, records] = await Promise.all([
        existingEndpoint(workspace, name),
        deploymentRecords(workspace, name, Object.keys(change.next)),
      ]);
      const revision = currentRevision(before.tags);
      // A write of ours that was accepted though its answer was lost, or another run that wanted the same.
      if (isMade(before, change)) return { endpoint: before, revision, previousRevision: Math.max(0, revision - 1) };
      checkUnchanged(name, change.expected, before.traffic, 'before the write');
      const { number, tags, recorded } = sameTraffic(before.traffic, change.next)
        ? { number: revision, tags: before.tags, recorded: true }
        : addRevision(before.tags, change.next);
      if (!recorded) wait.info(`Revision ${number} has too many deployments for a tag: Rollback cannot go back to it.`);
      const mirror = mirrorBeside(change.next, change.mirror ?? before.mirrorTraffic);
      const body = { traffic: change.next, mirror, tags: withRecords({ ...tags, ...change.tags }, records) };
      const endpoint = await replaceEndpoint(workspace, before, body, wait);
      return { endpoint, revision: number, previousRevision: revision };
    },
    wait,
  );
  return { ...written, endpoint: await verified(workspace, written.endpoint, change, wait) };
}

/** Whether the endpoint has what is wanted already, and says that this same change was what it got last. */
function isMade({ tags, traffic }: OnlineEndpoint, change: TrafficChange): boolean {
  const wanted = Object.entries(change.tags);
  const isLast = wanted.length > 0 && wanted.every(([name, value]) => (tags[name] ?? '') === value);
  return isLast && sameTraffic(traffic, change.next) && !sameTraffic(change.expected, change.next);
}

/** Azure shows a new map only a moment after the operation has ended. */
async function verified(
  workspace: Workspace,
  written: OnlineEndpoint,
  { expected, next, mirror }: TrafficChange,
  wait: OperationWait,
): Promise<OnlineEndpoint> {
  let endpoint: OnlineEndpoint | undefined = written;
  for (let tries = 1; ; tries++) {
    const found = endpoint?.traffic ?? {};
    const copies = endpoint?.mirrorTraffic ?? {};
    const wantedCopies = mirror === undefined ? copies : mirrorBeside(next, mirror);
    if (endpoint && sameTraffic(found, next) && sameTraffic(copies, wantedCopies)) return endpoint;
    if (!sameTraffic(found, expected) || tries >= verifyTries)
      checkUnchanged(written.name, next, found, 'after the write');
    if (tries >= verifyTries) checkUnchanged(written.name, wantedCopies, copies, 'after the write', 'mirrored');
    await wait.clock.sleep(verifyDelayMilliseconds, wait.signal);
    endpoint = await getEndpoint(workspace, written.name);
  }
}

function checkUnchanged(
  name: string,
  expected: Traffic,
  found: Traffic,
  when: 'before the write' | 'after the write',
  which: 'live' | 'mirrored' = 'live',
): void {
  if (sameTraffic(expected, found)) return;
  const Conflict = when === 'before the write' ? TrafficConflict : TaskError;
  throw new Conflict(
    `The ${which} traffic of endpoint ${name} is not what it should be ${when}: expected ${formatTraffic(expected)}, found ${formatTraffic(found)}. Somebody else has changed it meanwhile, so this run stops here. Check what they want, then run the task again.`,
    { code: 'GuardianConflict' },
  );
}
