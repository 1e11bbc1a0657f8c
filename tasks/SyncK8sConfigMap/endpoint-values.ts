import { endpointKeys, existingEndpoint } from '../../lib/azureml/online-endpoints';
import type { Workspace } from '../../lib/azureml/workspace';
import type { TaskHost } from '../../lib/host/task-host';
import { tag } from '../../lib/release/tags';
import { TaskError } from '../../lib/task-error';
import { isKey, type EndpointField, type Entry } from './entries';

/** What entries need to know of an endpoint. */
export interface EndpointValues extends Partial<Record<EndpointField, string>> {
  /** Number of its release; undefined when none of the tasks has released to it. */
  readonly revision?: number;
}

/** Reads every endpoint that an entry refers to. Keys are registered with the masker before anything else. */
export async function readEndpoints(
  workspace: Workspace,
  entries: readonly Entry[],
  host: TaskHost,
): Promise<Map<string, EndpointValues>> {
  const known = new Map<string, EndpointValues>();
  for (const entry of entries) {
    if (!('endpoint' in entry) || known.has(entry.endpoint)) continue;
    known.set(entry.endpoint, await readEndpoint(workspace, entry.endpoint, entries, host));
  }
  return known;
}

async function readEndpoint(
  workspace: Workspace,
  name: string,
  entries: readonly Entry[],
  host: TaskHost,
): Promise<EndpointValues> {
  const endpoint = await existingEndpoint(workspace, name);
  const revision = Number(endpoint.tags[tag.revision] ?? NaN);
  const values: EndpointValues = {
    ...(endpoint.scoringUri ? { scoringUri: endpoint.scoringUri } : {}),
    ...(endpoint.swaggerUri ? { swaggerUri: endpoint.swaggerUri } : {}),
    ...(Number.isInteger(revision) ? { revision } : {}),
  };
  // Reading keys is a permission of its own, so it is only asked for when a key is wanted.
  if (!entries.some(entry => 'endpoint' in entry && entry.endpoint === name && isKey(entry.field))) return values;
  return { ...values, ...(await readKeys(workspace, name, endpoint.authMode, host)) };
}

/** The keys of an endpoint, registered with the masker. @throws TaskError when it has none */
export async function readKeys(
  workspace: Workspace,
  name: string,
  authMode: string,
  host: TaskHost,
): Promise<{ primaryKey: string; secondaryKey: string }> {
  const keys = await endpointKeys(workspace, name);
  if (!keys) {
    throw new TaskError(
      `Endpoint ${name} has no keys: it authenticates with ${authMode}. Only scoringUri and swaggerUri can be taken from it.`,
    );
  }
  host.maskSecret(keys.primaryKey);
  host.maskSecret(keys.secondaryKey);
  return keys;
}
