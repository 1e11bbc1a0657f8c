import { isAbsolute, resolve } from 'node:path';

/** What an entry may take from an endpoint. */
export const endpointFields = ['scoringUri', 'swaggerUri', 'primaryKey', 'secondaryKey'] as const;
export type EndpointField = (typeof endpointFields)[number];

/** `secret`: it goes where secrets go and never shows. */
export type Entry = { readonly key: string; readonly secret: boolean } & (
  { readonly value: string } | { readonly file: string } | { readonly endpoint: string; readonly field: EndpointField }
);

export interface ParsedEntries {
  readonly entries: readonly Entry[];
  /** Every problem with its line number. */
  readonly problems: readonly string[];
}

export interface EntryRules {
  /** Every entry is a secret. */
  readonly secret: boolean;
  /** Folder that relative files belong to. */
  readonly folder: string;
}

/**
 * Reads lines of `KEY=value`, `KEY = file:<path>` and `KEY = endpoint:<name>#<field>`. Space around key and value does
 * not count; empty lines and lines that start with # are left out.
 */
export function parseEntries(text: string, rules: EntryRules): ParsedEntries {
  const entries: Entry[] = [];
  const problems: string[] = [];
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const entry = parseEntry(line, rules);
    if (typeof entry === 'string') problems.push(`line ${index + 1}: ${entry}`);
    else if (entries.some(other => other.key === entry.key)) {
      problems.push(`line ${index + 1}: ${entry.key} is there twice`);
    } else entries.push(entry);
  }
  return { entries, problems };
}

/** Reads a JSON object of texts, numbers and booleans; anything deeper has no place in a ConfigMap. */
export function parseJsonEntries(text: string, rules: EntryRules): ParsedEntries {
  let object: unknown;
  try {
    object = JSON.parse(text);
  } catch (error) {
    return { entries: [], problems: [`is no JSON: ${error instanceof Error ? error.message : String(error)}`] };
  }
  if (typeof object !== 'object' || object === null || Array.isArray(object)) {
    return { entries: [], problems: ['must be a JSON object of keys and values'] };
  }
  const entries: Entry[] = [];
  const problems: string[] = [];
  for (const [key, value] of Object.entries(object as Record<string, unknown>)) {
    if (typeof value === 'string') {
      const entry = entryOf(key, value, rules);
      if (typeof entry === 'string') problems.push(`${key}: ${entry}`);
      else entries.push(entry);
    } else if (typeof value === 'number' || typeof value === 'boolean') {
      entries.push({ key, value: String(value), secret: rules.secret });
    } else problems.push(`${key} must be a text, a number, true or false`);
  }
  return { entries, problems };
}

function parseEntry(line: string, rules: EntryRules): Entry | string {
  const equals = line.indexOf('=');
  if (equals < 1) return `"${shortened(line)}" has no KEY= in front`;
  return entryOf(line.slice(0, equals).trim(), line.slice(equals + 1).trim(), rules);
}

function entryOf(key: string, value: string, { secret, folder }: EntryRules): Entry | string {
  const variable = /^\$\(([^)]+)\)$/.exec(value)?.[1];
  if (variable) return `${key} is ${value}: the pipeline has no variable ${variable}`;
  if (value.startsWith('file:')) {
    const path = value.slice('file:'.length).trim();
    if (path === '') return `${key} names no file`;
    return { key, file: isAbsolute(path) ? path : resolve(folder, path), secret };
  }
  if (!value.startsWith('endpoint:')) return { key, value, secret };
  const [, endpoint, field] = /^endpoint:([^#\s]+)#(\S+)$/.exec(value) ?? [];
  if (!endpoint || !field) {
    return `"${value}" is not of the form endpoint:<name>#<field>, with field one of ${endpointFields.join(', ')}`;
  }
  const known = endpointFields.find(one => one === field);
  if (!known) return `an endpoint has no field ${field}; there are ${endpointFields.join(', ')}`;
  return { key, endpoint, field: known, secret: secret || isKey(known) };
}

export function isKey(field: EndpointField): boolean {
  return field === 'primaryKey' || field === 'secondaryKey';
}

/** A line without its `=` may be anything, a secret as well. */
function shortened(line: string): string {
  return line.length <= 20 ? line : `${line.slice(0, 20)}…`;
}
