import { MlflowError } from './mlflow-error';

/** Source: SEARCH_MAX_RESULTS_THRESHOLD in mlflow/store/tracking/__init__.py */
const mostResults = 50_000;

/** The fields of a request: the query of a GET, the JSON body of the others. Readers throw INVALID_PARAMETER_VALUE in MLflow's words. */
export class Fields {
  readonly #values: Record<string, unknown>;

  constructor(values: unknown) {
    this.#values = typeof values === 'object' && values !== null ? (values as Record<string, unknown>) : {};
  }

  raw(name: string): unknown {
    return this.#values[name];
  }

  /** Empty text counts as absent, as it does in protobuf. */
  text(name: string): string | undefined {
    const value = this.#values[name];
    if (value === undefined || value === null || value === '') return undefined;
    if (typeof value === 'string') return value;
    if (typeof value === 'number' || typeof value === 'boolean') return String(value);
    throw new MlflowError(
      'INVALID_PARAMETER_VALUE',
      `Invalid value for parameter '${name}' supplied: it must be a string.`,
    );
  }

  requiredText(...names: string[]): string {
    for (const name of names) {
      const value = this.text(name);
      if (value !== undefined) return value;
    }
    throw new MlflowError('INVALID_PARAMETER_VALUE', `Missing value for required parameter '${names[0] ?? ''}'.`);
  }

  /** A number; texts are read too, since protobuf writes 64-bit integers and NaN as texts. */
  number(name: string): number | undefined {
    const value = this.#values[name];
    if (value === undefined || value === null) return undefined;
    const read = typeof value === 'number' ? value : typeof value === 'string' ? Number(value) : undefined;
    if (read === undefined || (Number.isNaN(read) && value !== 'NaN' && !Number.isNaN(value))) {
      throw new MlflowError(
        'INVALID_PARAMETER_VALUE',
        `Invalid value for parameter '${name}' supplied: it must be a number.`,
      );
    }
    return read;
  }

  /** A list of messages. */
  list(name: string): Fields[] {
    const value = this.#values[name];
    if (value === undefined || value === null) return [];
    if (!Array.isArray(value))
      throw new MlflowError(
        'INVALID_PARAMETER_VALUE',
        `Invalid value for parameter '${name}' supplied: it must be a list.`,
      );
    return value.map(item => new Fields(item));
  }

  /** A list of texts; a query gives a single one as plain text. */
  texts(name: string): string[] {
    const value = this.#values[name];
    if (value === undefined || value === null) return [];
    return (Array.isArray(value) ? value : [value]).map(String);
  }

  /** `[{key, value}]` as a map. */
  pairs(name: string): Record<string, string> {
    return Object.fromEntries(this.list(name).map(pair => [pair.requiredText('key'), pair.text('value') ?? '']));
  }
}

/** A map as MLflow's `[{key, value}]`. */
export function asPairs(map: Record<string, string>): { key: string; value: string }[] {
  return Object.entries(map).map(([key, value]) => ({ key, value }));
}

/** A number as protobuf's JSON has it: NaN and infinities are texts. */
export function protoNumber(value: number): number | string {
  return Number.isFinite(value) ? value : value > 0 ? 'Infinity' : value < 0 ? '-Infinity' : 'NaN';
}

/** One page of what was found: `max_results` a page, `page_token` is where it begins. */
export function pageOf<T>(found: T[], fields: Fields, otherwise: number): { page: T[]; next_page_token?: string } {
  const token = fields.text('page_token') ?? '0';
  if (!/^\d{1,9}$/.test(token)) throw new MlflowError('INVALID_PARAMETER_VALUE', `Invalid page token '${token}'.`);
  const end = Number(token) + mostOnPage(fields, otherwise);
  return { page: found.slice(Number(token), end), ...(end < found.length ? { next_page_token: String(end) } : {}) };
}

/** One page of items in a fixed order, which `after` gives from the one behind a token on: it costs what is taken from there. */
export function pageAfter<T>(
  after: (token: string) => Iterable<T>,
  tokenOf: (item: T) => string,
  fields: Fields,
  otherwise: number,
): { page: T[]; next_page_token?: string } {
  const most = mostOnPage(fields, otherwise);
  const page: T[] = [];
  for (const item of after(fields.text('page_token') ?? '')) {
    const last = page.at(-1);
    if (page.length === most && last !== undefined) return { page, next_page_token: tokenOf(last) };
    page.push(item);
  }
  return { page };
}

function mostOnPage(fields: Fields, otherwise: number): number {
  const most = fields.number('max_results') ?? otherwise;
  if (Number.isInteger(most) && most >= 1 && most <= mostResults) return most;
  throw new MlflowError(
    'INVALID_PARAMETER_VALUE',
    `Invalid value ${most} for parameter 'max_results' supplied: it must be between 1 and ${mostResults}.`,
  );
}
