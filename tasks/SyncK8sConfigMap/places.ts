import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { azureConnection } from '../../lib/connection/azure-connection';
import { aksAccess, entraSignIn } from '../../lib/connection/kubernetes-aks';
import { kubernetesAccess, type KubernetesAccess } from '../../lib/connection/kubernetes-connection';
import { kubeconfigAccess, type EntraSignIn } from '../../lib/connection/kubernetes-kubeconfig';
import type { ServiceConnection, TaskHost } from '../../lib/host/task-host';
import { openCluster, type Cluster } from '../../lib/kubernetes/cluster';
import type { ConfigPair } from '../../lib/kubernetes/config-marks';
import { TaskError } from '../../lib/task-error';
import type { SyncInputs } from './inputs';
import type { TargetLine } from './targets';

/** A namespace of a cluster, and what is written there. */
export interface Place {
  readonly cluster: Cluster;
  /** As `targets` can name it. */
  readonly clusterName: string;
  readonly namespace: string;
  readonly pairs: readonly ConfigPair[];
}

interface NamedCluster {
  readonly names: readonly string[];
  readonly access: KubernetesAccess;
  readonly cluster: Cluster;
}

/** Opens the clusters, and says what is to be written where: `targets` line by line, else one in each cluster. */
export async function openPlaces(inputs: SyncInputs, host: TaskHost): Promise<Place[]> {
  const clusters: NamedCluster[] = [];
  for (const { names, access } of await accesses(inputs, host)) {
    clusters.push({ names, access, cluster: await openCluster(access, host.clock, host.signal) });
  }
  const everywhere = { cluster: undefined, namespace: undefined, configMapName: undefined, secretName: undefined };
  const lines: readonly TargetLine[] = inputs.targets.length > 0 ? inputs.targets : [everywhere];
  const places: (Place & { pairs: ConfigPair[] })[] = [];
  for (const line of lines) {
    for (const { names, access, cluster } of clustersOf(line, clusters)) {
      const namespace = line.namespace ?? inputs.namespace ?? access.namespace ?? 'default';
      const configMapName = line.configMapName ?? inputs.configMapName;
      const secretName = line.secretName ?? secretNameFor(line, inputs, configMapName);
      let place = places.find(one => one.cluster === cluster && one.namespace === namespace);
      if (!place) places.push((place = { cluster, clusterName: names[0] ?? access.server, namespace, pairs: [] }));
      const same = place.pairs.find(one => one.configMapName === configMapName || one.secretName === secretName);
      if (same) {
        throw new TaskError(
          `Two targets write the ConfigMap ${configMapName} or the Secret ${secretName} in namespace ${namespace} of ${access.server}: give each a configMap and a secret of its own.`,
          { code: 'GuardianInput' },
        );
      }
      place.pairs.push({ namespace, configMapName, secretName });
    }
  }
  return places;
}

/** The Secret that the inputs name belongs to the ConfigMap that they name. */
function secretNameFor(line: TargetLine, inputs: SyncInputs, configMapName: string): string {
  const own = line.configMapName === undefined || line.configMapName === inputs.configMapName;
  return (own ? inputs.secretName : undefined) ?? `${configMapName}-secrets`;
}

function clustersOf({ cluster }: TargetLine, clusters: readonly NamedCluster[]): NamedCluster[] {
  if (cluster === undefined) return [...clusters];
  const found = clusters.filter(({ names }) => names.some(name => name.toLowerCase() === cluster.toLowerCase()));
  if (found.length > 0) return found;
  const known = clusters.map(({ names }) => names.join(' or ')).join('; ');
  throw new TaskError(`targets names the cluster ${cluster}, but there are: ${known}.`, { code: 'GuardianInput' });
}

async function accesses(
  { access, azure, targets }: SyncInputs,
  host: TaskHost,
): Promise<{ names: string[]; access: KubernetesAccess }[]> {
  const entra = azure ? signInWhenNeeded(azure, host) : undefined;
  switch (access.kind) {
    case 'serviceConnection':
      return Promise.all(
        access.connections.map(async (connection, index) => {
          const found = await kubernetesAccess(connection, host, entra);
          return { names: [String(index + 1), new URL(found.server).host], access: found };
        }),
      );
    case 'aks':
      return Promise.all(
        access.clusters.map(async text => {
          const [name = '', group = access.resourceGroup] = text.split('/').reverse();
          if (!azure || group === '') {
            throw new TaskError(`The resource group of the AKS cluster ${name} is not given: set aksResourceGroup.`, {
              code: 'GuardianInput',
            });
          }
          const aks = { name, resourceGroup: group, credentials: access.credentials };
          return {
            names: [...new Set([name, text])],
            access: await aksAccess(azureConnection(azure, host), aks, host),
          };
        }),
      );
    case 'kubeconfig': {
      const text = kubeconfigText(access.kubeconfig, host);
      const named = targets.flatMap(({ cluster }) => (cluster === undefined ? [] : [cluster]));
      const contexts = access.contexts.length > 0 ? access.contexts : [...new Set(named)];
      return Promise.all(
        (contexts.length > 0 ? contexts : [undefined]).map(async context => {
          const found = await kubeconfigAccess(text, { what: 'the kubeconfig', context, entra }, host);
          return { names: [context ?? found.kubeConfig.getCurrentContext()], access: found };
        }),
      );
    }
  }
}

/** Most clusters do not ask for it, and a connection that is there for something else may not be fit for it. */
function signInWhenNeeded(azure: ServiceConnection, host: TaskHost): EntraSignIn {
  let opened: EntraSignIn | undefined;
  const open = (): EntraSignIn => (opened ??= entraSignIn(azureConnection(azure, host), host));
  return {
    get principal() {
      return open().principal;
    },
    token: application => open().token(application),
  };
}

/** The text itself, which a secret variable can hold, or the file that it names. */
function kubeconfigText(given: string, host: TaskHost): string {
  if (/[\r\n{]/.test(given)) return given;
  const path = resolve(host.variable('System.DefaultWorkingDirectory') ?? '.', given);
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new TaskError(
      `The kubeconfig ${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`,
      {
        code: 'GuardianInput',
        cause: error,
      },
    );
  }
}
