import type {
  V1DaemonSet,
  V1Deployment,
  V1LabelSelector,
  V1PodTemplateSpec,
  V1StatefulSet,
} from '@kubernetes/client-node' with { 'resolution-mode': 'import' };
import type { Cluster } from './cluster';
import { fieldManager } from './config-change';
import { configUses, type ConfigUse } from './consumers';
import type { Attempt } from './kubernetes-error';
import { daemonSetRollout, deploymentRollout, statefulSetRollout, type RolloutStatus } from './rollout-status';

export type WorkloadKind = 'Deployment' | 'StatefulSet' | 'DaemonSet';

/** On the pod template: checksum of what the pods read of our ConfigMap and Secret when they were started. */
export const checksumAnnotation = 'guardian-mlops/content-checksum';

export interface Workload {
  readonly kind: WorkloadKind;
  readonly name: string;
  readonly uses: readonly ConfigUse[];
  readonly checksum: string | undefined;
  /** Label selector of its pods, as a query. */
  readonly selector: string;
  readonly rollout: RolloutStatus;
}

/** `deployment/deep-vision` */
export function workloadName(workload: { kind: WorkloadKind; name: string }): string {
  return `${workload.kind.toLowerCase()}/${workload.name}`;
}

/** Every Deployment, StatefulSet and DaemonSet of a namespace. */
export async function listWorkloads(cluster: Cluster, namespace: string): Promise<Workload[]> {
  const attempt = (kind: WorkloadKind) => attemptOf(kind, 'list', namespace);
  const [deployments, statefulSets, daemonSets] = await Promise.all([
    cluster.call(attempt('Deployment'), options => cluster.apps.listNamespacedDeployment({ namespace }, options)),
    cluster.call(attempt('StatefulSet'), options => cluster.apps.listNamespacedStatefulSet({ namespace }, options)),
    cluster.call(attempt('DaemonSet'), options => cluster.apps.listNamespacedDaemonSet({ namespace }, options)),
  ]);
  return [
    ...deployments.items.map(ofDeployment),
    ...statefulSets.items.map(ofStatefulSet),
    ...daemonSets.items.map(ofDaemonSet),
  ];
}

export async function readWorkload(
  cluster: Cluster,
  namespace: string,
  { kind, name }: { kind: WorkloadKind; name: string },
): Promise<Workload> {
  const attempt = attemptOf(kind, 'get', namespace, name);
  switch (kind) {
    case 'Deployment':
      return cluster.call(attempt, async options =>
        ofDeployment(await cluster.apps.readNamespacedDeployment({ namespace, name }, options)),
      );
    case 'StatefulSet':
      return cluster.call(attempt, async options =>
        ofStatefulSet(await cluster.apps.readNamespacedStatefulSet({ namespace, name }, options)),
      );
    case 'DaemonSet':
      return cluster.call(attempt, async options =>
        ofDaemonSet(await cluster.apps.readNamespacedDaemonSet({ namespace, name }, options)),
      );
  }
}

/**
 * Starts a rollout by the checksum on the pod template; with the checksum that it has already, nothing happens.
 * @param dryRun only lets the API server check whether we may
 */
export async function restartWorkload(
  cluster: Cluster,
  namespace: string,
  { kind, name }: { kind: WorkloadKind; name: string },
  { checksum, dryRun = false }: { checksum: string; dryRun?: boolean },
): Promise<void> {
  const body = { spec: { template: { metadata: { annotations: { [checksumAnnotation]: checksum } } } } };
  const request = { namespace, name, body, fieldManager, ...(dryRun ? { dryRun: 'All' } : {}) };
  await cluster.call(
    attemptOf(kind, 'patch', namespace, name),
    async options => {
      if (kind === 'Deployment') await cluster.apps.patchNamespacedDeployment(request, options);
      else if (kind === 'StatefulSet') await cluster.apps.patchNamespacedStatefulSet(request, options);
      else await cluster.apps.patchNamespacedDaemonSet(request, options);
    },
    'application/merge-patch+json',
  );
}

function ofDeployment(object: V1Deployment): Workload {
  return workload('Deployment', object.metadata?.name, object.spec, deploymentRollout(object));
}

function ofStatefulSet(object: V1StatefulSet): Workload {
  return workload('StatefulSet', object.metadata?.name, object.spec, statefulSetRollout(object));
}

function ofDaemonSet(object: V1DaemonSet): Workload {
  return workload('DaemonSet', object.metadata?.name, object.spec, daemonSetRollout(object));
}

function workload(
  kind: WorkloadKind,
  name: string | undefined,
  spec: { selector: V1LabelSelector; template: V1PodTemplateSpec } | undefined,
  rollout: RolloutStatus,
): Workload {
  const template = spec?.template;
  return {
    kind,
    name: name ?? '',
    uses: template?.spec ? configUses(template.spec) : [],
    checksum: template?.metadata?.annotations?.[checksumAnnotation],
    selector: selectorQuery(spec?.selector),
    rollout,
  };
}

function selectorQuery(selector: V1LabelSelector | undefined): string {
  const labels = Object.entries(selector?.matchLabels ?? {}).map(([key, value]) => `${key}=${value}`);
  const expressions = (selector?.matchExpressions ?? []).map(({ key, operator, values }) => {
    if (operator === 'Exists') return key;
    if (operator === 'DoesNotExist') return `!${key}`;
    return `${key} ${operator === 'In' ? 'in' : 'notin'} (${(values ?? []).join(',')})`;
  });
  return [...labels, ...expressions].join(',');
}

function attemptOf(kind: WorkloadKind, verb: string, namespace: string, name?: string): Attempt {
  const resource = `${kind.toLowerCase()}s`;
  return { verb, resource, apiGroup: 'apps', namespace, ...(name ? { name } : {}) };
}
