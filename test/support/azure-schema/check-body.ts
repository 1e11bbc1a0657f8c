import type { PublishedModel, PublishedProperty, PublishedSchema } from './published-schema';

/** ISO 8601, as in PT1M30S. */
const duration = /^-?P(?=.)(\d+Y)?(\d+M)?(\d+W)?(\d+D)?(T(?=.)(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?$/;

/** What is wrong with `value` as a `model` of the schema: one line per mistake, with the place where it is. */
export function bodyProblems(value: unknown, model: string, schema: PublishedSchema): string[] {
  return checkModel(value, model, schema, '');
}

function checkModel(value: unknown, name: string, schema: PublishedSchema, place: string): string[] {
  const base = schema.models[name];
  if (!base) return [`${place}: the SDK has no model ${name}`];
  if (!isObject(value)) return [`${place}: must be a ${name}, is ${describe(value)}`];
  const meant = modelOf(value, name, base, schema);
  if (typeof meant === 'string') return [`${place}/${meant}`];
  const problems: string[] = [];
  for (const [key, property] of Object.entries(meant.model.properties)) {
    if (isFlattened(key)) return [`${place}: ${meant.name} has flattened properties, which this check does not know`];
    if (property.required && (value[key] === undefined || value[key] === null))
      problems.push(`${place}/${key}: is missing, ${meant.name} requires it`);
  }
  for (const [key, item] of Object.entries(value)) {
    const property = meant.model.properties[key];
    const here = `${place}/${key}`;
    if (!property) problems.push(`${here}: ${meant.name} has no such property`);
    else if (property.readonly) problems.push(`${here}: only the service writes it`);
    // For an optional property null says the same as leaving it out.
    else if (item !== null && item !== undefined) problems.push(...checkProperty(item, property, schema, here));
  }
  return problems;
}

/** A dot parts the names of a property within a property, unless it is escaped. */
function isFlattened(key: string): boolean {
  return /(?<!\\)\./.test(key);
}

/** The model that the value's discriminator names, through as many levels as there are; a text when it names none. */
function modelOf(
  value: Record<string, unknown>,
  name: string,
  model: PublishedModel,
  schema: PublishedSchema,
): { name: string; model: PublishedModel } | string {
  if (!model.discriminator) return { name, model };
  const { property, subtypes } = model.discriminator;
  const kind = value[property];
  const subtype = typeof kind === 'string' ? subtypes[kind] : undefined;
  const found = subtype === undefined ? undefined : schema.models[subtype];
  if (subtype === undefined || !found)
    return `${property}: ${describe(kind)} names no ${name}; there are ${Object.keys(subtypes).join(', ')}`;
  return modelOf(value, subtype, found, schema);
}

function checkProperty(value: unknown, property: PublishedProperty, schema: PublishedSchema, place: string): string[] {
  const problems = checkType(value, property.type, schema, place);
  if (problems.length > 0 || typeof value !== 'string') return problems;
  if (property.values && !property.values.includes(value))
    return [`${place}: ${describe(value)} is none of ${property.values.join(', ')}`];
  if (property.pattern !== undefined && !new RegExp(property.pattern).test(value))
    return [`${place}: ${describe(value)} does not match ${property.pattern}`];
  return [];
}

function checkType(value: unknown, type: string, schema: PublishedSchema, place: string): string[] {
  const inner = type.slice(1, -1);
  if (type.startsWith('['))
    return Array.isArray(value)
      ? value.flatMap((item, index) => checkType(item, inner, schema, `${place}/${index}`))
      : [`${place}: must be a list, is ${describe(value)}`];
  if (type.startsWith('{'))
    return isObject(value)
      ? Object.entries(value).flatMap(([key, item]) => checkType(item, inner, schema, `${place}/${key}`))
      : [`${place}: must be an object, is ${describe(value)}`];
  const isRight = simpleTypes[type];
  if (!isRight) return checkModel(value, type, schema, place);
  return isRight(value) ? [] : [`${place}: must be of type ${type}, is ${describe(value)}`];
}

/** Types without parts, in msrest's names. */
const simpleTypes: Record<string, (value: unknown) => boolean> = {
  str: value => typeof value === 'string',
  bool: value => typeof value === 'boolean',
  int: value => Number.isInteger(value),
  long: value => Number.isInteger(value),
  float: value => typeof value === 'number',
  object: () => true,
  duration: value => typeof value === 'string' && duration.test(value),
  'iso-8601': value => typeof value === 'string' && !Number.isNaN(Date.parse(value)),
};

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function describe(value: unknown): string {
  return value === undefined ? 'not there' : JSON.stringify(value).slice(0, 120);
}
