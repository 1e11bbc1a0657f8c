import type { TaskHost } from '../../lib/host/task-host';
import type { ConfigEntry } from '../../lib/kubernetes/config-change';
import type { WantedConfig } from '../../lib/kubernetes/config-plan';
import {
  planRelease,
  releaseConfigs,
  type ConfigRelease,
  type ReleaseRules,
} from '../../lib/kubernetes/config-release';
import { TaskError } from '../../lib/task-error';
import type { EndpointValues } from './endpoint-values';
import type { SyncInputs } from './inputs';
import type { Place } from './places';

export interface DonePlace {
  readonly place: Place;
  readonly release: ConfigRelease;
}

/**
 * Writes the same entries into every place, one place after the other: content that an application does not start with
 * is then found out in the first cluster, not in all of them. Before the first write every place is asked.
 * @throws TaskError that says of each place whether it was written
 */
export async function syncPlaces(
  places: readonly Place[],
  entries: readonly ConfigEntry[],
  endpoints: ReadonlyMap<string, EndpointValues>,
  inputs: SyncInputs,
  host: TaskHost,
): Promise<DonePlace[]> {
  const rules = rulesOf(inputs);
  const wantedAt = (place: Place) => wantedIn(place, entries, endpoints, inputs, host);
  if (places.length > 1) {
    for (const place of places) await planRelease(place.cluster, place.namespace, wantedAt(place), rules);
  }
  const done: DonePlace[] = [];
  for (const place of places) {
    const { cluster, namespace } = place;
    host.info(`Cluster ${cluster.access.server}, namespace ${namespace}, as ${cluster.access.user}`);
    try {
      done.push({ place, release: await releaseConfigs(cluster, namespace, wantedAt(place), rules, host) });
    } catch (error) {
      if (places.length === 1 || !(error instanceof TaskError)) throw error;
      throw new TaskError(reportFailure(places, done, place, error), { code: error.errorCode, cause: error });
    }
  }
  return done;
}

function rulesOf(inputs: SyncInputs): ReleaseRules {
  const { onConflict, whenImmutable, removeUnlisted, consumers, onRolloutFailure, keepSnapshots, whatIf } = inputs;
  const timeoutMilliseconds = inputs.rolloutTimeoutInMinutes * 60_000;
  return {
    ...{ onConflict, whenImmutable, removeUnlisted, consumers },
    ...{ onRolloutFailure, keepSnapshots, whatIf, timeoutMilliseconds },
  };
}

function wantedIn(
  place: Place,
  entries: readonly ConfigEntry[],
  endpoints: ReadonlyMap<string, EndpointValues>,
  inputs: SyncInputs,
  host: TaskHost,
): WantedConfig[] {
  const inSecret = (entry: ConfigEntry) => entry.secret && inputs.secretsIn === 'secret';
  const release = Object.fromEntries(
    [...endpoints].flatMap(([name, { revision }]) => (revision === undefined ? [] : [[name, revision] as const])),
  );
  const build = host.variable('Build.BuildNumber') ?? host.variable('Release.ReleaseName') ?? '';
  return place.pairs.map(pair => ({
    pair,
    provenance: { release, build },
    entries: { Secret: entries.filter(inSecret), ConfigMap: entries.filter(entry => !inSecret(entry)) },
  }));
}

function reportFailure(places: readonly Place[], done: readonly DonePlace[], failed: Place, error: TaskError): string {
  const lines = places.map((place, index) => {
    const name = placeName(place);
    if (place === failed) return `- ${name}: failed. ${error.message}`;
    const finished = done[index];
    if (!finished) return `- ${name}: not begun`;
    return `- ${name}: ${finished.release.changed ? 'written, and running with it' : 'unchanged'}`;
  });
  return `${done.length} of ${places.length} places have the configuration:\n${lines.join('\n')}`;
}

export function placeName({ cluster, namespace, pairs }: Place): string {
  return `${cluster.access.server}, namespace ${namespace}, ${pairs.map(pair => pair.configMapName).join(' and ')}`;
}
