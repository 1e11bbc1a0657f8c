import { MlflowError } from './mlflow-error';

/** What a filter's clause may look at; undefined when the thing has no such value. */
export type FilterValue = (entity: string, name: string) => string | number | undefined;

interface Clause {
  entity: string;
  name: string;
  operator: string;
  value: string | number;
}

const clausePattern =
  /^\s*(?:(\w+)\.)?(?:`([^`]+)`|"([^"]+)"|([\w.\-/ ]+?))\s*(!=|>=|<=|=|>|<|\bLIKE\b|\bILIKE\b)\s*('(?:[^']*)'|"(?:[^"]*)"|-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)\s*(?:\bAND\b|$)/i;

/**
 * A search filter of MLflow as a predicate: comparisons (`=`, `!=`, `<`, `<=`, `>`, `>=`, `LIKE`, `ILIKE`) joined by AND.
 * Keys without an entity get `defaultEntity`. @throws MlflowError for anything else, quoting the rest that was not understood
 */
export function searchFilter(filter: string | undefined, defaultEntity: string): (value: FilterValue) => boolean {
  const clauses = parse(filter ?? '', defaultEntity);
  return value => clauses.every(clause => holds(clause, value(clause.entity, clause.name)));
}

function parse(filter: string, defaultEntity: string): Clause[] {
  const clauses: Clause[] = [];
  let rest = filter.trim();
  while (rest !== '') {
    const match = clausePattern.exec(rest);
    if (!match) throw new MlflowError('INVALID_PARAMETER_VALUE', `Invalid or unsupported filter clause: ${rest}`);
    const [whole, entity, ticked, quoted, plain, operator = '', literal = ''] = match;
    clauses.push({
      entity: canonicalEntity(entity ?? defaultEntity),
      name: ticked ?? quoted ?? plain ?? '',
      operator: operator.toUpperCase(),
      value: /^['"]/.test(literal) ? literal.slice(1, -1) : Number(literal),
    });
    rest = rest.slice(whole.length);
  }
  return clauses;
}

function canonicalEntity(entity: string): string {
  const lower = entity.toLowerCase();
  const known: Record<string, string> = {
    metric: 'metrics',
    param: 'params',
    parameter: 'params',
    parameters: 'params',
    tag: 'tags',
    attr: 'attributes',
    attribute: 'attributes',
    run: 'attributes',
  };
  return known[lower] ?? lower;
}

function holds({ operator, value }: Clause, found: string | number | undefined): boolean {
  if (found === undefined) return false;
  switch (operator) {
    case '=':
      return String(found) === String(value);
    case '!=':
      return String(found) !== String(value);
    case '>':
      return Number(found) > Number(value);
    case '>=':
      return Number(found) >= Number(value);
    case '<':
      return Number(found) < Number(value);
    case '<=':
      return Number(found) <= Number(value);
    default:
      return likePattern(String(value), operator === 'ILIKE').test(String(found));
  }
}

function likePattern(like: string, ignoreCase: boolean): RegExp {
  const source = like
    .split('')
    .map(character =>
      character === '%' ? '.*' : character === '_' ? '.' : character.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'),
    )
    .join('');
  return new RegExp(`^${source}$`, ignoreCase ? 'is' : 's');
}
