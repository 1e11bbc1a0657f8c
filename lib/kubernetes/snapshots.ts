import type { Cluster } from './cluster';
import type { ConfigEntry } from './config-change';
import { labelValue, managedBy, mark, parseRelease, revisionOf, type ConfigPair } from './config-marks';
import { applyConfig, deleteConfig, listConfigMaps, readConfig, type StoredConfig } from './config-object';
import type { ConfigKind } from './consumers';

/**
 * A snapshot keeps what our keys of a ConfigMap and its Secret held at a revision, in a ConfigMap and a Secret named
 * `<name>.r<revision>`: values that are secret stay in a Secret. It is made before the content changes, so that there is
 * always a way back, also for the run after one that was killed.
 */
export interface Snapshot {
  readonly revision: number;
  /** Endpoints and their release revisions when this content was written. */
  readonly release: Readonly<Record<string, number>>;
  /** The pipeline run that wrote this content; empty when it is not known. */
  readonly build: string;
  readonly entries: Readonly<Record<ConfigKind, readonly ConfigEntry[]>>;
}

export function snapshotName(name: string, revision: number): string {
  return `${name}.r${revision}`;
}

/** Keeps a revision's content. Written again with the same content nothing changes. */
export async function writeSnapshot(
  cluster: Cluster,
  pair: ConfigPair,
  kind: ConfigKind,
  revision: number,
  entries: readonly Pick<ConfigEntry, 'key' | 'value'>[],
  of: Pick<StoredConfig, 'annotations'>,
): Promise<void> {
  const { release, build } = mark;
  const kept = Object.entries(of.annotations).filter(([name]) => name === release || name === build);
  await applyConfig(cluster, targetOf(pair, kind, revision), entries, {
    force: true,
    dryRun: false,
    labels: { ...managedBy, [mark.snapshotOf]: labelValue(pair.configMapName) },
    annotations: { [mark.revision]: String(revision), ...Object.fromEntries(kept) },
  });
}

/** The content of a revision, or undefined when it was never kept or is gone. */
export async function readSnapshot(
  cluster: Cluster,
  pair: ConfigPair,
  revision: number,
): Promise<Snapshot | undefined> {
  const [configMap, secret] = await Promise.all([
    readConfig(cluster, targetOf(pair, 'ConfigMap', revision)),
    readConfig(cluster, targetOf(pair, 'Secret', revision)),
  ]);
  if (!isSnapshot(configMap, pair)) return undefined;
  const entries = (stored: StoredConfig, secretKind: boolean) =>
    [...stored.data].map(([key, value]) => ({ key, value, secret: secretKind }));
  return {
    ...describe(configMap),
    entries: { ConfigMap: entries(configMap, false), Secret: isSnapshot(secret, pair) ? entries(secret, true) : [] },
  };
}

/** The kept revisions, newest first, without their content. Needs the right to list ConfigMaps. */
export async function listSnapshots(cluster: Cluster, pair: ConfigPair): Promise<Omit<Snapshot, 'entries'>[]> {
  const selector = `${mark.snapshotOf}=${labelValue(pair.configMapName)}`;
  const found = await listConfigMaps(cluster, pair.namespace, selector);
  return found
    .filter(one => one.name === snapshotName(pair.configMapName, revisionOf(one)))
    .map(describe)
    .sort((a, b) => b.revision - a.revision);
}

/** Deletes all but the newest snapshots. Needs the right to list ConfigMaps and to delete both kinds. */
export async function collectSnapshots(cluster: Cluster, pair: ConfigPair, keep: number): Promise<number[]> {
  const old = (await listSnapshots(cluster, pair)).slice(keep).map(one => one.revision);
  for (const revision of old) {
    // The Secret first: it is found by its ConfigMap.
    await deleteConfig(cluster, targetOf(pair, 'Secret', revision));
    await deleteConfig(cluster, targetOf(pair, 'ConfigMap', revision));
  }
  return old;
}

/**
 * Deletes all but the newest immutable versions of a ConfigMap, and never the one of today. Old versions of a Secret
 * stay: finding them needs the right to list Secrets, which is the right to read them all.
 */
export async function collectVersions(cluster: Cluster, pair: ConfigPair, keep: number): Promise<void> {
  const { namespace, configMapName } = pair;
  const base = await readConfig(cluster, { kind: 'ConfigMap', namespace, name: configMapName });
  const versions = await listConfigMaps(cluster, namespace, `${mark.versionOf}=${labelValue(configMapName)}`);
  const old = versions
    .filter(one => one.name.startsWith(`${configMapName}-`) && one.name !== base.annotations[mark.currentVersion])
    .sort((a, b) => revisionOf(b) - revisionOf(a))
    .slice(keep);
  for (const { name } of old) await deleteConfig(cluster, { kind: 'ConfigMap', namespace, name });
}

function targetOf({ namespace, configMapName, secretName }: ConfigPair, kind: ConfigKind, revision: number) {
  return { kind, namespace, name: snapshotName(kind === 'Secret' ? secretName : configMapName, revision) };
}

function isSnapshot(stored: StoredConfig, pair: ConfigPair): boolean {
  return stored.exists && stored.labels[mark.snapshotOf] === labelValue(pair.configMapName);
}

function describe(stored: StoredConfig): Omit<Snapshot, 'entries'> {
  const { annotations } = stored;
  return {
    revision: revisionOf(stored),
    release: parseRelease(annotations[mark.release]),
    build: annotations[mark.build] ?? '',
  };
}
