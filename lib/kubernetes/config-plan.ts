import { createHash } from 'node:crypto';
import type { Cluster } from './cluster';
import { changesOf, entryProblems, sizeProblem, type ConfigEntry, type KeyChange } from './config-change';
import { mark, marksOf, pendingFrom, revisionOf, type ConfigPair } from './config-marks';
import { readConfig, tryApply, type ConfigTarget, type OwnershipConflict, type StoredConfig } from './config-object';
import type { ConfigContent, ConfigKind } from './consumers';

/** What stands with content beside its number. */
export interface Provenance {
  /** Endpoints and their release revisions when it was written. */
  readonly release: Readonly<Record<string, number>>;
  /** The pipeline run; empty when it is not known. */
  readonly build: string;
}

/** What a ConfigMap and its Secret are to hold of ours. */
export interface WantedConfig {
  readonly pair: ConfigPair;
  readonly provenance: Provenance;
  readonly entries: Readonly<Record<ConfigKind, readonly ConfigEntry[]>>;
}

export interface PlanRules {
  /** What to do with keys that somebody else has set to another value: stop, take them over, or leave them alone. */
  readonly onConflict: 'fail' | 'force' | 'skip';
  /** What to do when an object can never change again: stop, or write a new one and have the consumers read that. */
  readonly whenImmutable: 'fail' | 'version';
  /** Whether keys that we wrote earlier and that are no longer wanted go. */
  readonly removeUnlisted: boolean;
}

/** What one object is to become. */
export interface PlannedObject {
  /** By the name that the user knows. */
  readonly base: ConfigTarget;
  /** What is written: the object itself, or a new version of one that is immutable. */
  readonly target: ConfigTarget;
  /** What the consumers read now: the object, or its version of today. */
  readonly current: StoredConfig;
  /** The keys of ours in `current`. */
  readonly owned: readonly string[];
  /** The keys that are to be ours. */
  readonly entries: readonly ConfigEntry[];
  /** What the consumers will read, under the base's name. */
  readonly after: ConfigContent;
  readonly changes: readonly KeyChange[];
  /** Others of our runs may own further keys: none that are not listed here go. */
  readonly shared: boolean;
  /** The content goes into a new immutable object. */
  readonly versioned: boolean;
  readonly conflicts: readonly OwnershipConflict[];
  /** Entries that stand against the conflicts, for messages; those that are left alone are not in `entries`. */
  readonly contested: readonly ConfigEntry[];
}

export interface PlannedPair {
  readonly pair: ConfigPair;
  readonly provenance: Provenance;
  /** The Secret first: an application that restarts on the new ConfigMap must find its keys there. */
  readonly objects: readonly PlannedObject[];
  /** Number of the content once everything is in place. */
  readonly revision: number;
  /** The last revision that its consumers are known to have run with. */
  readonly lastGood: number;
  /** An earlier run wrote the content and did not see its consumers run with it. */
  readonly pending: boolean;
}

/**
 * Reads both objects and lets the API server check the writes without doing them, so that a missing permission, a bad
 * key or a conflict stops the run before the first write.
 */
export async function planPair(cluster: Cluster, wanted: WantedConfig, rules: PlanRules): Promise<PlannedPair> {
  const { pair, entries } = wanted;
  const planned = [
    await planObject(cluster, pair, 'Secret', entries.Secret, rules),
    await planObject(cluster, pair, 'ConfigMap', entries.ConfigMap, rules),
  ];
  const objects = planned.filter(one => one !== undefined);
  const present = Math.max(0, ...objects.map(({ current }) => revisionOf(current)));
  const from = objects.map(({ current }) => pendingFrom(current)).find(one => one !== undefined);
  const changes = objects.some(object => object.changes.length > 0);
  return {
    pair,
    provenance: wanted.provenance,
    objects,
    pending: from !== undefined,
    lastGood: from ?? present,
    revision: from === undefined ? present + (changes ? 1 : 0) : Math.max(present, from + 1),
  };
}

/** @returns undefined when there is nothing to write and nothing of ours to take away */
async function planObject(
  cluster: Cluster,
  pair: ConfigPair,
  kind: ConfigKind,
  given: readonly ConfigEntry[],
  rules: PlanRules,
): Promise<PlannedObject | undefined> {
  const name = kind === 'Secret' ? pair.secretName : pair.configMapName;
  const base: ConfigTarget = { kind, namespace: pair.namespace, name };
  const original = await readConfig(cluster, base);
  const current = await versionOfToday(cluster, base, original);
  const owned = ownKeys(current, base);
  const kept = rules.removeUnlisted ? [] : unlisted(current, owned, given);
  const wanted = [...given, ...kept];
  if (wanted.length === 0 && owned.length === 0) return undefined;
  if (current.immutable) return planVersion(cluster, { base, original, current, owned, entries: wanted });
  const all = contentAfter(base, current, changesOf(wanted, current.data, owned, kind));
  // What cannot be is told in our words, with everything else that cannot.
  const possible = entryProblems(wanted).length === 0 && sizeProblem(all) === undefined;
  const conflicts = possible ? await tryApply(cluster, base, wanted, { annotations: marksOf(current) }) : [];
  const contested = wanted.filter(({ key }) => conflicts.some(conflict => conflict.key === key));
  const skip = rules.onConflict === 'skip' ? contested : [];
  const entries = wanted.filter(entry => !skip.includes(entry));
  const stillOurs = owned.filter(key => !skip.some(entry => entry.key === key));
  const changes = changesOf(entries, current.data, stillOurs, kind);
  return {
    ...{ base, target: base, current, owned: stillOurs, entries, changes, conflicts, contested, versioned: false },
    shared: !rules.removeUnlisted,
    after: contentAfter(base, current, changes),
  };
}

/** True when the object has to be written: other content, or keys that are right but not ours yet. */
export function needsWrite({ changes, entries, owned, versioned }: PlannedObject): boolean {
  return changes.length > 0 || (!versioned && entries.some(({ key }) => !owned.includes(key)));
}

/** Keys that are in the way of a restart: those that we take over from others, with what they hold. */
export function takenOver({ entries, owned, current }: PlannedObject): ConfigEntry[] {
  return entries.flatMap(({ key, secret }) => {
    const value = current.data.get(key);
    return value === undefined || owned.includes(key) ? [] : [{ key, value, secret }];
  });
}

async function planVersion(
  cluster: Cluster,
  o: {
    base: ConfigTarget;
    original: StoredConfig;
    current: StoredConfig;
    owned: readonly string[];
    entries: readonly ConfigEntry[];
  },
): Promise<PlannedObject> {
  const { base, original, current, owned, entries } = o;
  const changes = changesOf(entries, current.data, owned, base.kind);
  const after = contentAfter(base, current, changes);
  const target = changes.length === 0 ? { ...base, name: current.name } : versionFor(base, original, after);
  if (changes.length > 0 && target.name !== base.name && sizeProblem(after) === undefined) {
    await tryApply(cluster, target, entriesOf(after), { immutable: true, force: true });
  }
  return {
    ...{ base, target, current, owned, entries, changes, after },
    ...{ versioned: true, shared: false, conflicts: [], contested: [] },
  };
}

/** An immutable object is followed by others that are named for their content, so that the same content has one name. */
function versionFor(base: ConfigTarget, original: StoredConfig, after: ConfigContent): ConfigTarget {
  const hash = contentHash(after.data);
  return hash === contentHash(original.data) ? base : { ...base, name: `${base.name}-${hash}` };
}

export function contentHash(data: ReadonlyMap<string, string>): string {
  const sorted = [...data].sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256').update(JSON.stringify(sorted)).digest('hex').slice(0, 8);
}

export function entriesOf({ data, kind }: ConfigContent): ConfigEntry[] {
  return [...data].map(([key, value]) => ({ key, value, secret: kind === 'Secret' }));
}

async function versionOfToday(cluster: Cluster, base: ConfigTarget, original: StoredConfig): Promise<StoredConfig> {
  const name = original.annotations[mark.currentVersion];
  if (!original.immutable || !name) return original;
  const version = await readConfig(cluster, { ...base, name });
  return version.exists ? version : original;
}

/** Of a version we own everything, because we copied everything: which keys are really ours stands on it. */
function ownKeys(current: StoredConfig, base: ConfigTarget): readonly string[] {
  if (current.name === base.name) return current.owned;
  const keys = JSON.parse(current.annotations[mark.keys] ?? '[]') as unknown;
  return Array.isArray(keys) ? keys.map(String) : [];
}

function unlisted(current: StoredConfig, owned: readonly string[], given: readonly ConfigEntry[]): ConfigEntry[] {
  return owned.flatMap(key => {
    const value = current.data.get(key);
    const listed = given.some(entry => entry.key === key);
    return listed || value === undefined ? [] : [{ key, value, secret: current.kind === 'Secret' }];
  });
}

function contentAfter(base: ConfigTarget, current: StoredConfig, changes: readonly KeyChange[]): ConfigContent {
  const data = new Map(current.data);
  for (const { key, after } of changes) {
    if (after === undefined) data.delete(key);
    else data.set(key, after);
  }
  return { kind: base.kind, name: base.name, data };
}
