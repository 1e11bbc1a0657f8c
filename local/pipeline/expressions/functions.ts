import { compare, equal, isObjectValue, kindOf, textOf, toBoolean, toJson, toText, type Value } from './values';

export interface ExpressionFunction {
  /** Fewest and most arguments. */
  arity: [number, number];
  /** Arguments are evaluated when called for, so that `and`, `or`, `iif` and `coalesce` stop early. */
  run: (args: (() => Value)[]) => Value;
}

const many = 255;

const eager = (arity: [number, number], run: (...args: Value[]) => Value): ExpressionFunction => ({
  arity,
  run: args => run(...args.map(arg => arg())),
});

const ordered = (test: (order: number) => boolean): ExpressionFunction =>
  eager([2, 2], (left = null, right = null) => test(compare(left, right)));

const onTexts = (count: number, run: (...texts: string[]) => Value): ExpressionFunction =>
  eager([count, count], (...args) => run(...args.map(textOf)));

/** The functions that every expression may call, by name in lower case. Source: "Expressions" of the Azure Pipelines documentation. */
export const generalFunctions: Record<string, ExpressionFunction> = {
  and: { arity: [2, many], run: args => args.every(arg => toBoolean(arg())) },
  or: { arity: [2, many], run: args => args.some(arg => toBoolean(arg())) },
  not: eager([1, 1], (value = null) => !toBoolean(value)),
  xor: eager([2, 2], (left = null, right = null) => toBoolean(left) !== toBoolean(right)),
  eq: eager([2, 2], (left = null, right = null) => equal(left, right)),
  ne: eager([2, 2], (left = null, right = null) => !equal(left, right)),
  gt: ordered(order => order > 0),
  ge: ordered(order => order >= 0),
  lt: ordered(order => order < 0),
  le: ordered(order => order <= 0),
  in: eager([2, many], (left = null, ...others) => others.some(other => equal(left, other))),
  notin: eager([2, many], (left = null, ...others) => !others.some(other => equal(left, other))),
  iif: { arity: [3, 3], run: ([test, yes, no]) => (toBoolean(test?.() ?? null) ? yes : no)?.() ?? null },
  coalesce: {
    arity: [2, many],
    run: args => {
      for (const arg of args) {
        const value = arg();
        if (value !== null && value !== '') return value;
      }
      return null;
    },
  },
  contains: onTexts(2, (text = '', part = '') => text.toUpperCase().includes(part.toUpperCase())),
  containsvalue: eager([2, 2], (container = null, wanted = null) => {
    if (Array.isArray(container)) return container.some(item => equal(wanted, item));
    return isObjectValue(container) && container.entries().some(([, item]) => equal(wanted, item));
  }),
  startswith: onTexts(2, (text = '', part = '') => text.toUpperCase().startsWith(part.toUpperCase())),
  endswith: onTexts(2, (text = '', part = '') => text.toUpperCase().endsWith(part.toUpperCase())),
  lower: onTexts(1, (text = '') => text.toLowerCase()),
  upper: onTexts(1, (text = '') => text.toUpperCase()),
  trim: onTexts(1, (text = '') => text.trim()),
  replace: onTexts(3, (text = '', old = '', now = '') => (old === '' ? text : text.replaceAll(old, () => now))),
  split: onTexts(2, (text = '', separators = '') => splitAtAny(text, separators)),
  format: eager([1, many], (pattern = null, ...args) => format(textOf(pattern), args)),
  join: eager([2, 2], (separator = null, items = null) => {
    if (!Array.isArray(items)) return textOf(items);
    return items.map(item => toText(item) ?? '').join(textOf(separator));
  }),
  length: eager([1, 1], (value = null) => {
    if (Array.isArray(value)) return value.length;
    if (isObjectValue(value)) return value.entries().length;
    return textOf(value).length;
  }),
  converttojson: eager([1, 1], (value = null) => JSON.stringify(toJson(value), null, 2)),
};

function splitAtAny(text: string, separators: string): string[] {
  if (separators === '') return [text];
  const parts: string[] = [];
  let from = 0;
  for (let at = 0; at <= text.length; at++) {
    if (at < text.length && !separators.includes(text.charAt(at))) continue;
    parts.push(text.slice(from, at));
    from = at + 1;
  }
  return parts;
}

/** `{0}` is the first argument, doubled braces are braces. Date formats such as `{0:yyyyMMdd}` are not supported. */
function format(pattern: string, args: Value[]): string {
  return pattern.replaceAll(/\{\{|\}\}|\{([^{}]*)\}|[{}]/g, (found, index: string | undefined) => {
    if (found === '{{') return '{';
    if (found === '}}') return '}';
    if (index === undefined || !/^\d+$/.test(index))
      throw new Error(`The format '${pattern}' is not valid at '${found}'.`);
    const value = args[Number(index)];
    if (value === undefined)
      throw new Error(`The format '${pattern}' refers to argument ${index}, and there are ${args.length}.`);
    const text = toText(value);
    if (text === undefined)
      throw new Error(`The format '${pattern}' cannot show a value of the kind ${kindOf(value)}.`);
    return text;
  });
}
