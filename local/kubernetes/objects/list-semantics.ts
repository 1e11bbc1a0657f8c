/** How the items of a list are told apart when it is merged. */
export type ListSemantics =
  /** Replaced as a whole. */
  | { readonly kind: 'atomic' }
  /** A set of plain values. */
  | { readonly kind: 'set' }
  /** By the values of these fields; a key field that is absent has the default given here. */
  | { readonly kind: 'keyed'; readonly keys: readonly string[]; readonly defaults?: Readonly<Record<string, unknown>> };

const atomic: ListSemantics = { kind: 'atomic' };
const byName: ListSemantics = { kind: 'keyed', keys: ['name'] };
const byType: ListSemantics = { kind: 'keyed', keys: ['type'] };
const byIp: ListSemantics = { kind: 'keyed', keys: ['ip'] };

/**
 * Lists that are not atomic, by `type.field`: x-kubernetes-list-type and x-kubernetes-list-map-keys of the API's OpenAPI
 * document, for the kinds that are served here. (The client's types do not carry them.)
 */
const lists: Readonly<Record<string, ListSemantics>> = {
  'V1ObjectMeta.finalizers': { kind: 'set' },
  'V1ObjectMeta.ownerReferences': { kind: 'keyed', keys: ['uid'] },
  'V1PodSpec.containers': byName,
  'V1PodSpec.initContainers': byName,
  'V1PodSpec.ephemeralContainers': byName,
  'V1PodSpec.volumes': byName,
  'V1PodSpec.imagePullSecrets': byName,
  'V1PodSpec.resourceClaims': byName,
  'V1PodSpec.schedulingGates': byName,
  'V1PodSpec.hostAliases': byIp,
  'V1PodSpec.topologySpreadConstraints': { kind: 'keyed', keys: ['topologyKey', 'whenUnsatisfiable'] },
  'V1Container.env': byName,
  'V1Container.ports': { kind: 'keyed', keys: ['containerPort', 'protocol'], defaults: { protocol: 'TCP' } },
  'V1Container.volumeMounts': { kind: 'keyed', keys: ['mountPath'] },
  'V1Container.volumeDevices': { kind: 'keyed', keys: ['devicePath'] },
  'V1ResourceRequirements.claims': byName,
  'V1ServiceSpec.ports': { kind: 'keyed', keys: ['port', 'protocol'], defaults: { protocol: 'TCP' } },
  'V1ServiceAccount.secrets': byName,
  'V1DeploymentStatus.conditions': byType,
  'V1ReplicaSetStatus.conditions': byType,
  'V1StatefulSetStatus.conditions': byType,
  'V1DaemonSetStatus.conditions': byType,
  'V1PodStatus.conditions': byType,
  'V1PodStatus.podIPs': byIp,
  'V1NodeStatus.conditions': byType,
  'V1NodeStatus.addresses': byType,
  'V1NamespaceStatus.conditions': byType,
  'V1ServiceStatus.conditions': byType,
};

/**
 * Lists that a strategic merge patch merges by one key: x-kubernetes-patch-merge-key. It is not always the first key of
 * server-side apply, and some lists that are atomic there are merged here.
 */
const patchMergeKeys: Readonly<Record<string, string>> = {
  'V1ObjectMeta.ownerReferences': 'uid',
  'V1PodSpec.containers': 'name',
  'V1PodSpec.initContainers': 'name',
  'V1PodSpec.ephemeralContainers': 'name',
  'V1PodSpec.volumes': 'name',
  'V1PodSpec.imagePullSecrets': 'name',
  'V1PodSpec.resourceClaims': 'name',
  'V1PodSpec.schedulingGates': 'name',
  'V1PodSpec.hostAliases': 'ip',
  'V1PodSpec.topologySpreadConstraints': 'topologyKey',
  'V1Container.env': 'name',
  'V1Container.ports': 'containerPort',
  'V1Container.volumeMounts': 'mountPath',
  'V1Container.volumeDevices': 'devicePath',
  'V1ServiceSpec.ports': 'port',
  'V1ServiceAccount.secrets': 'name',
  'V1DeploymentStatus.conditions': 'type',
  'V1ReplicaSetStatus.conditions': 'type',
  'V1StatefulSetStatus.conditions': 'type',
  'V1DaemonSetStatus.conditions': 'type',
  'V1PodStatus.conditions': 'type',
  'V1NodeStatus.conditions': 'type',
};

/** Lists of plain values that a strategic merge patch adds to. */
const patchMergedSets = new Set(['V1ObjectMeta.finalizers']);

/** Objects and maps that are replaced as a whole: x-kubernetes-map-type: atomic. By type, or by `type.field` for maps. */
const atomicMaps = new Set([
  'V1LabelSelector',
  'V1NodeSelector',
  'V1NodeSelectorTerm',
  'V1SecretKeySelector',
  'V1ConfigMapKeySelector',
  'V1ObjectFieldSelector',
  'V1ResourceFieldSelector',
  'V1LocalObjectReference',
  'V1TypedLocalObjectReference',
  'V1ObjectReference',
  'V1OwnerReference',
  'V1SecretReference',
  'V1RoleRef',
  'RbacV1Subject',
  'V1PodSpec.nodeSelector',
  'V1ServiceSpec.selector',
]);

export function listSemantics(model: string, field: string): ListSemantics {
  return lists[`${model}.${field}`] ?? atomic;
}

/** The merge key of a list for a strategic merge patch, 'set' for a list of plain values that is added to, undefined when it is replaced. */
export function patchMergeKey(model: string, field: string): { key: string } | 'set' | undefined {
  const name = `${model}.${field}`;
  const key = patchMergeKeys[name];
  if (key) return { key };
  return patchMergedSets.has(name) ? 'set' : undefined;
}

/** Whether the field's value, an object of `type` or a map, is replaced as a whole by server-side apply. */
export function isAtomicMap(name: string): boolean {
  return atomicMaps.has(name);
}
