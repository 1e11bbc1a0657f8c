import type { Value } from './values';

export type Expression =
  | { kind: 'literal'; value: Value }
  | { kind: 'name'; name: string }
  | { kind: 'call'; name: string; args: Expression[] }
  | { kind: 'index'; target: Expression; index: Expression }
  /** `target.*` or `target[*]`. */
  | { kind: 'each'; target: Expression };

interface Token {
  kind: 'punctuation' | 'string' | 'number' | 'word';
  text: string;
  at: number;
}

const tokenPattern =
  /\s*(?:([()[\],.*])|'((?:[^']|'')*)'|(-?(?:0x[0-9a-f]+|\d[\d.]*|\.\d+)(?![\w-]))|([a-z_][\w-]*))/iy;

/**
 * Parses an expression of Azure Pipelines, without its `${{ }}` or `$[ ]`. Which functions and names exist is for the evaluation.
 * @throws Error that names what is wrong and where in the expression.
 */
export function parseExpression(text: string): Expression {
  const tokens = tokenize(text);
  let next = 0;
  const where = (token: Token | undefined): string =>
    token === undefined ? 'at its end' : `at '${token.text}', position ${token.at + 1}`;
  const fail = (what: string, token = tokens[next]): never => {
    throw new Error(`${what} ${where(token)} in the expression: ${text.trim()}`);
  };
  const isNext = (punctuation: string): boolean =>
    tokens[next]?.kind === 'punctuation' && tokens[next]?.text === punctuation;
  const take = (punctuation: string): void => {
    if (!isNext(punctuation)) fail(`'${punctuation}' expected`);
    next++;
  };

  const primary = (): Expression => {
    const token = tokens[next];
    if (token === undefined) return fail('A value is missing');
    next++;
    if (token.kind === 'string') return { kind: 'literal', value: token.text };
    if (token.kind === 'number') return { kind: 'literal', value: numberOf(token.text, fail, token) };
    if (token.kind !== 'word') return fail('Unexpected symbol', token);
    if (isNext('(')) return { kind: 'call', name: token.text, args: callArguments() };
    if (/^(true|false)$/i.test(token.text)) return { kind: 'literal', value: token.text.toLowerCase() === 'true' };
    return { kind: 'name', name: token.text };
  };

  const callArguments = (): Expression[] => {
    take('(');
    const args: Expression[] = [];
    while (!isNext(')')) {
      if (args.length > 0) take(',');
      args.push(expression());
    }
    take(')');
    return args;
  };

  const expression = (): Expression => {
    let result = primary();
    for (;;) {
      if (isNext('.')) {
        next++;
        const token = tokens[next++];
        if (token?.kind === 'punctuation' && token.text === '*') result = { kind: 'each', target: result };
        else if (token?.kind === 'word') {
          result = { kind: 'index', target: result, index: { kind: 'literal', value: token.text } };
        } else fail('A name is missing after the dot', token);
      } else if (isNext('[')) {
        next++;
        if (isNext('*')) {
          next++;
          result = { kind: 'each', target: result };
        } else {
          result = { kind: 'index', target: result, index: expression() };
        }
        take(']');
      } else {
        return result;
      }
    }
  };

  const result = expression();
  if (next < tokens.length) fail('Unexpected symbol');
  return result;
}

function numberOf(text: string, fail: (what: string, token?: Token) => never, token: Token): number {
  if ((text.match(/\./g) ?? []).length > 1) return fail('A version number is not supported here', token);
  return Number(text);
}

function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  tokenPattern.lastIndex = 0;
  while (tokenPattern.lastIndex < text.trimEnd().length) {
    const from = tokenPattern.lastIndex;
    const match = tokenPattern.exec(text);
    if (match === null) {
      const rest = text.slice(from).trimStart();
      const what = rest.startsWith("'") ? 'A closing quote is missing' : `Unexpected symbol '${rest.slice(0, 20)}'`;
      throw new Error(`${what}, position ${text.length - rest.length + 1} in the expression: ${text.trim()}`);
    }
    const [whole, punctuation, string, number, word] = match;
    const at = from + whole.length - whole.trimStart().length;
    if (punctuation !== undefined) tokens.push({ kind: 'punctuation', text: punctuation, at });
    else if (string !== undefined) tokens.push({ kind: 'string', text: string.replaceAll("''", "'"), at });
    else if (number !== undefined) tokens.push({ kind: 'number', text: number, at });
    else tokens.push({ kind: 'word', text: word ?? '', at });
  }
  return tokens;
}
