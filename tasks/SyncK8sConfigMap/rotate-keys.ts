import { regenerateKey } from '../../lib/azureml/regenerate-key';
import { callEndpoint } from '../../lib/azureml/scoring-request';
import type { Workspace } from '../../lib/azureml/workspace';
import type { TaskHost } from '../../lib/host/task-host';
import { waitForOldPods } from '../../lib/kubernetes/rollouts';
import { TaskError } from '../../lib/task-error';
import { readKeys, type EndpointValues } from './endpoint-values';
import type { Entry } from './entries';
import type { SyncInputs } from './inputs';
import type { DonePlace } from './sync-places';

/** The endpoints whose primary key the entries take. */
export function rotatedEndpoints(entries: readonly Entry[]): string[] {
  const names = entries.flatMap(entry => ('endpoint' in entry && entry.field === 'primaryKey' ? [entry.endpoint] : []));
  return [...new Set(names)];
}

/**
 * Waits until no pod is left that may still call with the old key, the ones included that are ending: regenerating it
 * before would fail their last calls.
 */
export async function waitUntilUnused(places: readonly DonePlace[], inputs: SyncInputs, host: TaskHost): Promise<void> {
  for (const { place, release } of places) {
    // One that we never had to restart carries no mark of ours, nor do its pods: it has had this content all along.
    const workloads = release.consumers.filter(
      ({ workload, annotations, stale }) =>
        stale || Object.keys(annotations).some(name => name in workload.annotations),
    );
    const left = await waitForOldPods(place.cluster, place.namespace, workloads, {
      timeoutMilliseconds: inputs.rolloutTimeoutInMinutes * 60_000,
      clock: host.clock,
      signal: host.signal,
      note: text => host.foreign(text),
    });
    if (left.length > 0) {
      throw new TaskError(
        `The primary key was not regenerated: after ${inputs.rolloutTimeoutInMinutes} minutes there are still pods that were started with it: ${left.join(', ')}. Everything else uses the secondary key now; run the task again to go on.`,
        { code: 'GuardianTimeout' },
      );
    }
  }
  const cronJobs = places.flatMap(({ release }) => release.consumers.filter(one => one.workload.kind === 'CronJob'));
  if (cronJobs.length > 0) {
    host.warn(
      `${cronJobs.map(one => `cronjob/${one.workload.name}`).join(', ')}: a run that is under way now still has the old key. Rotate keys when none is.`,
    );
  }
}

const probeDelayMilliseconds = 1000;
const probes = 60;

/** Gives each endpoint a new primary key, and waits until it is let in. @returns the values with the new keys */
export async function regeneratePrimaryKeys(
  workspace: Workspace,
  names: readonly string[],
  endpoints: ReadonlyMap<string, EndpointValues>,
  host: TaskHost,
): Promise<Map<string, EndpointValues>> {
  const renewed = new Map(endpoints);
  for (const name of names) {
    await regenerateKey(workspace, name, 'Primary', host.signal);
    const before = endpoints.get(name);
    const keys = await readKeys(workspace, name, 'Key', host);
    if (keys.primaryKey === before?.primaryKey) {
      throw new TaskError(
        `Azure regenerated the primary key of the endpoint ${name}, but still lists the old one. The application uses the secondary key, which is good; run the task again.`,
      );
    }
    await untilLetIn(name, before?.swaggerUri ?? before?.scoringUri, keys.primaryKey, host);
    renewed.set(name, { ...before, ...keys });
    host.info(`Endpoint ${name} has a new primary key`);
  }
  return renewed;
}

/** A new key takes a moment to reach the endpoint's gateway. */
async function untilLetIn(name: string, url: string | undefined, key: string, host: TaskHost): Promise<void> {
  if (!url) return;
  for (let tries = 0; tries < probes; tries++) {
    const { status } = await callEndpoint({ method: 'GET', url, key }, host);
    if (status !== 401 && status !== 403) return;
    await host.clock.sleep(probeDelayMilliseconds, host.signal);
  }
  throw new TaskError(
    `Endpoint ${name} does not let its new primary key in. The application uses the secondary key, which is good; run the task again.`,
    { code: 'GuardianTimeout' },
  );
}
