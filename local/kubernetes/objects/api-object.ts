/** Any part of a JSON document that is an object. */
export type JsonRecord = Record<string, unknown>;

export interface OwnerReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
  blockOwnerDeletion?: boolean;
}

/** Who wrote which fields: an entry of metadata.managedFields. */
export interface ManagedFieldsEntry {
  manager: string;
  operation: 'Apply' | 'Update';
  apiVersion: string;
  /** RFC 3339, whole seconds. */
  time?: string;
  fieldsType: 'FieldsV1';
  fieldsV1: JsonRecord;
  subresource?: string;
}

export interface ObjectMeta {
  name: string;
  generateName?: string;
  /** Absent on cluster-scoped objects. */
  namespace?: string;
  uid: string;
  resourceVersion: string;
  /** Counts the changes of the desired state; only on kinds that have one. */
  generation?: number;
  creationTimestamp: string;
  deletionTimestamp?: string;
  deletionGracePeriodSeconds?: number;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  ownerReferences?: OwnerReference[];
  finalizers?: string[];
  managedFields?: ManagedFieldsEntry[];
}

/** A Kubernetes object in its JSON form, as it is stored and sent. What the store hands out must not be changed in place. */
export interface ApiObject {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
  spec?: unknown;
  status?: unknown;
  [field: string]: unknown;
}

export function isRecord(value: unknown): value is JsonRecord {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** `namespace/name`, or the name alone for a cluster-scoped object. */
export function objectKey(namespace: string | undefined, name: string): string {
  return namespace ? `${namespace}/${name}` : name;
}

/** The reference that names its controller, if it has one. */
export function controllerOf(object: ApiObject): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find(reference => reference.controller);
}

/** An ownerReferences entry that makes `owner` the controller. */
export function controllerReference(owner: ApiObject): OwnerReference {
  return {
    apiVersion: owner.apiVersion,
    kind: owner.kind,
    name: owner.metadata.name,
    uid: owner.metadata.uid,
    controller: true,
    blockOwnerDeletion: true,
  };
}

/** A copy without these fields, which must be ones that may be absent. */
export function omit<T extends object>(object: T, ...names: (keyof T)[]): T {
  const copy = { ...object };
  for (const name of names) Reflect.deleteProperty(copy, name);
  return copy;
}

/** The time in the form of Kubernetes' timestamps: RFC 3339 with whole seconds. */
export function timestamp(date = new Date()): string {
  return date.toISOString().replace(/\.\d+Z$/, 'Z');
}
