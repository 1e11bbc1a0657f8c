import { ArmError } from '../arm/arm-error';

export interface Condition {
  /** Name of the dimension, as it was written. */
  dimension: string;
  operator: 'eq' | 'ne' | 'sw';
  /** `*` stands for every value. */
  values: string[];
}

/**
 * Reads `$filter`: `A eq 'a1' and (B eq 'b1' or B eq 'b2') and C eq '*'`; `ne` and `sw` (starts with) in the place of `eq`. Or joins
 * conditions on one dimension only. @throws ArmError 400
 */
export function parseFilter(filter: string): Condition[] {
  const refuse = (): never => {
    throw new ArmError(400, 'BadRequest', `The filter ${filter} cannot be read.`);
  };
  // Quotes are doubled inside a quoted value.
  const tokens = filter.match(/'(?:[^']|'')*'|[()]|[^\s()']+/g) ?? [];
  const conditions: Condition[] = [];
  let or = false;
  for (let at = 0; at < tokens.length;) {
    const token = tokens[at] ?? '';
    if (token === '(' || token === ')') {
      at += 1;
      continue;
    }
    if (conditions.length > 0) {
      if (!/^(and|or)$/i.test(token)) refuse();
      or = token.toLowerCase() === 'or';
      at += 1;
      while (tokens[at] === '(') at += 1;
    }
    const [dimension = '', operator = '', quoted = ''] = tokens.slice(at, at + 3);
    if (!/^(eq|ne|sw)$/i.test(operator) || !/^'.*'$/s.test(quoted) || !/^[\w.]+$/.test(dimension)) refuse();
    const value = quoted.slice(1, -1).replaceAll("''", "'");
    const last = conditions.at(-1);
    if (or) {
      if (last?.dimension.toLowerCase() !== dimension.toLowerCase() || last.operator !== operator.toLowerCase())
        refuse();
      last?.values.push(value);
    } else {
      conditions.push({ dimension, operator: operator.toLowerCase() as Condition['operator'], values: [value] });
    }
    at += 3;
  }
  return conditions;
}

export function fulfils(value: string, { operator, values }: Condition): boolean {
  const is = (wanted: string): boolean => wanted === '*' || wanted.toLowerCase() === value.toLowerCase();
  switch (operator) {
    case 'eq':
      return values.some(is);
    case 'ne':
      return !values.some(is);
    case 'sw':
      return values.some(wanted => value.toLowerCase().startsWith(wanted.toLowerCase()));
  }
}
