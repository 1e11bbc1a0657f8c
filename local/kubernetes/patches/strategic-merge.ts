import { badRequest } from '../api/status-error';
import { isRecord, type JsonRecord } from '../objects/api-object';
import { patchMergeKey } from '../objects/list-semantics';
import type { FieldType, Schema } from '../objects/schema';

const orderPrefix = '$setElementOrder/';
const deletePrefix = '$deleteFromPrimitiveList/';

/**
 * Kubernetes' strategic merge patch: like a merge patch, but lists of known kinds merge by a key, with the directives
 * `$patch: replace | delete`, `$retainKeys`, `$setElementOrder/…` and `$deleteFromPrimitiveList/…`. Gives a new value.
 * @throws StatusError 400 for a list item without its key, or an unknown directive
 */
export function strategicMergePatch(schema: Schema, model: string, target: unknown, patch: unknown): unknown {
  if (!isRecord(patch)) throw badRequest('a strategic merge patch must be an object');
  return mergeObject(schema, model, target, patch);
}

function mergeObject(schema: Schema, model: string | undefined, target: unknown, patch: JsonRecord): JsonRecord {
  const { $patch: directive, $retainKeys: retained, ...changes } = patch;
  if (directive === 'delete') return {};
  if (directive === 'replace') return withoutNulls(changes);
  if (directive !== undefined && directive !== 'merge')
    throw badRequest(`unknown patch directive ${JSON.stringify(directive)}`);
  const result: JsonRecord = isRecord(target) ? { ...target } : {};
  if (Array.isArray(retained)) {
    for (const name of Object.keys(result)) if (!retained.includes(name)) Reflect.deleteProperty(result, name);
  }
  const fields = model === undefined ? undefined : schema.fields(model);
  for (const [name, value] of Object.entries(changes)) {
    if (name.startsWith(orderPrefix) || name.startsWith(deletePrefix)) continue;
    const type = fields?.get(name);
    if (value === null) Reflect.deleteProperty(result, name);
    else if (Array.isArray(value)) result[name] = mergeList(schema, model, name, type, result[name], value);
    else if (isRecord(value)) result[name] = mergeObject(schema, modelOf(type), result[name], value);
    else result[name] = value;
  }
  for (const [name, value] of Object.entries(changes)) {
    if (!Array.isArray(value)) continue;
    if (name.startsWith(deletePrefix)) removeValues(result, name.slice(deletePrefix.length), value);
    if (name.startsWith(orderPrefix)) reorder(result, model, name.slice(orderPrefix.length), value);
  }
  return result;
}

function mergeList(
  schema: Schema,
  model: string | undefined,
  field: string,
  type: FieldType | undefined,
  current: unknown,
  patch: unknown[],
): unknown[] {
  const live: unknown[] = Array.isArray(current) ? current : [];
  const merge = model === undefined ? undefined : patchMergeKey(model, field);
  if (merge === 'set') return [...live, ...patch.filter(item => !live.includes(item))];
  const directives = patch.filter(item => isRecord(item) && item.$patch === 'replace');
  if (!merge || directives.length > 0) return patch.filter(item => !directives.includes(item)).map(clean);
  const { key } = merge;
  let result = [...live];
  for (const item of patch) {
    if (!isRecord(item) || item[key] === undefined) {
      throw badRequest(`map: ${JSON.stringify(item)} does not contain declared merge key: ${key}`);
    }
    const same = (other: unknown): boolean => isRecord(other) && other[key] === item[key];
    if (item.$patch === 'delete') {
      result = result.filter(other => !same(other));
      continue;
    }
    const at = result.findIndex(same);
    const merged = mergeObject(schema, type?.kind === 'list' ? modelOf(type.of) : undefined, result[at], item);
    if (at >= 0) result[at] = merged;
    else result.push(merged);
  }
  return result;
}

function modelOf(type: FieldType | undefined): string | undefined {
  return type?.kind === 'object' ? type.model : undefined;
}

function removeValues(result: JsonRecord, field: string, values: unknown[]): void {
  const list = result[field];
  if (Array.isArray(list)) result[field] = list.filter(item => !values.includes(item));
}

/** Items in the order that the patch gives; those that it does not name stay behind the item that they stood behind. */
function reorder(result: JsonRecord, model: string | undefined, field: string, order: unknown[]): void {
  const list: unknown = result[field];
  const merge = model === undefined ? undefined : patchMergeKey(model, field);
  if (!Array.isArray(list) || !merge) return;
  const identity = (item: unknown): unknown => (merge === 'set' ? item : isRecord(item) ? item[merge.key] : undefined);
  const wanted = order.map(identity);
  const items: unknown[] = list;
  const ordered = wanted.flatMap(id => items.filter(item => identity(item) === id));
  for (const [index, item] of items.entries()) {
    if (wanted.includes(identity(item))) continue;
    const before = index === 0 ? -1 : ordered.indexOf(items[index - 1]);
    ordered.splice(before + 1, 0, item);
  }
  result[field] = ordered;
}

function withoutNulls(value: JsonRecord): JsonRecord {
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, item]) => (item === null ? [] : [[name, clean(item)]])),
  );
}

/** What is put in place of something must not carry nulls or directives of the patch. */
function clean(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(clean);
  if (!isRecord(value)) return value;
  const plain = Object.entries(value).filter(([name]) => name !== '$patch' && name !== '$retainKeys');
  return withoutNulls(Object.fromEntries(plain));
}
