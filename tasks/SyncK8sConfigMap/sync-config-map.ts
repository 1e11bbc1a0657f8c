import { createHash } from 'node:crypto';
import { openWorkspace, type Workspace } from '../../lib/azureml/workspace';
import type { Outcome, TaskHost } from '../../lib/host/task-host';
import type { ConfigEntry } from '../../lib/kubernetes/config-change';
import { workloadName } from '../../lib/kubernetes/workloads';
import { readEndpoints, type EndpointValues } from './endpoint-values';
import type { Entry } from './entries';
import type { SyncInputs } from './inputs';
import { openPlaces, type Place } from './places';
import { resolveEntries } from './resolve-entries';
import { regeneratePrimaryKeys, rotatedEndpoints, waitUntilUnused } from './rotate-keys';
import { summaryOf } from './summary';
import { syncPlaces, type DonePlace } from './sync-places';

/** Takes the entries from where they refer to, writes them wherever they are wanted, and reports. */
export async function syncConfigMap(inputs: SyncInputs, host: TaskHost): Promise<Outcome> {
  const places = await openPlaces(inputs, host);
  const workspace = inputs.endpoints
    ? await openWorkspace(inputs.endpoints.connection, inputs.endpoints, host)
    : undefined;
  const endpoints = workspace
    ? await readEndpoints(workspace, inputs.entries, host)
    : new Map<string, EndpointValues>();
  warnOfExposure(inputs, inputs.entries, host);
  const { done, entries } =
    workspace && inputs.rotate === 'secondary'
      ? await rotate(places, workspace, endpoints, inputs, host)
      : await syncOnce(places, endpoints, inputs, host);
  setOutputs(host, done, entries);
  host.progress(100, 'Done');
  await host.summary(`Configuration ${inputs.configMapName}`, done.map(one => summaryOf(one)).join('\n\n'));
  return { result: 'succeeded', message: inputs.whatIf ? 'What if: nothing was written' : resultText(done) };
}

interface Synced {
  readonly done: readonly DonePlace[];
  readonly entries: readonly ConfigEntry[];
}

async function syncOnce(
  places: readonly Place[],
  endpoints: ReadonlyMap<string, EndpointValues>,
  inputs: SyncInputs,
  host: TaskHost,
): Promise<Synced> {
  const entries = resolveEntries(inputs.entries, endpoints, host);
  return { entries, done: await syncPlaces(places, entries, endpoints, inputs, host) };
}

/**
 * A new primary key without a failed call: everybody moves to the secondary key, the primary one is regenerated while
 * nobody uses it, everybody moves back. Stopped at any point, the next run does it from the start, and the application
 * has a good key all the time.
 */
async function rotate(
  places: readonly Place[],
  workspace: Workspace,
  endpoints: ReadonlyMap<string, EndpointValues>,
  inputs: SyncInputs,
  host: TaskHost,
): Promise<Synced> {
  const names = rotatedEndpoints(inputs.entries);
  host.info(`1 of 3: the secondary key of ${names.join(', ')} in place of the primary one`);
  const interim = resolveEntries(inputs.entries, endpoints, host, { primaryKey: 'secondaryKey' });
  const moved = await syncPlaces(places, interim, endpoints, inputs, host);
  if (inputs.whatIf) {
    host.info(`Then the primary key of ${names.join(', ')} would be regenerated, written and rolled out.`);
    return { done: moved, entries: interim };
  }
  await waitUntilUnused(moved, inputs, host);
  host.info(`2 of 3: a new primary key for ${names.join(', ')}`);
  const renewed = await regeneratePrimaryKeys(workspace, names, endpoints, host);
  host.info('3 of 3: the new primary key');
  const entries = resolveEntries(inputs.entries, renewed, host);
  return { entries, done: await syncPlaces(places, entries, renewed, inputs, host) };
}

function warnOfExposure(inputs: SyncInputs, entries: readonly Entry[], host: TaskHost): void {
  const exposed = entries.filter(entry => entry.secret).map(entry => entry.key);
  if (inputs.secretsIn !== 'configMap' || exposed.length === 0) return;
  host.warn(
    `${exposed.join(', ')} ${exposed.length === 1 ? 'goes' : 'go'} into the ConfigMap, as secretsIn says: everybody who may read ConfigMaps there can read ${exposed.length === 1 ? 'this key' : 'these keys'}. With secretsIn: secret only those who may read Secrets can.`,
  );
}

function setOutputs(host: TaskHost, done: readonly DonePlace[], entries: readonly ConfigEntry[]): void {
  const objects = done.flatMap(({ release }) => release.pairs.flatMap(pair => pair.objects));
  const namesOf = (kind: string) =>
    [...new Set(objects.filter(one => one.target.kind === kind).map(one => one.target.name))].join(',');
  const content = [...entries].sort((a, b) => (a.key < b.key ? -1 : 1)).map(({ key, value }) => [key, value]);
  host.setOutput('configMapName', namesOf('ConfigMap'));
  host.setOutput('secretName', namesOf('Secret'));
  host.setOutput('contentHash', createHash('sha256').update(JSON.stringify(content)).digest('hex'));
  host.setOutput('changed', String(done.some(({ release }) => release.changed)));
  host.setOutput('restarted', [...new Set(done.flatMap(restartedIn))].join(','));
  host.setOutput(
    'revision',
    [...new Set(done.flatMap(({ release }) => release.pairs.map(one => one.revision)))].join(','),
  );
  host.setOutput('targets', JSON.stringify(done.flatMap(targetsOf)));
}

function targetsOf(one: DonePlace): object[] {
  return one.release.pairs.map(({ pair, revision, objects }) => ({
    cluster: one.place.cluster.access.server,
    namespace: pair.namespace,
    configMap: objects.find(({ base }) => base.kind === 'ConfigMap')?.target.name ?? '',
    secret: objects.find(({ base }) => base.kind === 'Secret')?.target.name ?? '',
    revision,
    changed: objects.some(({ changes }) => changes.length > 0),
    restarted: restartedIn(one),
  }));
}

function restartedIn({ release }: DonePlace): string[] {
  return release.consumers.filter(one => one.stale).map(({ workload }) => workloadName(workload));
}

function resultText(done: readonly DonePlace[]): string {
  const restarted = [...new Set(done.flatMap(restartedIn))];
  const restarts =
    restarted.length > 0
      ? `restarted ${restarted.join(', ')}`
      : done.some(({ release }) => release.consumers.length > 0)
        ? 'nothing to restart'
        : 'no restarts';
  const changed = done.some(({ release }) => release.changed);
  const where = done.length > 1 ? ` in ${done.length} places` : '';
  return `${changed ? 'Configuration written' : 'Configuration unchanged'}${where}, ${restarts}`;
}
