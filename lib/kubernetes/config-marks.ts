import { createHash } from 'node:crypto';
import type { StoredConfig } from './config-object';

/** A ConfigMap and the Secret beside it: written, numbered, kept and restored together. */
export interface ConfigPair {
  readonly namespace: string;
  readonly configMapName: string;
  readonly secretName: string;
}

/** What we write on ConfigMaps, Secrets and pod templates beside the content. */
export const mark = {
  /** Annotation: number of the content, one higher at every change. */
  revision: 'guardian-mlops/revision',
  /** Annotation: endpoints and their release revisions when the content was written, `name=3,other=5`. */
  release: 'guardian-mlops/release',
  /** Annotation: the pipeline run that wrote the content. */
  build: 'guardian-mlops/build',
  /**
   * Annotation: the content is new and not proven yet; its value is the revision to go back to. It stands from the
   * write until every consumer runs with the content, so that the next run finishes what a killed one had begun.
   */
  restartPending: 'guardian-mlops/restart-pending',
  /** Label of a snapshot: whose content it keeps. */
  snapshotOf: 'guardian-mlops/snapshot-of',
  /** Label of an immutable version: which name it stands for. */
  versionOf: 'guardian-mlops/version-of',
  /** Annotation on an immutable object: the version that stands for it now. */
  currentVersion: 'guardian-mlops/current-version',
  /** Annotation on an immutable version, which we own whole: the keys that are really ours, as JSON. */
  keys: 'guardian-mlops/keys',
} as const;

export const managedBy = { 'app.kubernetes.io/managed-by': 'guardian-mlops' } as const;

/**
 * The annotation on a pod template that holds the checksum of what its pods read of one ConfigMap and its Secret. One
 * for each ConfigMap, so that two of them in one application do not undo each other's.
 */
export function checksumAnnotation(configMapName: string): string {
  return `guardian-mlops/${fitting(`checksum.${configMapName}`)}`;
}

/** A name as a label's value. */
export function labelValue(name: string): string {
  return fitting(name);
}

/** Names of labels and annotations, and label values, have 63 characters at most. */
function fitting(name: string): string {
  if (name.length <= 63) return name;
  return `${name.slice(0, 50)}-${createHash('sha256').update(name).digest('hex').slice(0, 12)}`;
}

/** Revision of an object's content; 0 for one that we have never written. */
export function revisionOf(stored: Pick<StoredConfig, 'annotations'>): number {
  const text = stored.annotations[mark.revision] ?? '';
  return /^\d{1,9}$/.test(text) ? Number(text) : 0;
}

/** The revision to go back to while an object's content is not proven; undefined when it is. */
export function pendingFrom(stored: Pick<StoredConfig, 'annotations'>): number | undefined {
  const text = stored.annotations[mark.restartPending];
  if (text === undefined) return undefined;
  return /^\d{1,9}$/.test(text) ? Number(text) : 0;
}

/** `{a: 3, b: 5}` as `a=3,b=5`, in name order. */
export function formatRelease(release: Readonly<Record<string, number>>): string {
  return Object.entries(release)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([endpoint, revision]) => `${endpoint}=${revision}`)
    .join(',');
}

export function parseRelease(text: string | undefined): Record<string, number> {
  const pairs = (text ?? '').split(',').map(pair => pair.split('='));
  return Object.fromEntries(
    pairs.flatMap(([endpoint, revision]) => (endpoint && revision ? [[endpoint, Number(revision)]] : [])),
  );
}

/** Our annotations on an object, as an apply has to name them again so that they stay. */
export function marksOf({ annotations }: Pick<StoredConfig, 'annotations'>): Record<string, string> {
  const ours: readonly string[] = Object.values(mark);
  return Object.fromEntries(Object.entries(annotations).filter(([name]) => ours.includes(name)));
}
