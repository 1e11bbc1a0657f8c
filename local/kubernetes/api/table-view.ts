import { isRecord, type ApiObject } from '../objects/api-object';

interface Column {
  name: string;
  /** 0 is always shown, 1 only with `-o wide`. */
  priority?: number;
  value: (object: ApiObject) => string | number;
}

const at = (object: unknown, ...path: string[]): unknown =>
  path.reduce<unknown>((value, name) => (isRecord(value) ? value[name] : undefined), object);
const text = (value: unknown, otherwise = '<none>'): string => (typeof value === 'string' && value ? value : otherwise);
const count = (value: unknown): number => (typeof value === 'number' ? value : 0);
const size = (value: unknown): number => (isRecord(value) ? Object.keys(value).length : 0);
const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

const name: Column = { name: 'Name', value: object => object.metadata.name };
const age: Column = { name: 'Age', value: object => duration(object.metadata.creationTimestamp) };

const columns: Readonly<Record<string, Column[]>> = {
  Namespace: [name, { name: 'Status', value: object => text(at(object, 'status', 'phase')) }, age],
  Node: [name, { name: 'Status', value: () => 'Ready' }, age],
  ConfigMap: [name, { name: 'Data', value: object => size(object.data) + size(object.binaryData) }, age],
  Secret: [
    name,
    { name: 'Type', value: object => text(object.type) },
    { name: 'Data', value: object => size(object.data) },
    age,
  ],
  ServiceAccount: [name, age],
  Service: [
    name,
    { name: 'Type', value: object => text(at(object, 'spec', 'type')) },
    { name: 'Cluster-IP', value: object => text(at(object, 'spec', 'clusterIP')) },
    { name: 'Port(s)', value: servicePorts },
    age,
  ],
  Pod: [
    name,
    { name: 'Ready', value: readyContainers },
    { name: 'Status', value: podStatus },
    {
      name: 'Restarts',
      value: object => containerStatuses(object).reduce<number>((sum, one) => sum + count(at(one, 'restartCount')), 0),
    },
    age,
    { name: 'IP', priority: 1, value: object => text(at(object, 'status', 'podIP')) },
    { name: 'Node', priority: 1, value: object => text(at(object, 'spec', 'nodeName')) },
  ],
  Event: [
    { name: 'Last Seen', value: object => duration(text(object.lastTimestamp, object.metadata.creationTimestamp)) },
    { name: 'Type', value: object => text(object.type) },
    { name: 'Reason', value: object => text(object.reason) },
    {
      name: 'Object',
      value: object =>
        `${text(at(object, 'involvedObject', 'kind')).toLowerCase()}/${text(at(object, 'involvedObject', 'name'))}`,
    },
    { name: 'Message', value: object => text(object.message) },
  ],
  Deployment: [
    name,
    {
      name: 'Ready',
      value: object => `${count(at(object, 'status', 'readyReplicas'))}/${count(at(object, 'spec', 'replicas'))}`,
    },
    { name: 'Up-to-date', value: object => count(at(object, 'status', 'updatedReplicas')) },
    { name: 'Available', value: object => count(at(object, 'status', 'availableReplicas')) },
    age,
  ],
  ReplicaSet: [
    name,
    { name: 'Desired', value: object => count(at(object, 'spec', 'replicas')) },
    { name: 'Current', value: object => count(at(object, 'status', 'replicas')) },
    { name: 'Ready', value: object => count(at(object, 'status', 'readyReplicas')) },
    age,
  ],
  StatefulSet: [
    name,
    {
      name: 'Ready',
      value: object => `${count(at(object, 'status', 'readyReplicas'))}/${count(at(object, 'spec', 'replicas'))}`,
    },
    age,
  ],
  Job: [
    name,
    { name: 'Status', value: jobStatus },
    {
      name: 'Completions',
      value: object => `${count(at(object, 'status', 'succeeded'))}/${count(at(object, 'spec', 'completions')) || 1}`,
    },
    age,
  ],
  CronJob: [
    name,
    { name: 'Schedule', value: object => text(at(object, 'spec', 'schedule')) },
    { name: 'Suspend', value: object => (at(object, 'spec', 'suspend') === true ? 'True' : 'False') },
    { name: 'Active', value: object => list(at(object, 'status', 'active')).length },
    age,
  ],
  PersistentVolumeClaim: [name, { name: 'Status', value: object => text(at(object, 'status', 'phase')) }, age],
  ControllerRevision: [
    name,
    { name: 'Controller', value: object => text(object.metadata.ownerReferences?.[0]?.name) },
    { name: 'Revision', value: object => count(object.revision) },
    age,
  ],
  DaemonSet: [
    name,
    { name: 'Desired', value: object => count(at(object, 'status', 'desiredNumberScheduled')) },
    { name: 'Ready', value: object => count(at(object, 'status', 'numberReady')) },
    age,
  ],
};

/** What `-o wide` adds for a workload. */
const templateColumns: Column[] = [
  { name: 'Containers', priority: 1, value: object => templateContainers(object, 'name') },
  { name: 'Images', priority: 1, value: object => templateContainers(object, 'image') },
];
const workloads = new Set(['Deployment', 'ReplicaSet', 'StatefulSet', 'DaemonSet', 'Job', 'CronJob']);

/** Objects as the Table that kubectl prints. */
export function tableOf(
  kind: string,
  objects: readonly ApiObject[],
  listMetadata: Record<string, unknown>,
): Record<string, unknown> {
  const shown = [...(columns[kind] ?? [name, age]), ...(workloads.has(kind) ? templateColumns : [])];
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata: listMetadata,
    columnDefinitions: shown.map(column => ({
      name: column.name,
      type: 'string',
      format: column.name === 'Name' ? 'name' : '',
      description: '',
      priority: column.priority ?? 0,
    })),
    rows: objects.map(object => ({
      cells: shown.map(column => column.value(object)),
      object: { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: object.metadata },
    })),
  };
}

/** Whether the client would rather have a Table. */
export function wantsTable(accept: string | undefined): boolean {
  return accept?.split(',').some(type => /;\s*as=Table/.test(type) && /;\s*v=v1(;|$)/.test(type)) ?? false;
}

/** Time since then as kubectl shows it: 5s, 3m, 2h, 4d. */
function duration(since: string): string {
  const seconds = Math.max(0, Math.floor((Date.now() - Date.parse(since)) / 1000));
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)}m`;
  return seconds < 172_800 ? `${Math.floor(seconds / 3600)}h` : `${Math.floor(seconds / 86_400)}d`;
}

function servicePorts(object: ApiObject): string {
  const ports = list(at(object, 'spec', 'ports')).map(
    port => `${count(at(port, 'port'))}/${text(at(port, 'protocol'))}`,
  );
  return ports.join(',') || '<none>';
}

function templateContainers(object: ApiObject, field: string): string {
  const spec = object.kind === 'CronJob' ? at(object, 'spec', 'jobTemplate', 'spec') : object.spec;
  return list(at(spec, 'template', 'spec', 'containers'))
    .map(one => text(at(one, field)))
    .join(',');
}

function jobStatus(object: ApiObject): string {
  const ended = list(at(object, 'status', 'conditions')).find(
    one => (at(one, 'type') === 'Complete' || at(one, 'type') === 'Failed') && at(one, 'status') === 'True',
  );
  return text(at(ended, 'type'), at(object, 'spec', 'suspend') === true ? 'Suspended' : 'Running');
}

function containerStatuses(object: ApiObject): unknown[] {
  return list(at(object, 'status', 'containerStatuses'));
}

function readyContainers(object: ApiObject): string {
  const ready = containerStatuses(object).filter(one => at(one, 'ready') === true).length;
  return `${ready}/${list(at(object, 'spec', 'containers')).length}`;
}

function podStatus(object: ApiObject): string {
  if (object.metadata.deletionTimestamp) return 'Terminating';
  for (const container of containerStatuses(object)) {
    const reason = at(container, 'state', 'waiting', 'reason') ?? at(container, 'state', 'terminated', 'reason');
    if (typeof reason === 'string') return reason;
  }
  return text(at(object, 'status', 'phase'));
}
