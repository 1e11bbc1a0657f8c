/** A condition that a metric must meet, such as `val_accuracy >= 0.92` or `val_loss < best - 0.01`. */
export interface Gate {
  /** As the user wrote it. */
  readonly text: string;
  readonly metric: string;
  readonly operator: '>=' | '>' | '<=' | '<' | '==';
  readonly limit: Limit;
}

type Limit =
  | { readonly kind: 'number'; readonly value: number }
  /** The same metric of something else, moved by an amount, or by a share of itself (0.05 for 5 %). */
  | { readonly kind: Reference; readonly amount: number; readonly isShare: boolean };

/** `best`: the best of the earlier runs. `champion`: the model in production. */
export type Reference = 'best' | 'champion';

export type Verdict = 'pass' | 'fail' | 'inconclusive';

export interface GateResult {
  readonly gate: Gate;
  readonly verdict: Verdict;
  readonly value: number | undefined;
  /** What the value was held against; undefined when there was nothing. */
  readonly limit: number | undefined;
  readonly explanation: string;
}

const pattern =
  /^(?<metric>[^\s<>=]+)\s*(?<operator>>=|<=|==|>|<)\s*(?:(?<number>[-+]?[\d.]+(?:e[-+]?\d+)?)\s*(?<share>%)?|(?<reference>[a-z]+)(?:\s*(?<sign>[-+])\s*(?<amount>[\d.]+(?:e[-+]?\d+)?)\s*(?<percent>%)?)?)$/i;

/** The gate of a line, or what is wrong with it, completing "has the line …,". */
export function parseGate(line: string, references: readonly Reference[]): Gate | string {
  const parts = pattern.exec(line.trim())?.groups;
  const number = Number(parts?.['number'] ?? parts?.['amount'] ?? 0);
  const expected = `expected a metric, one of >= > <= < ==, and a number${references.map(name => ` or ${name}`).join('')}, for example "val_accuracy >= 0.92"`;
  if (!parts?.['metric'] || Number.isNaN(number)) return expected;
  const { metric, operator, reference, sign, percent } = parts;
  const common = { text: line.trim(), metric, operator: operator as Gate['operator'] };
  if (reference === undefined)
    return { ...common, limit: { kind: 'number', value: parts['share'] === undefined ? number : number / 100 } };
  const kind = references.find(name => name === reference.toLowerCase());
  if (kind === undefined) return expected;
  const isShare = percent !== undefined;
  const amount = (sign === '-' ? -1 : 1) * (isShare ? number / 100 : number);
  return { ...common, limit: { kind, amount, isShare } };
}

/** Whether more is better, which tells the best of several values. */
export function prefersMore({ operator }: Gate): boolean {
  return operator === '>' || operator === '>=';
}

/**
 * Holds a candidate's metric against the gate.
 * @param reference value of `best` or `champion`; undefined when there is none yet, which passes: the first of its kind has
 *   nothing to be worse than. NaN when there is one, but without this metric, which is inconclusive.
 */
export function judge(
  gate: Gate,
  metrics: Readonly<Record<string, number>>,
  reference: number | undefined,
): GateResult {
  const { metric, operator, limit: wanted } = gate;
  const value = metrics[metric];
  const result = (verdict: Verdict, explanation: string, limit?: number): GateResult => ({
    gate,
    verdict,
    value,
    limit,
    explanation,
  });
  if (value === undefined) {
    const names = Object.keys(metrics);
    const instead = names.length === 0 ? 'no metrics were logged' : `there are ${names.slice(0, 12).join(', ')}`;
    return result('inconclusive', `the metric ${metric} was not logged: ${instead}`);
  }
  if (!Number.isFinite(value)) return result('inconclusive', `${metric} is ${value}`);
  if (wanted.kind !== 'number') {
    if (reference === undefined)
      return result('pass', `${metric} is ${shown(value)}; there is no ${wanted.kind} yet to compare with`);
    if (!Number.isFinite(reference))
      return result('inconclusive', `the ${wanted.kind} has no value of ${metric} to compare with`);
  }
  const limit =
    wanted.kind === 'number'
      ? wanted.value
      : (reference ?? 0) + (wanted.isShare ? Math.abs(reference ?? 0) * wanted.amount : wanted.amount);
  const passed = compare(value, operator, limit);
  const origin = wanted.kind === 'number' ? '' : ` (${wanted.kind} ${shown(reference ?? 0)})`;
  const distance = passed ? '' : `, off by ${shown(Math.abs(limit - value))}`;
  return result(
    passed ? 'pass' : 'fail',
    `${metric} is ${shown(value)}, wanted ${operator} ${shown(limit)}${origin}${distance}`,
    limit,
  );
}

/** One failure fails; without one, one doubt leaves the whole in doubt. */
export function verdictOf(results: readonly Pick<GateResult, 'verdict'>[]): Verdict {
  if (results.some(({ verdict }) => verdict === 'fail')) return 'fail';
  return results.some(({ verdict }) => verdict === 'inconclusive') ? 'inconclusive' : 'pass';
}

function compare(value: number, operator: Gate['operator'], limit: number): boolean {
  switch (operator) {
    case '>=':
      return value >= limit;
    case '>':
      return value > limit;
    case '<=':
      return value <= limit;
    case '<':
      return value < limit;
    case '==':
      return value === limit;
  }
}

/** Enough digits to tell two values apart, and no more. */
function shown(value: number): string {
  return String(Number(value.toPrecision(6)));
}
