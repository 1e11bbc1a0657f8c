import type {
  V1CronJob,
  V1DaemonSet,
  V1Deployment,
  V1LabelSelector,
  V1PodTemplateSpec,
  V1StatefulSet,
} from '@kubernetes/client-node' with { 'resolution-mode': 'import' };
import type { Cluster } from './cluster';
import { fieldManager } from './config-change';
import { redirect, type PatchOperation, type Redirection } from './config-references';
import { configUses, type ConfigUse } from './consumers';
import type { Attempt } from './kubernetes-error';
import { cronJobRollout, daemonSetRollout, deploymentRollout, statefulSetRollout } from './rollout-status';
import type { RolloutStatus } from './rollout-status';

export const workloadKinds = ['Deployment', 'StatefulSet', 'DaemonSet', 'CronJob'] as const;
export type WorkloadKind = (typeof workloadKinds)[number];

export interface WorkloadId {
  readonly kind: WorkloadKind;
  readonly name: string;
}

export interface Workload extends WorkloadId {
  readonly uses: readonly ConfigUse[];
  /** Annotations of the pod template. */
  readonly annotations: Readonly<Record<string, string>>;
  /** Label selector of its pods, as a query; empty for a CronJob, whose pods belong to its Jobs. */
  readonly selector: string;
  readonly rollout: RolloutStatus;
  readonly template: V1PodTemplateSpec | undefined;
}

/** `deployment/deep-vision` */
export function workloadName(workload: WorkloadId): string {
  return `${workload.kind.toLowerCase()}/${workload.name}`;
}

/** Reads `deployment/deep-vision`, in any letter case and also in the plural; undefined for anything else. */
export function parseWorkloadName(text: string): WorkloadId | undefined {
  const [, prefix = '', name = ''] = /^([A-Za-z]+)\/([-.a-z0-9]+)$/.exec(text) ?? [];
  const kind = workloadKinds.find(one => [one, `${one}s`].some(word => word.toLowerCase() === prefix.toLowerCase()));
  return kind && name ? { kind, name } : undefined;
}

/** Every Deployment, StatefulSet, DaemonSet and CronJob of a namespace, or those with these labels. */
export async function listWorkloads(cluster: Cluster, namespace: string, labelSelector?: string): Promise<Workload[]> {
  const attempt = (kind: WorkloadKind) => attemptOf(kind, 'list', namespace);
  const query = { namespace, ...(labelSelector ? { labelSelector } : {}) };
  const [deployments, statefulSets, daemonSets, cronJobs] = await Promise.all([
    cluster.call(attempt('Deployment'), options => cluster.apps.listNamespacedDeployment(query, options)),
    cluster.call(attempt('StatefulSet'), options => cluster.apps.listNamespacedStatefulSet(query, options)),
    cluster.call(attempt('DaemonSet'), options => cluster.apps.listNamespacedDaemonSet(query, options)),
    cluster.call(attempt('CronJob'), options => cluster.batch.listNamespacedCronJob(query, options)),
  ]);
  return [
    ...deployments.items.map(ofDeployment),
    ...statefulSets.items.map(ofStatefulSet),
    ...daemonSets.items.map(ofDaemonSet),
    ...cronJobs.items.map(ofCronJob),
  ];
}

export async function readWorkload(cluster: Cluster, namespace: string, { kind, name }: WorkloadId): Promise<Workload> {
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
    case 'CronJob':
      return cluster.call(attempt, async options =>
        ofCronJob(await cluster.batch.readNamespacedCronJob({ namespace, name }, options)),
      );
  }
}

/** What a restart writes on a pod template. */
export interface TemplateChange {
  /** Annotations to set. With those that it has already, nothing happens. */
  readonly annotations: Readonly<Record<string, string>>;
  /** ConfigMaps and Secrets to read instead of others. */
  readonly redirections?: readonly Redirection[];
  /** Only lets the API server check whether we may. */
  readonly dryRun?: boolean;
}

/** Starts a rollout by changing the pod template, in one request; a template that is as wanted stays as it is. */
export async function changeTemplate(
  cluster: Cluster,
  namespace: string,
  workload: Workload,
  { annotations, redirections = [], dryRun = false }: TemplateChange,
): Promise<void> {
  const { kind, name } = workload;
  const moved = workload.template?.spec
    ? redirect(workload.template.spec, `${templatePath(kind)}/spec`, redirections)
    : [];
  // A merge patch cannot reach into a list, and a JSON patch needs the map of annotations to be there.
  const asJsonPatch = moved.length > 0;
  const body = asJsonPatch ? [...annotationPatch(workload, annotations), ...moved] : mergePatch(kind, annotations);
  const request = { namespace, name, body, fieldManager, ...(dryRun ? { dryRun: 'All' } : {}) };
  await cluster.call(
    attemptOf(kind, 'patch', namespace, name),
    async options => {
      if (kind === 'Deployment') await cluster.apps.patchNamespacedDeployment(request, options);
      else if (kind === 'StatefulSet') await cluster.apps.patchNamespacedStatefulSet(request, options);
      else if (kind === 'DaemonSet') await cluster.apps.patchNamespacedDaemonSet(request, options);
      else await cluster.batch.patchNamespacedCronJob(request, options);
    },
    asJsonPatch ? 'application/json-patch+json' : 'application/merge-patch+json',
  );
}

function templatePath(kind: WorkloadKind): string {
  return kind === 'CronJob' ? '/spec/jobTemplate/spec/template' : '/spec/template';
}

function mergePatch(kind: WorkloadKind, annotations: Readonly<Record<string, string>>): object {
  const spec = { template: { metadata: { annotations } } };
  return { spec: kind === 'CronJob' ? { jobTemplate: { spec } } : spec };
}

function annotationPatch(workload: Workload, annotations: Readonly<Record<string, string>>): PatchOperation[] {
  const path = templatePath(workload.kind);
  const metadata = workload.template?.metadata;
  const value = { ...metadata?.annotations, ...annotations };
  if (!metadata) return [{ op: 'add', path: `${path}/metadata`, value: { annotations: value } }];
  return [{ op: 'add', path: `${path}/metadata/annotations`, value }];
}

function ofDeployment(object: V1Deployment): Workload {
  const { metadata, spec } = object;
  return workload('Deployment', metadata?.name, spec?.template, spec?.selector, deploymentRollout(object));
}

function ofStatefulSet(object: V1StatefulSet): Workload {
  const { metadata, spec } = object;
  return workload('StatefulSet', metadata?.name, spec?.template, spec?.selector, statefulSetRollout(object));
}

function ofDaemonSet(object: V1DaemonSet): Workload {
  const { metadata, spec } = object;
  return workload('DaemonSet', metadata?.name, spec?.template, spec?.selector, daemonSetRollout(object));
}

function ofCronJob({ metadata, spec }: V1CronJob): Workload {
  return workload('CronJob', metadata?.name, spec?.jobTemplate.spec?.template, undefined, cronJobRollout);
}

function workload(
  kind: WorkloadKind,
  name: string | undefined,
  template: V1PodTemplateSpec | undefined,
  selector: V1LabelSelector | undefined,
  rollout: RolloutStatus,
): Workload {
  return {
    kind,
    name: name ?? '',
    uses: template?.spec ? configUses(template.spec) : [],
    annotations: template?.metadata?.annotations ?? {},
    selector: selectorQuery(selector),
    rollout,
    template,
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
  const apiGroup = kind === 'CronJob' ? 'batch' : 'apps';
  return { verb, resource, apiGroup, namespace, ...(name ? { name } : {}) };
}
