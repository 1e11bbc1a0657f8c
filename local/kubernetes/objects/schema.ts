import { isRecord } from './api-object';
import { readClientTypes } from './client-types';

/** The type of one field, as far as merging and checking need it. */
export type FieldType =
  | { readonly kind: 'string' | 'number' | 'boolean' | 'intOrString' | 'quantity' | 'bytes' | 'any' }
  | { readonly kind: 'list' | 'map'; readonly of: FieldType }
  | { readonly kind: 'object'; readonly model: string };

/** What went wrong where. `path` is in the form `.spec.template.spec.containers[0].image`. */
export interface SchemaProblem {
  path: string;
  problem: 'unknown field' | 'wrong type';
  /** What was expected, for a wrong type. */
  expected?: string;
  value: unknown;
}

/** The fields of every Kubernetes type. */
export interface Schema {
  /** The fields of a type by name, or undefined when there is no such type. */
  fields(model: string): ReadonlyMap<string, FieldType> | undefined;
  /** Everything in `value` that the type does not have or allow. Null counts as absent. */
  check(model: string, value: unknown): SchemaProblem[];
}

/** Types whose maps hold quantities: `cpu: 1` is allowed there and means "1". */
const quantityMaps = new Set([
  'V1ResourceRequirements.limits',
  'V1ResourceRequirements.requests',
  'V1PodSpec.overhead',
]);

/** Reads the types from the official client, which is generated from the API server's own description; quickly when `cacheDir` has them. */
export async function loadSchema(cacheDir?: string): Promise<Schema> {
  const types = await readClientTypes(cacheDir);
  const known = new Map<string, ReadonlyMap<string, FieldType>>();
  const fields = (model: string): ReadonlyMap<string, FieldType> | undefined => {
    const cached = known.get(model);
    if (cached) return cached;
    const attributes = types[model];
    if (!attributes) return undefined;
    const made = new Map(
      attributes.map(attribute => [
        attribute.baseName,
        quantityMaps.has(`${model}.${attribute.baseName}`)
          ? ({ kind: 'map', of: { kind: 'quantity' } } as const)
          : fieldType(attribute.type, attribute.format),
      ]),
    );
    known.set(model, made);
    return made;
  };
  const schema: Schema = { fields, check: (model, value) => checkValue(schema, { kind: 'object', model }, value, '') };
  return schema;
}

/** Parses the client's notation: `string`, `Array<V1Container>`, `{ [key: string]: string; }`, `V1PodSpec`. */
function fieldType(text: string, format: string): FieldType {
  const list = /^Array<(.+)>$/.exec(text)?.[1];
  if (list) return { kind: 'list', of: fieldType(list, format) };
  const map = /^\{ \[key: string\]: (.+); \}$/.exec(text)?.[1];
  if (map) return { kind: 'map', of: fieldType(map, format) };
  if (format === 'byte') return { kind: 'bytes' };
  switch (text) {
    case 'string':
    case 'number':
    case 'boolean':
    case 'any':
      return { kind: text };
    case 'IntOrString':
      return { kind: 'intOrString' };
    case 'Date':
    case 'V1MicroTime':
      return { kind: 'string' };
    default:
      return { kind: 'object', model: text };
  }
}

function checkValue(schema: Schema, type: FieldType, value: unknown, path: string): SchemaProblem[] {
  if (value === null || value === undefined) return [];
  const wrong = (expected: string): SchemaProblem[] => [{ path, problem: 'wrong type', expected, value }];
  switch (type.kind) {
    case 'any':
      return [];
    case 'intOrString':
    case 'quantity':
      return typeof value === 'string' || typeof value === 'number' ? [] : wrong('string');
    case 'string':
    case 'bytes':
      return typeof value === 'string' ? [] : wrong('string');
    case 'number':
    case 'boolean':
      return typeof value === type.kind ? [] : wrong(type.kind === 'number' ? 'numeric' : 'boolean');
    case 'list':
      return Array.isArray(value)
        ? value.flatMap((item, index) => checkValue(schema, type.of, item, `${path}[${index}]`))
        : wrong('list');
    case 'map':
      return isRecord(value)
        ? Object.entries(value).flatMap(([key, item]) => checkValue(schema, type.of, item, `${path}.${key}`))
        : wrong('map');
    case 'object': {
      const fields = schema.fields(type.model);
      if (!fields) return [];
      if (!isRecord(value)) return wrong('map');
      return Object.entries(value).flatMap(([name, item]) => {
        const field = fields.get(name);
        return field
          ? checkValue(schema, field, item, `${path}.${name}`)
          : [{ path: `${path}.${name}`, problem: 'unknown field' as const, value: item }];
      });
    }
  }
}

/**
 * A copy without the fields that the type does not have, without nulls, and with quantities as text: what reading into
 * the server's own types would leave.
 */
export function conform(schema: Schema, type: FieldType, value: unknown): unknown {
  if (Array.isArray(value)) {
    return type.kind === 'list' ? value.map(item => conform(schema, type.of, item)) : value;
  }
  if (type.kind === 'quantity') return typeof value === 'number' ? String(value) : value;
  if (!isRecord(value)) return value;
  const typeOf = (name: string): FieldType | undefined => {
    if (type.kind === 'map') return type.of;
    if (type.kind !== 'object') return { kind: 'any' };
    const fields = schema.fields(type.model);
    return fields ? fields.get(name) : { kind: 'any' };
  };
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, item]) => {
      const field = typeOf(name);
      return field && item !== null && item !== undefined ? [[name, conform(schema, field, item)]] : [];
    }),
  );
}
