import { readFileSync } from 'node:fs';
import { isUtf8 } from 'node:buffer';
import type { TaskHost } from '../../lib/host/task-host';
import type { ConfigEntry } from '../../lib/kubernetes/config-change';
import { TaskError } from '../../lib/task-error';
import type { EndpointValues } from './endpoint-values';
import type { EndpointField, Entry } from './entries';

/**
 * Replaces references to files and endpoints by what they hold.
 * @param instead a field to take in place of another one: the secondary key while the primary one changes
 */
export function resolveEntries(
  entries: readonly Entry[],
  endpoints: ReadonlyMap<string, EndpointValues>,
  host: TaskHost,
  instead: Partial<Record<EndpointField, EndpointField>> = {},
): ConfigEntry[] {
  return entries.map(entry => {
    const { key, secret } = entry;
    const value = valueOf(entry, endpoints, instead);
    if (secret && value !== '') maskLines(value, host);
    return { key, value, secret };
  });
}

function valueOf(
  entry: Entry,
  endpoints: ReadonlyMap<string, EndpointValues>,
  instead: Partial<Record<EndpointField, EndpointField>>,
): string {
  if ('value' in entry) return entry.value;
  if ('file' in entry) return fileText(entry.key, entry.file);
  const field = instead[entry.field] ?? entry.field;
  const value = endpoints.get(entry.endpoint)?.[field];
  if (value) return value;
  throw new TaskError(`Endpoint ${entry.endpoint} has no ${field} yet: its creation is not complete or has failed.`);
}

function fileText(key: string, path: string): string {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    throw new TaskError(
      `The file ${path} for ${key} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
      { code: 'GuardianInput', cause: error },
    );
  }
  if (!isUtf8(bytes)) throw new TaskError(`The file ${path} for ${key} is no UTF-8 text.`, { code: 'GuardianInput' });
  return bytes.toString('utf8');
}

/** The agent masks line by line; of a certificate's or key's text every line tells something. */
function maskLines(value: string, host: TaskHost): void {
  host.maskSecret(value);
  const lines = value.split(/\r?\n/);
  if (lines.length > 1) for (const line of lines.filter(one => one.trim().length >= 6)) host.maskSecret(line);
}
