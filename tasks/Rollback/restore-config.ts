import { kubernetesAccess } from '../../lib/connection/kubernetes-connection';
import type { ServiceConnection, TaskHost } from '../../lib/host/task-host';
import { openCluster, type Cluster } from '../../lib/kubernetes/cluster';
import type { ConfigPair } from '../../lib/kubernetes/config-marks';
import {
  isInPlace,
  listRevisions,
  restoreRevision,
  revisionFor,
  type ConfigRevision,
} from '../../lib/kubernetes/revisions';
import { TaskError } from '../../lib/task-error';

/** The application's configuration, as SyncK8sConfigMap wrote it. */
export interface ConfigTarget {
  readonly connection: ServiceConnection;
  /** Undefined: as the connection says. */
  readonly namespace: string | undefined;
  readonly configMapName: string;
  readonly secretName: string;
  readonly rolloutTimeoutInMinutes: number;
}

/** A content to go back to; `current` when it stands there already. */
export interface PlannedConfig {
  readonly cluster: Cluster;
  readonly pair: ConfigPair;
  readonly revision: ConfigRevision;
}

/**
 * Finds the content that was in force when the endpoints were at these revisions, before anything is changed.
 * @param endpoints name of each endpoint that goes back, and the revision that it goes back to
 * @throws TaskError when no such content is kept: going back half way would leave application and endpoints apart
 */
export async function planConfig(
  target: ConfigTarget,
  endpoints: ReadonlyMap<string, number>,
  host: TaskHost,
): Promise<PlannedConfig> {
  const access = await kubernetesAccess(target.connection, host, undefined);
  const cluster = await openCluster(access, host.clock, host.signal);
  const { configMapName, secretName } = target;
  const pair = { namespace: target.namespace ?? access.namespace ?? 'default', configMapName, secretName };
  const kept = await listRevisions(cluster, pair);
  const revision = revisionFor(kept, endpoints);
  const what = `ConfigMap ${pair.namespace}/${configMapName}`;
  if (!revision) {
    const meant = [...endpoints].map(([name, number]) => `${name} at revision ${number}`).join(', ');
    throw new TaskError(
      `${what} has no kept content from the time of ${meant}. Kept are the revisions ${kept.map(one => one.revision).join(', ')}. Leave kubernetesServiceConnection empty to take back the traffic alone.`,
      { code: 'GuardianNotFound' },
    );
  }
  host.info(
    isInPlace(revision)
      ? `${what}: stays at revision ${revision.revision}`
      : `${what}: back to the content of revision ${revision.revision}`,
  );
  return { cluster, pair, revision };
}

/** Brings the content back, restarts who reads it, and waits until they run with it. */
export async function restoreConfig(
  { cluster, pair, revision }: PlannedConfig,
  { rolloutTimeoutInMinutes }: ConfigTarget,
  host: TaskHost,
): Promise<void> {
  if (isInPlace(revision)) return;
  const rules = {
    consumers: { kind: 'found' } as const,
    timeoutMilliseconds: rolloutTimeoutInMinutes * 60_000,
    onRolloutFailure: 'restore' as const,
    keepSnapshots: 10,
    whatIf: false,
  };
  await restoreRevision(cluster, pair, revision.revision, rules, host);
}
