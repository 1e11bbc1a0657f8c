import { endpointKeys, existingEndpoint } from '../../lib/azureml/online-endpoints';
import { openWorkspace, type Workspace } from '../../lib/azureml/workspace';
import type { TaskHost } from '../../lib/host/task-host';
import type { ConfigEntry } from '../../lib/kubernetes/config-change';
import { TaskError } from '../../lib/task-error';
import { isKey, type EndpointField, type Entry } from './entries';
import type { SyncInputs } from './inputs';

type EndpointValues = Partial<Record<EndpointField, string>>;

/** Replaces references to endpoints by what Azure says. A key is registered with the masker before anything else. */
export async function resolveEntries(host: TaskHost, inputs: SyncInputs): Promise<ConfigEntry[]> {
  const workspace = inputs.endpoints
    ? await openWorkspace(inputs.endpoints.connection, inputs.endpoints, host)
    : undefined;
  const known = new Map<string, EndpointValues>();
  const entries: ConfigEntry[] = [];
  for (const entry of inputs.entries) {
    if (!('endpoint' in entry) || !workspace) {
      if ('value' in entry) entries.push({ key: entry.key, value: entry.value, secret: false });
      continue;
    }
    const values = known.get(entry.endpoint) ?? (await readEndpoint(workspace, entry.endpoint, inputs.entries, host));
    known.set(entry.endpoint, values);
    entries.push({ key: entry.key, value: valueOf(values, entry), secret: isKey(entry.field) });
  }
  const exposed = entries.filter(entry => entry.secret).map(entry => entry.key);
  if (inputs.secretsIn === 'configMap' && exposed.length > 0) {
    host.warn(
      `${exposed.join(', ')} ${exposed.length === 1 ? 'goes' : 'go'} into the ConfigMap, as secretsIn says: everybody who may read ConfigMaps there can read ${exposed.length === 1 ? 'this key' : 'these keys'}. With secretsIn: secret only those who may read Secrets can.`,
    );
  }
  return entries;
}

async function readEndpoint(
  workspace: Workspace,
  name: string,
  entries: readonly Entry[],
  host: TaskHost,
): Promise<EndpointValues> {
  const endpoint = await existingEndpoint(workspace, name);
  const values: EndpointValues = {};
  if (endpoint.scoringUri) values.scoringUri = endpoint.scoringUri;
  if (endpoint.swaggerUri) values.swaggerUri = endpoint.swaggerUri;
  // Reading keys is a permission of its own, so it is only asked for when a key is wanted.
  if (!entries.some(entry => 'endpoint' in entry && entry.endpoint === name && isKey(entry.field))) return values;
  const keys = await endpointKeys(workspace, name);
  if (!keys) {
    throw new TaskError(
      `Endpoint ${name} has no keys: it authenticates with ${endpoint.authMode}. Only scoringUri and swaggerUri can be taken from it.`,
    );
  }
  host.maskSecret(keys.primaryKey);
  host.maskSecret(keys.secondaryKey);
  return { ...values, ...keys };
}

function valueOf(values: EndpointValues, { endpoint, field }: { endpoint: string; field: EndpointField }): string {
  const value = values[field];
  if (value) return value;
  throw new TaskError(`Endpoint ${endpoint} has no ${field} yet: its creation is not complete or has failed.`);
}
