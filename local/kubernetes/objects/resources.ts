import { isRecord, type ApiObject } from './api-object';

export type Subresource = 'status' | 'scale' | 'log' | 'token';

/** One kind of object that the API serves. Everything about a kind that paths, discovery and checks need stands here. */
export interface Resource {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly namespaced: boolean;
  /** Name of the kind's type in the schema. */
  readonly model: string;
  readonly subresources: readonly Subresource[];
  /** False for reviews, which are answered and forgotten: they can only be created. */
  readonly stored: boolean;
  /** Whether metadata.generation counts the changes of its spec. */
  readonly hasGeneration: boolean;
  /** What a field selector may name, besides metadata.name and metadata.namespace. */
  readonly selectableFields: readonly string[];
}

type Row = Pick<Resource, 'kind' | 'plural' | 'namespaced'> & Partial<Resource>;

function rows(group: string, version: string, list: Row[]): Resource[] {
  return list.map(row => ({
    group,
    version,
    singular: row.kind.toLowerCase(),
    shortNames: [],
    categories: [],
    model: `V1${row.kind}`,
    subresources: [],
    stored: true,
    hasGeneration: false,
    selectableFields: [],
    ...row,
  }));
}

const workload = { namespaced: true, hasGeneration: true, categories: ['all'] };

/** The kinds that this API serves; routes, discovery and the OpenAPI documents are made from it. */
export const resources: readonly Resource[] = [
  ...rows('', 'v1', [
    { kind: 'Namespace', plural: 'namespaces', namespaced: false, shortNames: ['ns'], subresources: ['status'] },
    { kind: 'Node', plural: 'nodes', namespaced: false, shortNames: ['no'], subresources: ['status'] },
    { kind: 'ConfigMap', plural: 'configmaps', namespaced: true, shortNames: ['cm'] },
    { kind: 'Secret', plural: 'secrets', namespaced: true, selectableFields: ['type'] },
    {
      kind: 'PersistentVolumeClaim',
      plural: 'persistentvolumeclaims',
      namespaced: true,
      shortNames: ['pvc'],
      subresources: ['status'],
    },
    {
      kind: 'Pod',
      plural: 'pods',
      namespaced: true,
      shortNames: ['po'],
      categories: ['all'],
      subresources: ['status', 'log'],
      selectableFields: ['spec.nodeName', 'spec.restartPolicy', 'spec.serviceAccountName', 'status.phase'],
    },
    {
      kind: 'Event',
      plural: 'events',
      namespaced: true,
      shortNames: ['ev'],
      model: 'CoreV1Event',
      selectableFields: [
        'involvedObject.kind',
        'involvedObject.namespace',
        'involvedObject.name',
        'involvedObject.uid',
        'reason',
        'reportingComponent',
        'source',
        'type',
      ],
    },
    {
      kind: 'Service',
      plural: 'services',
      namespaced: true,
      shortNames: ['svc'],
      categories: ['all'],
      subresources: ['status'],
      selectableFields: ['spec.clusterIP', 'spec.type'],
    },
    {
      kind: 'ServiceAccount',
      plural: 'serviceaccounts',
      namespaced: true,
      shortNames: ['sa'],
      subresources: ['token'],
    },
  ]),
  ...rows('apps', 'v1', [
    {
      kind: 'Deployment',
      plural: 'deployments',
      shortNames: ['deploy'],
      subresources: ['status', 'scale'],
      ...workload,
    },
    { kind: 'ReplicaSet', plural: 'replicasets', shortNames: ['rs'], subresources: ['status', 'scale'], ...workload },
    {
      kind: 'StatefulSet',
      plural: 'statefulsets',
      shortNames: ['sts'],
      subresources: ['status', 'scale'],
      ...workload,
    },
    { kind: 'DaemonSet', plural: 'daemonsets', shortNames: ['ds'], subresources: ['status'], ...workload },
    { kind: 'ControllerRevision', plural: 'controllerrevisions', namespaced: true },
  ]),
  ...rows('batch', 'v1', [
    { kind: 'Job', plural: 'jobs', subresources: ['status'], ...workload },
    { kind: 'CronJob', plural: 'cronjobs', shortNames: ['cj'], subresources: ['status'], ...workload },
  ]),
  ...rows('rbac.authorization.k8s.io', 'v1', [
    { kind: 'Role', plural: 'roles', namespaced: true },
    { kind: 'RoleBinding', plural: 'rolebindings', namespaced: true },
    { kind: 'ClusterRole', plural: 'clusterroles', namespaced: false },
    { kind: 'ClusterRoleBinding', plural: 'clusterrolebindings', namespaced: false },
  ]),
  ...rows('authentication.k8s.io', 'v1', [
    { kind: 'SelfSubjectReview', plural: 'selfsubjectreviews', namespaced: false, stored: false },
  ]),
  ...rows('authorization.k8s.io', 'v1', [
    { kind: 'SelfSubjectAccessReview', plural: 'selfsubjectaccessreviews', namespaced: false, stored: false },
    { kind: 'SelfSubjectRulesReview', plural: 'selfsubjectrulesreviews', namespaced: false, stored: false },
    { kind: 'SubjectAccessReview', plural: 'subjectaccessreviews', namespaced: false, stored: false },
  ]),
];

/** The resource of that plural name; for code that knows the table's rows. @throws Error when there is none. */
export function resourceNamed(plural: string): Resource {
  const resource = resources.find(one => one.plural === plural);
  if (!resource) throw new Error(`The table of resources has no ${plural}.`);
  return resource;
}

/** The resource that stores objects of this kind, or undefined. */
export function resourceOfKind(apiVersion: string, kind: string): Resource | undefined {
  return resources.find(one => one.stored && one.kind === kind && apiVersionOf(one) === apiVersion);
}

/** `v1` or `apps/v1` */
export function apiVersionOf({ group, version }: Pick<Resource, 'group' | 'version'>): string {
  return group ? `${group}/${version}` : version;
}

/** `configmaps` or `deployments.apps`, as messages name a resource. */
export function qualifiedName({ group, plural }: Pick<Resource, 'group' | 'plural'>): string {
  return group ? `${plural}.${group}` : plural;
}

/** `Deployment.apps`, as messages about an invalid object name its kind. */
export function qualifiedKind({ group, kind }: Pick<Resource, 'group' | 'kind'>): string {
  return group ? `${kind}.${group}` : kind;
}

/** The value of a selectable field as text; empty when absent. */
export function selectableValue(object: ApiObject, field: string): string {
  // An event's source is an object; the selector means its component.
  const path = field === 'source' ? ['source', 'component'] : field.split('.');
  let value: unknown = object;
  for (const name of path) value = isRecord(value) ? value[name] : undefined;
  return typeof value === 'string' ? value : '';
}
