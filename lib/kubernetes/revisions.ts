import type { TaskHost } from '../host/task-host';
import { TaskError } from '../task-error';
import type { Cluster } from './cluster';
import { mark, parseRelease, pendingFrom, revisionOf, type ConfigPair } from './config-marks';
import { readConfig } from './config-object';
import { releaseConfigs, type ConfigRelease, type ReleaseRules } from './config-release';
import { listSnapshots, readSnapshot, type Snapshot } from './snapshots';

/** A content that a ConfigMap and its Secret have or had. */
export interface ConfigRevision extends Omit<Snapshot, 'entries'> {
  /** It is what stands there now. */
  readonly current: boolean;
  /** It stands there now, but its consumers were never seen to run with it. */
  readonly pending: boolean;
}

/** Which content is meant: by its own number, or the one that was in force when endpoints were at these release revisions. */
export type RevisionChoice = number | ReadonlyMap<string, number>;

/** Whether it stands there, and its consumers run with it: nothing is left to restore. */
export function isInPlace({ current, pending }: ConfigRevision): boolean {
  return current && !pending;
}

/** What can be gone back to, newest first. Needs the right to list ConfigMaps. */
export async function listRevisions(cluster: Cluster, pair: ConfigPair): Promise<ConfigRevision[]> {
  const { namespace, configMapName, secretName } = pair;
  const [configMap, secret] = await Promise.all([
    readConfig(cluster, { kind: 'ConfigMap', namespace, name: configMapName }),
    readConfig(cluster, { kind: 'Secret', namespace, name: secretName }),
  ]);
  const live = [configMap, secret].sort((a, b) => revisionOf(b) - revisionOf(a))[0] ?? configMap;
  const current: ConfigRevision = {
    revision: revisionOf(live),
    release: parseRelease(live.annotations[mark.release]),
    build: live.annotations[mark.build] ?? '',
    current: true,
    pending: pendingFrom(configMap) !== undefined || pendingFrom(secret) !== undefined,
  };
  const kept = await listSnapshots(cluster, pair);
  return [
    current,
    ...kept.filter(one => one.revision < current.revision).map(one => ({ ...one, current: false, pending: false })),
  ];
}

/**
 * The content that a choice means. Content is written when an endpoint's release changes it, and stays in force for the
 * releases after that: for an endpoint's revision 4, that is the newest content that was written at 4 or before.
 */
export function revisionFor(revisions: readonly ConfigRevision[], choice: RevisionChoice): ConfigRevision | undefined {
  if (typeof choice === 'number') return revisions.find(one => one.revision === choice);
  return revisions
    .filter(({ release }) => [...choice].every(([endpoint, revision]) => (release[endpoint] ?? Infinity) <= revision))
    .sort((a, b) => b.revision - a.revision)[0];
}

/**
 * Brings ConfigMap and Secret back to the content of a revision, restarts their consumers and waits until they run with
 * it. It becomes a new revision, so that there is also a way forward again; content that stands there already is left
 * as it is.
 * @throws TaskError when that revision is not kept (any more), or its consumers do not get ready with it; then, by
 *   `onRolloutFailure`, everything is as before
 */
export async function restoreRevision(
  cluster: Cluster,
  pair: ConfigPair,
  revision: number,
  rules: Pick<ReleaseRules, 'consumers' | 'timeoutMilliseconds' | 'onRolloutFailure' | 'keepSnapshots' | 'whatIf'>,
  host: TaskHost,
): Promise<ConfigRelease> {
  const revisions = await listRevisions(cluster, pair);
  const found = revisionFor(revisions, revision);
  if (found && isInPlace(found)) return { pairs: [], consumers: [], leftOut: [], changed: false };
  const snapshot = found && !found.current ? await readSnapshot(cluster, pair, found.revision) : undefined;
  if (!snapshot) {
    const known = revisions.map(one => one.revision).join(', ');
    throw new TaskError(
      `ConfigMap ${pair.namespace}/${pair.configMapName} has no kept content for revision ${revision}. Kept are the revisions ${known}.`,
      { code: 'GuardianNotFound' },
    );
  }
  const { entries, release, build } = snapshot;
  const wanted = { pair, entries, provenance: { release, build } };
  return releaseConfigs(
    cluster,
    pair.namespace,
    [wanted],
    { ...rules, onConflict: 'force', whenImmutable: 'version', removeUnlisted: true },
    host,
  );
}
