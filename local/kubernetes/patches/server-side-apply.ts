import { StatusError, type StatusCause } from '../api/status-error';
import { isRecord, omit, type ApiObject, type JsonRecord, type ManagedFieldsEntry } from '../objects/api-object';
import { listSemantics, isAtomicMap, type ListSemantics } from '../objects/list-semantics';
import type { FieldType, Schema } from '../objects/schema';
import { appliedFields, compare, describePath, listStep, pathOf, type Path } from './field-set';
import {
  closure,
  managedFieldsFrom,
  managersOf,
  ownable,
  ownEntry,
  withoutOwnership,
  type FieldWriter,
  type Managers,
} from './managed-fields';

export interface Applied {
  object: ApiObject;
  managedFields: ManagedFieldsEntry[];
}

/**
 * Server-side apply: the configuration's fields are set and owned by the writer; fields that it owned and no longer
 * names go, unless somebody else owns them too.
 * @param live the stored object; undefined when it is to be created
 * @throws StatusError 409 with one FieldManagerConflict cause per field that another manager holds with another value,
 *   unless `force`; 500 for what the types do not allow, as the real server has it
 */
export function applyConfiguration(
  schema: Schema,
  model: string,
  live: ApiObject | undefined,
  configuration: ApiObject,
  writer: FieldWriter,
  force: boolean,
): Applied {
  checkTypes(schema, model, configuration);
  const before: JsonRecord = live
    ? withoutOwnership(live)
    : { apiVersion: configuration.apiVersion, kind: configuration.kind, metadata: {} };
  const wanted = withoutOwnership(configuration);
  const merged = merge(schema, { kind: 'object', model }, before, wanted, { kind: 'atomic' }, '', []) as JsonRecord;

  const managers = managersOf(live);
  const own = ownEntry(managers, writer, configuration.apiVersion);
  const { added, modified } = compare(schema, model, before, merged);
  settleConflicts(managers, own, ownable([...added, ...modified]), force);

  const mine = ownable(appliedFields(schema, model, wanted));
  const others = [...managers.values()].filter(manager => manager !== own).flatMap(manager => [...manager.set]);
  const kept = closure(new Set([...mine, ...others]));
  const dropped = [...own.set].filter(key => !kept.has(key)).map(pathOf);
  const object = dropped.reduce<unknown>(
    (value, path) => removeAt(schema, { kind: 'object', model }, value, path),
    merged,
  );
  own.set.clear();
  for (const key of mine) own.set.add(key);
  return { object: object as ApiObject, managedFields: managedFieldsFrom(managers) };
}

function checkTypes(schema: Schema, model: string, configuration: ApiObject): void {
  const [first] = schema.check(model, configuration);
  if (!first) return;
  const { name, namespace } = configuration.metadata;
  const group = configuration.apiVersion.includes('/') ? configuration.apiVersion : `/${configuration.apiVersion}`;
  const of = `failed to create typed patch object (${namespace ?? ''}/${name}; ${group}, Kind=${configuration.kind})`;
  const what =
    first.problem === 'unknown field'
      ? 'field not declared in schema'
      : `expected ${first.expected ?? ''}, got &value.valueUnstructured{Value:${JSON.stringify(first.value)}}`;
  throw new StatusError(500, undefined, `${of}: ${first.path}: ${what}`);
}

function settleConflicts(
  managers: Managers,
  own: { set: Set<string> },
  changed: ReadonlySet<string>,
  force: boolean,
): void {
  const conflicts: { who: string; path: Path }[] = [];
  for (const manager of managers.values()) {
    if (manager === own) continue;
    const theirs = [...changed].filter(key => manager.set.has(key)).sort();
    if (force) for (const key of theirs) manager.set.delete(key);
    else conflicts.push(...theirs.map(key => ({ who: describeManager(manager.entry), path: pathOf(key) })));
  }
  if (conflicts.length === 0) return;
  const causes: StatusCause[] = conflicts.map(({ who, path }) => ({
    reason: 'FieldManagerConflict',
    message: `conflict with ${who}`,
    field: describePath(path),
  }));
  throw new StatusError(409, 'Conflict', conflictMessage(conflicts), { causes });
}

function conflictMessage(conflicts: { who: string; path: Path }[]): string {
  const [first] = conflicts;
  if (first && conflicts.length === 1) {
    return `Apply failed with 1 conflict: conflict with ${first.who}: ${describePath(first.path)}`;
  }
  const lines = [...new Set(conflicts.map(conflict => conflict.who))]
    .sort()
    .flatMap(who => [
      `conflicts with ${who}:`,
      ...conflicts.filter(conflict => conflict.who === who).map(conflict => `- ${describePath(conflict.path)}`),
    ]);
  return `Apply failed with ${conflicts.length} conflicts: ${lines.join('\n')}`;
}

/** An applier by its name alone; an updater with the version of the API that it used. */
function describeManager({ manager, operation, apiVersion, subresource }: ManagedFieldsEntry): string {
  const name = `${JSON.stringify(manager)}${subresource ? ` with subresource ${JSON.stringify(subresource)}` : ''}`;
  return operation === 'Update' ? `${name} using ${apiVersion}` : name;
}

function merge(
  schema: Schema,
  type: FieldType,
  live: unknown,
  wanted: unknown,
  lists: ListSemantics,
  name: string,
  path: Path,
): unknown {
  if (Array.isArray(wanted)) {
    if (type.kind !== 'list' || lists.kind === 'atomic') return wanted;
    return mergeList(schema, type.of, Array.isArray(live) ? live : [], wanted, lists, path);
  }
  if (!isRecord(wanted) || !isRecord(live) || isAtomicMap(name)) return wanted;
  if (type.kind === 'object' && isAtomicMap(type.model)) return wanted;
  const fields = type.kind === 'object' ? schema.fields(type.model) : undefined;
  if (!fields && type.kind !== 'map') return wanted;
  const result: JsonRecord = { ...live };
  for (const [field, value] of Object.entries(wanted)) {
    const below: FieldType = (type.kind === 'map' ? type.of : fields?.get(field)) ?? { kind: 'any' };
    const model = type.kind === 'object' ? type.model : '';
    const semantics = listSemantics(model, field);
    result[field] = merge(schema, below, live[field], value, semantics, `${model}.${field}`, [...path, `f:${field}`]);
  }
  return result;
}

/** The wanted items in their order; items of others stay behind the item that they stood behind. */
function mergeList(
  schema: Schema,
  of: FieldType,
  live: unknown[],
  wanted: unknown[],
  lists: ListSemantics,
  path: Path,
): unknown[] {
  const current = new Map(live.map(item => [listStep(lists, item), item]));
  const result = new Map<string, unknown>();
  for (const item of wanted) {
    const step = listStep(lists, item);
    if (result.has(step)) {
      throw new StatusError(
        500,
        undefined,
        `failed to create typed patch object: ${describePath(path)}: duplicate entries for key ${describePath([step])}`,
      );
    }
    result.set(step, merge(schema, of, current.get(step), item, { kind: 'atomic' }, '', [...path, step]));
  }
  const order = [...result.keys()];
  let previous = -1;
  for (const step of current.keys()) {
    const at = order.indexOf(step);
    if (at >= 0) {
      previous = at;
    } else {
      previous += 1;
      order.splice(previous, 0, step);
    }
  }
  return order.map(step => (result.has(step) ? result.get(step) : current.get(step)));
}

/** Without the field; a map or list that becomes empty by this goes too. */
function removeAt(
  schema: Schema,
  type: FieldType,
  value: unknown,
  path: Path,
  name = '',
  lists: ListSemantics = { kind: 'atomic' },
): unknown {
  const [step, ...rest] = path;
  if (step === undefined) return undefined;
  if (Array.isArray(value)) {
    if (type.kind !== 'list') return value;
    const items = (value as unknown[]).flatMap(item => {
      if (listStep(lists, item) !== step) return [item];
      const left = removeAt(schema, type.of, item, rest);
      return left === undefined ? [] : [left];
    });
    return items.length === 0 ? undefined : items;
  }
  if (!isRecord(value)) return value;
  const field = step.slice(2);
  if (!Object.hasOwn(value, field)) return value;
  const model = type.kind === 'object' ? type.model : '';
  const below = type.kind === 'map' ? type.of : (schema.fields(model)?.get(field) ?? { kind: 'any' as const });
  const left = removeAt(schema, below, value[field], rest, `${model}.${field}`, listSemantics(model, field));
  const others = omit(value, field);
  if (left !== undefined) return { ...others, [field]: left };
  // The object itself, and an object of a fixed type, may be left empty; a map may not.
  return Object.keys(others).length === 0 && name !== '' && type.kind === 'map' ? undefined : others;
}
