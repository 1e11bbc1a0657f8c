import { checkedExpression, evaluate, type ExpressionContext } from './expressions/evaluate';
import { isObjectValue, objectValue, textOf, toBoolean, type Value } from './expressions/values';
import { endOfExpression, wholeExpression } from './expression-text';
import { locating, PipelineError, type Position } from './pipeline-error';
import type { MappingNode, ScalarNode, SequenceNode, YamlNode } from './yaml-nodes';

/** What template expressions `${{ }}` can refer to at one place of a file. */
export interface Scope {
  /** Absolute path of the file, which relative templates belong to. */
  file: string;
  names: Record<string, Value>;
}

/** A YAML node that has not been expanded yet, with the scope that its expressions belong to. */
export interface Source {
  node: YamlNode;
  scope: Scope;
}

export interface SourceEntry {
  key: string;
  at: Position;
  value: Source;
}

type Directive =
  | { kind: 'if' | 'elseif'; expression: string }
  | { kind: 'else' | 'insert' }
  | { kind: 'each'; variable: string; expression: string };

/** Whether an earlier branch of an if chain was taken; undefined outside a chain. */
type Chain = 'taken' | 'open' | undefined;

const directivePattern = /^\$\{\{\s*(if|elseif|else|each|insert)\b([\s\S]*?)\}\}$/;

export function withNames(source: Source, names: Record<string, Value>): Source {
  return { node: source.node, scope: { ...source.scope, names: { ...source.scope.names, ...names } } };
}

/** The node itself, or what the expression stands for that makes up all of it. */
export function resolveSource(source: Source): Source {
  const { node } = source;
  const expression = expressionOf(source);
  if (expression === undefined) return source;
  return { node: nodeOf(evaluateAt(expression, source.scope, node.at), node.at), scope: literalScope(source.scope) };
}

/** Entries of a mapping with its if, each and insert carried out. @throws PipelineError when it is none. */
export function mappingEntries(source: Source, what: string): SourceEntry[] {
  const { node, scope } = resolveSource(source);
  if (node.kind !== 'mapping') throw new PipelineError(node.at, `${what} must be a mapping of names and values.`);
  const result: SourceEntry[] = [];
  const seen = new Map<string, number>();
  let chain: Chain;
  for (const { key, value } of node.entries) {
    const directive = directiveOf(key, scope);
    if (directive === undefined) {
      chain = undefined;
      const name = scalarText({ node: key, scope });
      add({ key: name, at: key.at, value: { node: value, scope } });
      continue;
    }
    const step = branches(directive, key, { node: value, scope }, chain);
    chain = step.chain;
    for (const branch of step.sources) {
      const resolved = resolveSource(branch);
      if (resolved.node.kind === 'scalar' && resolved.node.isNull) continue;
      for (const entry of mappingEntries(resolved, `What is inserted into ${what}`)) add(entry);
    }
  }
  return result;

  function add(entry: SourceEntry): void {
    const known = seen.get(entry.key.toLowerCase());
    if (known !== undefined) throw new PipelineError(entry.at, `'${entry.key}' is already defined.`);
    seen.set(entry.key.toLowerCase(), result.push(entry));
  }
}

/** Items of a sequence with its if, each and inserted lists carried out. @throws PipelineError when it is none. */
export function sequenceItems(source: Source, what: string): Source[] {
  const { node, scope } = resolveSource(source);
  if (node.kind !== 'sequence') throw new PipelineError(node.at, `${what} must be a list.`);
  const result: Source[] = [];
  let chain: Chain;
  for (const item of node.items) {
    const directives = item.kind === 'mapping' ? item.entries.map(({ key }) => directiveOf(key, scope)) : [];
    if (item.kind !== 'mapping' || directives.length === 0 || directives.includes(undefined)) {
      chain = undefined;
      addItem({ node: item, scope }, expressionOf({ node: item, scope }) !== undefined);
      continue;
    }
    for (const [index, { key, value }] of item.entries.entries()) {
      const directive = directives[index];
      if (directive === undefined) continue;
      const step = branches(directive, key, { node: value, scope }, chain);
      chain = step.chain;
      for (const branch of step.sources) addItem(branch, true);
    }
  }
  return result;

  /** A list in the place of an item takes that item's place. */
  function addItem(source: Source, spread: boolean): void {
    const resolved = resolveSource(source);
    if (spread && resolved.node.kind === 'sequence') result.push(...sequenceItems(resolved, what));
    else if (!(spread && resolved.node.kind === 'scalar' && resolved.node.isNull)) result.push(resolved);
  }
}

/** Text with its expressions evaluated. @throws PipelineError for a list or a mapping. */
export function scalarText(source: Source): string {
  const { node, scope } = resolveSource(source);
  if (node.kind !== 'scalar') throw new PipelineError(node.at, `A text is expected here, not a ${node.kind}.`);
  return expandText(node.text, scope, node.at);
}

/** Plain data with every expression in it evaluated; what is nothing becomes ''. */
export function dataOf(source: Source): Value {
  const resolved = resolveSource(source);
  if (resolved.node.kind === 'scalar') return scalarText(resolved);
  if (resolved.node.kind === 'sequence') return sequenceItems(resolved, 'The list').map(dataOf);
  return objectValue(mappingEntries(resolved, 'The value').map(({ key, value }) => [key, dataOf(value)]));
}

/** The value of a scalar that is one expression, with its type; other text as it is. */
export function valueOfSource(source: Source): Value {
  const { node, scope } = source;
  const expression = expressionOf(source);
  return expression === undefined ? dataOf(source) : evaluateAt(expression, scope, node.at);
}

/** A value as YAML, for where an expression stands for a list or a mapping. */
export function nodeOf(value: Value, at: Position): YamlNode {
  if (Array.isArray(value)) {
    return { kind: 'sequence', at, items: value.map(item => nodeOf(item, at)) } satisfies SequenceNode;
  }
  if (isObjectValue(value)) {
    const entries = value.entries().map(([key, item]) => ({ key: scalarNode(key, at), value: nodeOf(item, at) }));
    return { kind: 'mapping', at, entries } satisfies MappingNode;
  }
  return value === null ? { ...scalarNode('', at), isNull: true } : scalarNode(textOf(value), at);
}

function scalarNode(text: string, at: Position): ScalarNode {
  return { kind: 'scalar', text, isNull: false, at };
}

/** What came out of an expression is not searched for expressions once more. */
const literal = Symbol('literal');

function literalScope(scope: Scope): Scope {
  return { ...scope, [literal]: true } as Scope;
}

function expandText(text: string, scope: Scope, at: Position): string {
  if (literal in scope) return text;
  let result = '';
  let from = 0;
  for (;;) {
    const start = text.indexOf('${{', from);
    if (start < 0) return result + text.slice(from);
    const end = endOfExpression(text, start + 3);
    if (end === undefined) throw new PipelineError(at, `The expression is not closed: ${text.slice(start)}`);
    const value = evaluateAt(text.slice(start + 3, end), scope, at);
    result += text.slice(from, start) + locating(at, () => textOf(value));
    from = end + 2;
  }
}

/** The expression that makes up all of a scalar. */
function expressionOf({ node, scope }: Source): string | undefined {
  return node.kind === 'scalar' && !(literal in scope) ? wholeExpression(node.text) : undefined;
}

function directiveOf(key: ScalarNode, scope: Scope): Directive | undefined {
  if (literal in scope) return undefined;
  const [, kind, rest = ''] = directivePattern.exec(key.text.trim()) ?? [];
  switch (kind) {
    case 'if':
    case 'elseif':
      return { kind, expression: rest };
    case 'else':
    case 'insert':
      if (rest.trim() !== '') throw new PipelineError(key.at, `\${{ ${kind} }} takes nothing: ${key.text}`);
      return { kind };
    case 'each': {
      const [, variable, expression] = /^\s+([A-Za-z_][\w-]*)\s+in\s+([\s\S]+)$/.exec(rest) ?? [];
      if (variable === undefined || expression === undefined) {
        throw new PipelineError(key.at, `\${{ each }} needs the form \${{ each item in list }}: ${key.text}`);
      }
      return { kind, variable, expression };
    }
    default:
      return undefined;
  }
}

/** The sources that a directive stands for, and the state of its if chain. */
function branches(
  directive: Directive,
  key: ScalarNode,
  value: Source,
  chain: Chain,
): { sources: Source[]; chain: Chain } {
  const test = (expression: string): boolean => toBoolean(evaluateAt(expression, value.scope, key.at));
  switch (directive.kind) {
    case 'if': {
      const taken = test(directive.expression);
      return { sources: taken ? [value] : [], chain: taken ? 'taken' : 'open' };
    }
    case 'elseif':
    case 'else': {
      if (chain === undefined)
        throw new PipelineError(key.at, `\${{ ${directive.kind} }} without \${{ if }} before it.`);
      const taken = chain === 'open' && ('expression' in directive ? test(directive.expression) : true);
      const after: Chain = directive.kind === 'else' ? undefined : taken ? 'taken' : chain;
      return { sources: taken ? [value] : [], chain: after };
    }
    case 'insert':
      return { sources: [value], chain: undefined };
    case 'each': {
      const list = evaluateAt(directive.expression, value.scope, key.at);
      return {
        sources: loopItems(list, key.at).map(item => withNames(value, { [directive.variable.toLowerCase()]: item })),
        chain: undefined,
      };
    }
  }
}

function loopItems(list: Value, at: Position): Value[] {
  if (Array.isArray(list)) return list;
  if (isObjectValue(list)) {
    return list.entries().map(([key, value]) =>
      objectValue([
        ['key', key],
        ['value', value],
      ]),
    );
  }
  if (list === null || list === '') return [];
  throw new PipelineError(at, '${{ each }} needs a list or a mapping.');
}

function evaluateAt(expression: string, scope: Scope, at: Position): Value {
  const context: ExpressionContext = { names: scope.names, functions: {} };
  return locating(at, () => evaluate(checkedExpression(expression, context), context));
}
