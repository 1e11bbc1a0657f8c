/** A dictionary of the expression language: keys without regard to case. */
export interface ObjectValue {
  readonly isObject: true;
  /** Undefined when the key is missing, which expressions see as null. */
  get: (key: string) => Value | undefined;
  entries: () => [string, Value][];
}

/** A value of the Azure Pipelines expression language. */
export type Value = null | boolean | number | string | Value[] | ObjectValue;

export function objectValue(entries: Iterable<[string, Value]>): ObjectValue {
  const byKey = new Map<string, [string, Value]>();
  for (const [key, value] of entries) byKey.set(key.toLowerCase(), [key, value]);
  return {
    isObject: true,
    get: key => byKey.get(key.toLowerCase())?.[1],
    entries: () => [...byKey.values()],
  };
}

export function isObjectValue(value: Value): value is ObjectValue {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Plain data as a value of the language; undefined inside is null. */
export function valueOf(data: unknown): Value {
  if (data === null || data === undefined) return null;
  if (typeof data === 'boolean' || typeof data === 'number' || typeof data === 'string') return data;
  if (Array.isArray(data)) return data.map(valueOf);
  if (typeof data === 'object') return objectValue(Object.entries(data).map(([key, value]) => [key, valueOf(value)]));
  throw new Error(`A ${typeof data} is no value of a pipeline.`);
}

export function kindOf(value: Value): 'Null' | 'Boolean' | 'Number' | 'String' | 'Array' | 'Object' {
  if (value === null) return 'Null';
  if (typeof value === 'boolean') return 'Boolean';
  if (typeof value === 'number') return 'Number';
  if (typeof value === 'string') return 'String';
  return Array.isArray(value) ? 'Array' : 'Object';
}

export function toBoolean(value: Value): boolean {
  if (value === null) return false;
  if (typeof value === 'boolean') return value;
  if (typeof value === 'number') return value !== 0;
  if (typeof value === 'string') return value !== '';
  return true;
}

/** Undefined when the value cannot be one. */
export function toNumber(value: Value): number | undefined {
  if (value === null) return 0;
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (typeof value === 'number') return value;
  if (typeof value !== 'string') return undefined;
  const text = value.trim().replaceAll(/(?<=\d),(?=\d{3})/g, '');
  if (text === '') return 0;
  return /^[+-]?(\d+\.?\d*|\.\d+)$/.test(text) ? Number(text) : undefined;
}

/** Booleans become True and False. Undefined for arrays and objects, which have no text. */
export function toText(value: Value): string | undefined {
  if (value === null) return '';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'number') return String(value);
  return typeof value === 'string' ? value : undefined;
}

/** @throws Error for arrays and objects. */
export function textOf(value: Value): string {
  const text = toText(value);
  if (text === undefined) throw new Error(`Unable to convert from ${kindOf(value)} to String.`);
  return text;
}

/** Equality as of `eq`: the right side takes the left one's type; text compares without regard to case. */
export function equal(left: Value, right: Value): boolean {
  if (left === null) return right === null || right === '';
  if (typeof left === 'boolean') return left === toBoolean(right);
  if (typeof left === 'number') return left === toNumber(right);
  if (typeof left === 'string') return left.toUpperCase() === toText(right)?.toUpperCase();
  return left === right;
}

/**
 * Order as of `lt` and its like; negative when left comes first.
 * @throws Error when the right side cannot take the left one's type.
 */
export function compare(left: Value, right: Value): number {
  if (typeof left === 'string') {
    const [a, b] = [left.toUpperCase(), textOf(right).toUpperCase()];
    return a < b ? -1 : a > b ? 1 : 0;
  }
  const [a, b] = [toNumber(left), typeof left === 'boolean' ? Number(toBoolean(right)) : toNumber(right)];
  if (a === undefined) throw new Error(`A value of the kind ${kindOf(left)} has no order.`);
  if (b === undefined)
    throw new Error(`Unable to convert from ${kindOf(right)} to ${kindOf(left)}. Value: '${toText(right) ?? ''}'`);
  return a - b;
}

/** As convertToJson writes it. */
export function toJson(value: Value): unknown {
  if (Array.isArray(value)) return value.map(toJson);
  if (isObjectValue(value)) return Object.fromEntries(value.entries().map(([key, item]) => [key, toJson(item)]));
  return value;
}
