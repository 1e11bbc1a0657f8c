import type { ConfigContent, ConfigKind } from './consumers';

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

/** Names of settings whose values are secrets wherever they stand. */
const secretName = /(^|[-_.])(api)?(key|keys|token|secret|password|passwd|pwd|credentials?|connection_?string|sas)$/i;

/** True when a value must not show: it is one of a Secret, was given as one, or its key says so. */
export function isSecret(key: string, kind: ConfigKind, entry?: { readonly secret: boolean }): boolean {
  return kind === 'Secret' || entry?.secret === true || secretName.test(key);
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
  const written = entries.flatMap((entry): KeyChange[] => {
    const { key, value } = entry;
    const before = data.get(key);
    if (before === value) return [];
    const change = before === undefined ? 'added' : 'changed';
    return [{ key, kind: change, before, after: value, secret: isSecret(key, kind, entry) }];
  });
  const removed = owned
    .filter(key => data.has(key) && !entries.some(entry => entry.key === key))
    .map((key): KeyChange => {
      return { key, kind: 'removed', before: data.get(key), after: undefined, secret: isSecret(key, kind) };
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

/** What a ConfigMap or Secret may hold, all values together (validation of the API server). */
const sizeLimitBytes = 1048576;

/** The rules of the API server for keys, checked first so that all problems show at once and before any write. */
export function entryProblems(entries: readonly { key: string }[]): string[] {
  return entries.flatMap(({ key }) => {
    if (!/^[-._A-Za-z0-9]+$/.test(key) || key === '.' || key.startsWith('..')) {
      return [`key "${key}" may hold only letters, digits, hyphens, underscores and dots, and not start with two dots`];
    }
    return key.length > 253 ? [`key "${key.slice(0, 40)}…" has ${key.length} characters; 253 is the limit`] : [];
  });
}

/** Says when an object would be larger than Kubernetes takes, and what of it is the largest. */
export function sizeProblem({ kind, name, data }: ConfigContent): string | undefined {
  const sizes = [...data].map(([key, value]) => ({ key, bytes: Buffer.byteLength(value) }));
  const bytes = sizes.reduce((sum, one) => sum + one.bytes, 0);
  if (bytes <= sizeLimitBytes) return undefined;
  const [largest] = sizes.sort((a, b) => b.bytes - a.bytes);
  return `${kind} ${name} would hold ${bytes} bytes; Kubernetes takes ${sizeLimitBytes} (largest: ${largest?.key ?? ''} with ${largest?.bytes ?? 0} bytes)`;
}
