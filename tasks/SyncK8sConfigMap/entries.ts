/** What an entry may take from an endpoint. */
export const endpointFields = ['scoringUri', 'swaggerUri', 'primaryKey', 'secondaryKey'] as const;
export type EndpointField = (typeof endpointFields)[number];

export type Entry =
  | { readonly key: string; readonly value: string }
  | { readonly key: string; readonly endpoint: string; readonly field: EndpointField };

/**
 * Reads lines of `KEY=value` and `KEY = endpoint:<name>#<field>`. Space around key and value does not count; empty
 * lines and lines that start with # are left out.
 * @returns the entries in the order written, and every problem with its line number
 */
export function parseEntries(text: string): { entries: Entry[]; problems: string[] } {
  const entries: Entry[] = [];
  const problems: string[] = [];
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const entry = parseEntry(line);
    if (typeof entry === 'string') problems.push(`line ${index + 1}: ${entry}`);
    else if (entries.some(other => other.key === entry.key)) {
      problems.push(`line ${index + 1}: ${entry.key} is there twice`);
    } else entries.push(entry);
  }
  return { entries, problems };
}

function parseEntry(line: string): Entry | string {
  const equals = line.indexOf('=');
  if (equals < 1) return `"${line}" has no KEY= in front`;
  const key = line.slice(0, equals).trim();
  const value = line.slice(equals + 1).trim();
  if (!value.startsWith('endpoint:')) return { key, value };
  const [, endpoint, field] = /^endpoint:([^#\s]+)#(\S+)$/.exec(value) ?? [];
  if (!endpoint || !field) {
    return `"${value}" is not of the form endpoint:<name>#<field>, with field one of ${endpointFields.join(', ')}`;
  }
  const known = endpointFields.find(one => one === field);
  return known
    ? { key, endpoint, field: known }
    : `an endpoint has no field ${field}; there are ${endpointFields.join(', ')}`;
}

export function isKey(field: EndpointField): boolean {
  return field === 'primaryKey' || field === 'secondaryKey';
}
