import type { TaskHost } from '../../lib/host/task-host';
import type { Cluster } from '../../lib/kubernetes/cluster';
import { changesOf, diffLine, shown, type ConfigEntry, type KeyChange } from '../../lib/kubernetes/config-change';
import {
  applyConfig,
  readConfig,
  tryApply,
  type ConfigTarget,
  type OwnershipConflict,
  type StoredConfig,
} from '../../lib/kubernetes/config-object';
import type { ConfigContent } from '../../lib/kubernetes/consumers';
import { TaskError } from '../../lib/task-error';

/**
 * On a ConfigMap or Secret from the moment its content changes until its consumers are restarted, so that the next run
 * finishes what a killed run had begun, also for consumers that carry no checksum yet.
 */
const pendingAnnotation = 'guardian-mlops/restart-pending';

/** What one object is to become. */
export interface PlannedWrite {
  readonly target: ConfigTarget;
  readonly entries: readonly ConfigEntry[];
  readonly before: StoredConfig;
  readonly after: ConfigContent;
  readonly changes: readonly KeyChange[];
  readonly conflicts: readonly OwnershipConflict[];
  /** An earlier run changed the content and did not get to the restarts. */
  readonly restartPending: boolean;
}

/**
 * Reads the object and lets the API server check the write without doing it, so that a missing permission, a bad key
 * or a conflict stops the run before the first write.
 * @returns undefined when there is nothing to write and nothing of ours to take away
 */
export async function planWrite(
  cluster: Cluster,
  target: ConfigTarget,
  entries: readonly ConfigEntry[],
): Promise<PlannedWrite | undefined> {
  const before = await readConfig(cluster, target);
  if (entries.length === 0 && before.owned.length === 0) return undefined;
  const changes = changesOf(entries, before.data, before.owned, target.kind);
  const { conflicts } = await tryApply(cluster, target, entries);
  const data = new Map(before.data);
  for (const { key, after } of changes) {
    if (after === undefined) data.delete(key);
    else data.set(key, after);
  }
  return {
    target,
    entries,
    before,
    after: { kind: target.kind, name: target.name, data },
    changes,
    conflicts,
    restartPending: pendingAnnotation in before.annotations,
  };
}

/** @throws TaskError that names owner, field and both values, unless the keys may be taken over */
export function settleConflicts(plans: readonly PlannedWrite[], onConflict: 'fail' | 'force', host: TaskHost): void {
  const lines = plans.flatMap(({ target, entries, before, conflicts }) =>
    conflicts.map(({ key, owner }) => {
      const entry = entries.find(one => one.key === key);
      const secret = target.kind === 'Secret' || entry?.secret === true;
      const theirs = shown(before.data.get(key), secret);
      return `${target.kind} ${target.name}, ${key}: owned by "${owner}"; theirs: ${theirs}; ours: ${shown(entry?.value, secret)}`;
    }),
  );
  if (lines.length === 0) return;
  if (onConflict === 'force') {
    host.warn(`Taking over what others own, as onConflict says:\n${lines.join('\n')}`);
    return;
  }
  throw new TaskError(
    `Somebody else has set ${lines.length === 1 ? 'this key' : 'these keys'} to another value, so nothing was written:\n${lines.join('\n')}\nLeave the key out of the entries, have its owner give it up, or set onConflict to force to take it over.`,
    { code: 'GuardianConflict' },
  );
}

/** Prints what changes, key by key, secret values masked. */
export function printPlan(plan: PlannedWrite, host: TaskHost): void {
  const { target, before, changes } = plan;
  const close = host.group(`${target.kind} ${target.namespace}/${target.name}${before.exists ? '' : ' (new)'}`);
  for (const change of changes) host.foreign(diffLine(change));
  const same = plan.entries.length - changes.filter(change => change.kind !== 'removed').length;
  if (same > 0) host.info(`= ${same} unchanged`);
  const ours = new Set([...before.owned, ...plan.entries.map(entry => entry.key)]);
  const others = [...before.data.keys()].filter(key => !ours.has(key)).length;
  if (others > 0) host.info(`${others} ${others === 1 ? 'key' : 'keys'} of others not touched`);
  close();
}

/** True when the object has to be written: other content, or keys that are right but not ours yet. */
export function needsWrite(plan: PlannedWrite): boolean {
  return plan.changes.length > 0 || plan.entries.some(({ key }) => !plan.before.owned.includes(key));
}

/**
 * Applies one object.
 * @param restartPending sets or clears the mark that restarts are still to come
 */
export async function write(
  cluster: Cluster,
  plan: PlannedWrite,
  options: { force: boolean; restartPending: boolean },
): Promise<void> {
  await applyConfig(cluster, plan.target, plan.entries, {
    force: options.force,
    dryRun: false,
    annotations: options.restartPending ? { [pendingAnnotation]: 'true' } : {},
  });
}
