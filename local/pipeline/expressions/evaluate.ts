import { generalFunctions, type ExpressionFunction } from './functions';
import { parseExpression, type Expression } from './parse-expression';
import { isObjectValue, toNumber, toText, type Value } from './values';

export interface ExpressionContext {
  /** Named values such as `variables`, by name in lower case. */
  names: Record<string, Value>;
  /** Functions besides the general ones, by name in lower case. */
  functions: Record<string, ExpressionFunction>;
}

/** @throws Error for an unknown function or name, and for what a function cannot take. */
export function evaluate(expression: Expression, context: ExpressionContext): Value {
  switch (expression.kind) {
    case 'literal':
      return expression.value;
    case 'name':
      return namedValue(expression.name, context);
    case 'call':
      return functionNamed(expression.name, expression.args.length, context).run(
        expression.args.map(arg => () => evaluate(arg, context)),
      );
    case 'each': {
      const target = evaluate(expression.target, context);
      if (Array.isArray(target)) return target;
      return isObjectValue(target) ? target.entries().map(([, value]) => value) : [];
    }
    case 'index': {
      const target = evaluate(expression.target, context);
      const index = evaluate(expression.index, context);
      if (expression.target.kind === 'each' && Array.isArray(target))
        return target.map(item => member(item, index) ?? null);
      return member(target, index) ?? null;
    }
  }
}

function member(target: Value, index: Value): Value | undefined {
  if (Array.isArray(target)) {
    const position = toNumber(index);
    return position === undefined ? undefined : target[Math.floor(position)];
  }
  const key = toText(index);
  return isObjectValue(target) && key !== undefined ? target.get(key) : undefined;
}

/**
 * Parses an expression and checks that every function and name in it exists, so that a typing error shows before anything runs.
 * @throws Error that names it.
 */
export function checkedExpression(text: string, context: ExpressionContext): Expression {
  const expression = parseExpression(text);
  check(expression, context);
  return expression;
}

function check(expression: Expression, context: ExpressionContext): void {
  switch (expression.kind) {
    case 'literal':
      return;
    case 'name':
      namedValue(expression.name, context);
      return;
    case 'call':
      functionNamed(expression.name, expression.args.length, context);
      expression.args.forEach(arg => check(arg, context));
      return;
    case 'each':
      check(expression.target, context);
      return;
    case 'index':
      check(expression.target, context);
      check(expression.index, context);
  }
}

function namedValue(name: string, context: ExpressionContext): Value {
  const value = context.names[name.toLowerCase()];
  if (value === undefined) {
    throw new Error(`Unrecognized value: '${name}'. Here are: ${Object.keys(context.names).join(', ') || 'none'}.`);
  }
  return value;
}

function functionNamed(name: string, count: number, context: ExpressionContext): ExpressionFunction {
  const found = context.functions[name.toLowerCase()] ?? generalFunctions[name.toLowerCase()];
  if (found === undefined) throw new Error(`Unrecognized function: '${name}'.`);
  const [fewest, most] = found.arity;
  if (count < fewest || count > most) {
    const expected = fewest === most ? String(fewest) : `${fewest} to ${most}`;
    throw new Error(`The function '${name}' takes ${expected} arguments, not ${count}.`);
  }
  return found;
}
