import type { ConfigKind } from './consumers';

/** The server-side apply owner of everything that we write. */
export const fieldManager = 'guardian-mlops';

/** A value to write. Secret ones never show in a diff, whichever object they go to. */
export interface ConfigEntry {
  readonly key: string;
  readonly value: string;
  readonly secret: boolean;
}

export interface KeyChange {
  readonly key: string;
  readonly kind: 'added' | 'changed' | 'removed';
  readonly before: string | undefined;
  readonly after: string | undefined;
  readonly secret: boolean;
}

/**
 * What writing `entries` does to an object. A key goes only when it was ours and is no longer listed: the keys of
 * others stay.
 * @param owned the keys that we own now
 */
export function changesOf(
  entries: readonly ConfigEntry[],
  data: ReadonlyMap<string, string>,
  owned: readonly string[],
  kind: ConfigKind,
): KeyChange[] {
  const written = entries.flatMap(({ key, value, secret }): KeyChange[] => {
    const before = data.get(key);
    if (before === value) return [];
    return [{ key, kind: before === undefined ? 'added' : 'changed', before, after: value, secret }];
  });
  const removed = owned
    .filter(key => data.has(key) && !entries.some(entry => entry.key === key))
    .map((key): KeyChange => {
      return { key, kind: 'removed', before: data.get(key), after: undefined, secret: kind === 'Secret' };
    });
  return [...written, ...removed].sort((a, b) => (a.key < b.key ? -1 : 1));
}

const shownLength = 200;

/** One line per changed key: `~ KEY: old -> new`, `+ KEY: new`, `- KEY: old`; secret values as ***. */
export function diffLine(change: KeyChange): string {
  const before = shown(change.before, change.secret);
  const after = shown(change.after, change.secret);
  if (change.kind === 'added') return `+ ${change.key}: ${after}`;
  if (change.kind === 'removed') return `- ${change.key}: ${before}`;
  return `~ ${change.key}: ${before} -> ${after}`;
}

/** A value as a log may show it: on one line, cut, and not at all when it is secret. */
export function shown(value: string | undefined, secret: boolean): string {
  if (secret) return '***';
  const line = JSON.stringify(value ?? '').slice(1, -1);
  return line.length <= shownLength ? line : `${line.slice(0, shownLength)}… (${line.length} characters)`;
}

interface ManagedFields {
  readonly manager?: string;
  readonly operation?: string;
  readonly fieldsV1?: object;
}

/** The data keys that an apply of ours owns, from an object's `metadata.managedFields`. */
export function ownedKeys(managedFields: readonly ManagedFields[] | undefined): string[] {
  return (managedFields ?? [])
    .filter(entry => entry.manager === fieldManager && entry.operation === 'Apply')
    .flatMap(entry => Object.keys((entry.fieldsV1 as { 'f:data'?: object } | undefined)?.['f:data'] ?? {}))
    .filter(field => field.startsWith('f:'))
    .map(field => field.slice(2))
    .sort();
}

/** The rules of the API server, checked first so that all problems show at once and before any write. */
export function entryProblems(entries: readonly { key: string; value: string }[]): string[] {
  const problems = entries.flatMap(({ key }) => {
    if (!/^[-._A-Za-z0-9]+$/.test(key)) {
      return [`key "${key}" may hold only letters, digits, hyphens, underscores and dots`];
    }
    return key.length > 253 ? [`key "${key.slice(0, 40)}…" has ${key.length} characters; 253 is the limit`] : [];
  });
  const bytes = entries.reduce((sum, { key, value }) => sum + Buffer.byteLength(key) + Buffer.byteLength(value), 0);
  return bytes > 1048576 ? [...problems, `the values have ${bytes} bytes; Kubernetes takes 1048576`] : problems;
}
