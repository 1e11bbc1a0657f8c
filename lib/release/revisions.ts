import { tag, tagValueLimit, type Tags } from './tags';
import { liveTraffic, type Traffic } from './traffic';

/** One change of an endpoint's live traffic. Numbers start at 1 and never come again. */
export interface Revision {
  readonly number: number;
  readonly traffic: Traffic;
}

/** How many revisions stay readable on the endpoint: an Azure resource holds 50 tags, and others need some too. */
const keptRevisions = 10;

const prefix = `${tag.revision}.`;

/** The endpoint's latest revision number; 0 when it never had one. */
export function currentRevision(endpointTags: Tags): number {
  const value = endpointTags[tag.revision] ?? '';
  return /^\d+$/.test(value) ? Number(value) : 0;
}

/** The recorded revisions, newest first. Entries that somebody made unreadable are left out. */
export function revisionHistory(endpointTags: Tags): Revision[] {
  return Object.entries(endpointTags)
    .flatMap(([name, value]) => {
      const number = name.startsWith(prefix) ? name.slice(prefix.length) : '';
      const traffic = /^\d+$/.test(number) ? parseTraffic(value) : undefined;
      return traffic ? [{ number: Number(number), traffic }] : [];
    })
    .sort((a, b) => b.number - a.number);
}

/**
 * The endpoint's tags with one more revision: numbered after every earlier one, the oldest forgotten.
 * @returns recorded: false when the map is too long for a tag; the revision then counts but cannot be gone back to.
 */
export function addRevision(endpointTags: Tags, traffic: Traffic): { number: number; tags: Tags; recorded: boolean } {
  const known = [currentRevision(endpointTags), ...revisionHistory(endpointTags).map(revision => revision.number)];
  const number = Math.max(...known) + 1;
  const text = encodeTraffic(traffic);
  const recorded = text.length <= tagValueLimit;
  const kept = Object.entries(endpointTags).filter(
    ([name]) => !name.startsWith(prefix) || Number(name.slice(prefix.length)) > number - keptRevisions,
  );
  const entry: Tags = recorded ? { [`${prefix}${number}`]: text } : {};
  return { number, recorded, tags: { ...Object.fromEntries(kept), [tag.revision]: String(number), ...entry } };
}

/** Azure's limit on the number of a resource's tags. */
const mostTags = 50;

/**
 * Adds what deployments are made of, and forgets that of deployments which no recorded revision names any more. When the
 * tags become too many, those go first that served longest ago: their revisions then need the deployment itself.
 * @param records tags below `guardian.deployment.`
 */
export function withRecords(tags: Tags, records: Tags): Tags {
  const order = revisionHistory(tags).flatMap(({ traffic }) => Object.keys(traffic));
  const others = Object.entries(tags).filter(([name]) => deploymentOfRecord(name) === undefined);
  const current = new Set(Object.keys(records).map(deploymentOfRecord));
  const known = Object.entries(tags).filter(([name]) => !current.has(deploymentOfRecord(name)));
  const all = [...known, ...Object.entries(records)];
  const kept: (readonly [string, string])[] = [];
  for (const name of new Set(order)) {
    const parts = all.filter(([key]) => deploymentOfRecord(key) === name);
    if (others.length + kept.length + parts.length <= mostTags) kept.push(...parts);
  }
  return Object.fromEntries([...others, ...kept]);
}

/** The deployment that a tag `guardian.deployment.<name>` or `guardian.deployment.<name>.<part>` is about. */
function deploymentOfRecord(tagName: string): string | undefined {
  return tagName.startsWith(`${tag.deployment}.`) ? tagName.slice(tag.deployment.length + 1).split('.')[0] : undefined;
}

/** `m3-1a2b3c4d=90,m4-5e6f7a8b=10` */
export function encodeTraffic(traffic: Traffic): string {
  return Object.entries(liveTraffic(traffic))
    .map(([name, percent]) => `${name}=${percent}`)
    .join(',');
}

/** Reads what `encodeTraffic` wrote; undefined for anything else. */
export function parseTraffic(text: string): Traffic | undefined {
  const shares = text.split(',').map(part => /^([A-Za-z0-9-]+)=(\d{1,3})$/.exec(part));
  const entries = shares.flatMap(match => (match?.[1] && match[2] ? [[match[1], Number(match[2])] as const] : []));
  const sum = entries.reduce((total, [, percent]) => total + percent, 0);
  return entries.length === shares.length && sum === 100 ? liveTraffic(Object.fromEntries(entries)) : undefined;
}
