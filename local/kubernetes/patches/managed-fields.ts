import { omit, timestamp, type ApiObject, type JsonRecord, type ManagedFieldsEntry } from '../objects/api-object';
import type { Schema } from '../objects/schema';
import { compare, fromFieldsV1, pathKey, pathOf, prefixes, toFieldsV1, type FieldSet } from './field-set';

/** Who writes, in the terms of managedFields. */
export interface FieldWriter {
  manager: string;
  operation: 'Apply' | 'Update';
  subresource?: string;
}

/** The managers of an object and their fields, by what tells managers apart. */
export type Managers = Map<string, { entry: ManagedFieldsEntry; set: Set<string> }>;

/** Fields that the server itself keeps; nobody owns them. */
const serverFields = new Set(
  [
    ['f:apiVersion'],
    ['f:kind'],
    ['f:metadata'],
    ['f:metadata', 'f:name'],
    ['f:metadata', 'f:namespace'],
    ['f:metadata', 'f:generateName'],
    ['f:metadata', 'f:uid'],
    ['f:metadata', 'f:resourceVersion'],
    ['f:metadata', 'f:generation'],
    ['f:metadata', 'f:creationTimestamp'],
    ['f:metadata', 'f:deletionTimestamp'],
    ['f:metadata', 'f:deletionGracePeriodSeconds'],
    ['f:metadata', 'f:selfLink'],
  ].map(pathKey),
);

export function ownable(set: Iterable<string>): Set<string> {
  return new Set([...set].filter(key => !serverFields.has(key)));
}

/** What a manager is known by. An applier stays the same over versions of the API; an updater does not. */
export function managerId({
  manager,
  operation,
  apiVersion,
  subresource,
}: Omit<ManagedFieldsEntry, 'fieldsType' | 'fieldsV1'>): string {
  return JSON.stringify([manager, operation, operation === 'Update' ? apiVersion : '', subresource ?? '']);
}

export function managersOf(object: ApiObject | undefined): Managers {
  const managers: Managers = new Map();
  for (const entry of object?.metadata.managedFields ?? []) {
    managers.set(managerId(entry), { entry, set: fromFieldsV1(entry.fieldsV1) });
  }
  return managers;
}

/** managedFields again; a manager whose fields did not change keeps its time, one without fields goes. */
export function managedFieldsFrom(managers: Managers): ManagedFieldsEntry[] {
  return [...managers.values()].flatMap(({ entry, set }) => {
    if (set.size === 0) return [];
    if (sameSet(set, fromFieldsV1(entry.fieldsV1))) return [entry];
    return [{ ...entry, time: timestamp(), fieldsV1: toFieldsV1(set) }];
  });
}

/** The writer's own entry, made when it has none. */
export function ownEntry(
  managers: Managers,
  writer: FieldWriter,
  apiVersion: string,
): { entry: ManagedFieldsEntry; set: Set<string> } {
  const entry: ManagedFieldsEntry = { ...writer, apiVersion, time: timestamp(), fieldsType: 'FieldsV1', fieldsV1: {} };
  const id = managerId(entry);
  const known = managers.get(id);
  if (known) return known;
  const made = { entry, set: new Set<string>() };
  managers.set(id, made);
  return made;
}

/**
 * Ownership after a plain write (create, update, patch): what the writer changed is now its own, and no longer anybody
 * else's; what it removed is nobody's.
 */
export function ownershipAfterUpdate(
  schema: Schema,
  model: string,
  before: ApiObject | undefined,
  after: ApiObject,
  writer: FieldWriter,
): ManagedFieldsEntry[] {
  const managers = managersOf(before);
  const bare = before ?? { apiVersion: after.apiVersion, kind: after.kind, metadata: {} };
  const { added, modified, removed } = compare(schema, model, withoutOwnership(bare), withoutOwnership(after));
  const changed = ownable([...added, ...modified]);
  const own = ownEntry(managers, writer, after.apiVersion);
  for (const manager of managers.values()) {
    for (const key of removed) manager.set.delete(key);
    if (manager !== own) for (const key of changed) manager.set.delete(key);
  }
  for (const key of changed) own.set.add(key);
  return managedFieldsFrom(managers);
}

/** The object without managedFields, for comparing. */
export function withoutOwnership(object: JsonRecord | ApiObject): JsonRecord {
  return { ...object, metadata: omit(object.metadata as JsonRecord, 'managedFields') };
}

/** The set and everything above its members. */
export function closure(set: FieldSet): Set<string> {
  return new Set([...set].flatMap(key => [key, ...prefixes(pathOf(key)).map(pathKey)]));
}

function sameSet(a: FieldSet, b: FieldSet): boolean {
  return a.size === b.size && [...a].every(key => b.has(key));
}
