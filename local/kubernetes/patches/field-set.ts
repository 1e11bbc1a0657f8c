import { isDeepStrictEqual } from 'node:util';
import { isRecord, type JsonRecord } from '../objects/api-object';
import { isAtomicMap, listSemantics, type ListSemantics } from '../objects/list-semantics';
import type { FieldType, Schema } from '../objects/schema';

/**
 * A set of fields of one object. A member is a path, kept as the JSON text of its steps; a step is written as in
 * managedFields: `f:<field>`, `k:<JSON of the key fields>`, `v:<JSON of the value>`.
 */
export type FieldSet = ReadonlySet<string>;

export type Path = readonly string[];

export const pathKey = (path: Path): string => JSON.stringify(path);
export const pathOf = (key: string): string[] => JSON.parse(key) as string[];

/** managedFields' fieldsV1 (a tree in which `.` marks a member that has members below it) as a set. */
export function fromFieldsV1(tree: unknown): Set<string> {
  const members = new Set<string>();
  const visit = (node: JsonRecord, path: Path): void => {
    for (const [step, below] of Object.entries(node)) {
      if (step === '.') members.add(pathKey(path));
      else if (isRecord(below) && Object.keys(below).length > 0) visit(below, [...path, step]);
      else members.add(pathKey([...path, step]));
    }
  };
  if (isRecord(tree)) visit(tree, []);
  return members;
}

export function toFieldsV1(set: FieldSet): JsonRecord {
  const root: JsonRecord = {};
  const withChildren = new Set([...set].flatMap(key => prefixes(pathOf(key)).map(pathKey)));
  for (const key of [...set].sort()) {
    let node = root;
    for (const step of pathOf(key)) node = (node[step] ??= {}) as JsonRecord;
    if (withChildren.has(key)) node['.'] = {};
  }
  return root;
}

/** The proper, non-empty prefixes of a path. */
export function prefixes(path: Path): Path[] {
  return path.slice(0, -1).map((_, index) => path.slice(0, index + 1));
}

/** A path as the API's messages write it: `.spec.template.spec.containers[name="app"].image`. */
export function describePath(path: Path): string {
  return path
    .map(step => {
      const value = step.slice(2);
      if (step.startsWith('f:')) return `.${value}`;
      if (step.startsWith('v:')) return `[=${value}]`;
      const keys = JSON.parse(value) as JsonRecord;
      return `[${Object.entries(keys)
        .map(([name, item]) => `${name}=${JSON.stringify(item)}`)
        .join(',')}]`;
    })
    .join('');
}

/** How one value is taken apart: what its children are called and of which type they are. */
interface Children {
  /** Whether the value itself is a member of a set when it appears: maps with free keys, and items of lists. */
  entries: Map<string, { type: FieldType; value: unknown; lists: ListSemantics; name: string; isItem: boolean }>;
}

/** The parts of a value, or undefined when it is one undivided field: a scalar, an atomic list, an atomic object. */
export function childrenOf(
  schema: Schema,
  type: FieldType,
  value: unknown,
  lists: ListSemantics,
  name: string,
): Children['entries'] | undefined {
  if (type.kind === 'list' && Array.isArray(value)) {
    if (lists.kind === 'atomic') return undefined;
    return new Map(
      value.map(item => [
        listStep(lists, item),
        { type: type.of, value: item as unknown, lists: { kind: 'atomic' }, name: '', isItem: true },
      ]),
    );
  }
  if (!isRecord(value) || isAtomicMap(name)) return undefined;
  if (type.kind === 'map') {
    return new Map(
      Object.entries(value).map(([key, item]) => [
        `f:${key}`,
        { type: type.of, value: item, lists: { kind: 'atomic' }, name: '', isItem: false },
      ]),
    );
  }
  if (type.kind !== 'object' || isAtomicMap(type.model)) return undefined;
  const { model } = type;
  const fields = schema.fields(model);
  if (!fields) return undefined;
  return new Map(
    Object.entries(value).map(([field, item]) => [
      `f:${field}`,
      {
        type: fields.get(field) ?? { kind: 'any' },
        value: item,
        lists: listSemantics(model, field),
        name: `${model}.${field}`,
        isItem: false,
      },
    ]),
  );
}

/** The step that names an item of a set or of a keyed list. */
export function listStep(lists: ListSemantics, item: unknown): string {
  if (lists.kind !== 'keyed') return `v:${JSON.stringify(item)}`;
  const keys = [...lists.keys].sort().flatMap(key => {
    const value = (isRecord(item) ? item[key] : undefined) ?? lists.defaults?.[key];
    return value === undefined ? [] : [[key, value] as const];
  });
  return `k:${JSON.stringify(Object.fromEntries(keys))}`;
}

const atomicList: ListSemantics = { kind: 'atomic' };

/** The fields that an applied configuration names: its leaves, the items of its lists, and what it gives as empty. */
export function appliedFields(schema: Schema, model: string, configuration: unknown): Set<string> {
  const members = new Set<string>();
  const visit = (
    type: FieldType,
    value: unknown,
    lists: ListSemantics,
    name: string,
    path: Path,
    isItem: boolean,
  ): void => {
    const children = childrenOf(schema, type, value, lists, name);
    if (isItem || !children || children.size === 0) members.add(pathKey(path));
    for (const [step, child] of children ?? []) {
      visit(child.type, child.value, child.lists, child.name, [...path, step], child.isItem);
    }
  };
  visit({ kind: 'object', model }, configuration, atomicList, '', [], false);
  members.delete(pathKey([]));
  return members;
}

export interface Difference {
  added: Set<string>;
  modified: Set<string>;
  removed: Set<string>;
}

/** The fields in which two states of one object differ. */
export function compare(schema: Schema, model: string, before: unknown, after: unknown): Difference {
  const difference: Difference = { added: new Set(), modified: new Set(), removed: new Set() };
  const everything = (
    into: Set<string>,
    type: FieldType,
    value: unknown,
    lists: ListSemantics,
    name: string,
    path: Path,
    isItem: boolean,
  ): void => {
    const children = childrenOf(schema, type, value, lists, name);
    // Objects of a fixed type are no fields by themselves; maps, items and leaves are.
    if (isItem || !children || children.size === 0 || type.kind === 'map') into.add(pathKey(path));
    for (const [step, child] of children ?? []) {
      everything(into, child.type, child.value, child.lists, child.name, [...path, step], child.isItem);
    }
  };
  const visit = (type: FieldType, a: unknown, b: unknown, lists: ListSemantics, name: string, path: Path): void => {
    const left = childrenOf(schema, type, a, lists, name);
    const right = childrenOf(schema, type, b, lists, name);
    if (!left || !right) {
      if (!isDeepStrictEqual(a, b)) difference.modified.add(pathKey(path));
      return;
    }
    for (const [step, child] of left) {
      const other = right.get(step);
      const below = [...path, step];
      if (other) visit(child.type, child.value, other.value, child.lists, child.name, below);
      else everything(difference.removed, child.type, child.value, child.lists, child.name, below, child.isItem);
    }
    for (const [step, child] of right) {
      if (left.has(step)) continue;
      everything(difference.added, child.type, child.value, child.lists, child.name, [...path, step], child.isItem);
    }
  };
  visit({ kind: 'object', model }, before, after, atomicList, '', []);
  return difference;
}
