import type { SearchRange, SweepRequest } from '../jobs/job-request';

/** How many parameters each distribution has. Source: azure-ai-ml, entities/_job/sweep/search_space.py; docs, how-to-tune-hyperparameters. */
const parameterCounts: Record<string, number> = {
  choice: 1,
  randint: 1,
  uniform: 2,
  loguniform: 2,
  normal: 2,
  lognormal: 2,
  quniform: 3,
  qloguniform: 3,
  qnormal: 3,
  qlognormal: 3,
};

/** Why a range of the search space cannot be used, as the end of a sentence; undefined when it can. */
export function checkRange({ kind, parameters }: SearchRange): string | undefined {
  const count = parameterCounts[kind];
  if (count === undefined)
    return `is of the unknown distribution '${kind}'; known: ${Object.keys(parameterCounts).join(', ')}`;
  if (parameters.length !== count) return `must have ${count} parameter${count === 1 ? '' : 's'}`;
  if (kind === 'choice') {
    const [values] = parameters;
    if (!Array.isArray(values) || values.length === 0) return 'must have a list of at least one value';
    if (values.some(value => typeof value === 'object')) return 'has a value that is neither a number nor a text';
    return undefined;
  }
  if (!parameters.every(parameter => typeof parameter === 'number' && Number.isFinite(parameter)))
    return 'must have numbers as parameters';
  const [first = 0, second = 0, step = 1] = parameters as number[];
  if (kind === 'randint') return first >= 1 ? undefined : 'must have an upper bound of at least 1';
  if (kind.endsWith('uniform') && first >= second) return 'must have a minimum below its maximum';
  if (kind.endsWith('normal') && second < 0) return 'must have a standard deviation of at least 0';
  return step > 0 ? undefined : 'must have a step greater than 0';
}

/** Combinations of a space that holds choices only; undefined when some range is not a list. */
export function spaceSize(space: Record<string, SearchRange>): number | undefined {
  const sizes = Object.values(space).map(range =>
    range.kind === 'choice'
      ? choices(range).length
      : range.kind === 'randint'
        ? Number(range.parameters[0])
        : undefined,
  );
  return sizes.every(size => size !== undefined) ? sizes.reduce((product, size) => product * size, 1) : undefined;
}

/** How many trials a sweep has at most. */
export function trialCount(request: SweepRequest): number {
  return Math.min(request.limits.maxTotalTrials, spaceSize(request.searchSpace) ?? Infinity);
}

/**
 * The values of every trial, in order: all combinations (grid), or points drawn with the sweep's seed (random), none of them twice while
 * the space has others. The same request gives the same points again, so that a sweep goes on after a restart where it was.
 */
export function* points(request: SweepRequest): IterableIterator<Record<string, string>> {
  const { searchSpace, samplingAlgorithm } = request;
  const count = trialCount(request);
  if (samplingAlgorithm.samplingAlgorithmType === 'Grid') {
    for (let index = 0; index < count; index += 1) yield combination(searchSpace, index);
    return;
  }
  const random = generator(request.drawnSeed);
  const isFinite = spaceSize(searchSpace) !== undefined;
  const seen = new Set<string>();
  while (seen.size < count) {
    const point = Object.fromEntries(Object.entries(searchSpace).map(([name, range]) => [name, draw(range, random)]));
    const key = isFinite ? JSON.stringify(point) : String(seen.size);
    if (seen.has(key)) continue;
    seen.add(key);
    yield point;
  }
}

function choices(range: SearchRange): unknown[] {
  return range.parameters[0] as unknown[];
}

/** The last name changes fastest. */
function combination(space: Record<string, SearchRange>, index: number): Record<string, string> {
  const point: Record<string, string> = {};
  let rest = index;
  for (const [name, range] of Object.entries(space).reverse()) {
    const values = choices(range);
    point[name] = String(values[rest % values.length]);
    rest = Math.floor(rest / values.length);
  }
  return Object.fromEntries(Object.keys(space).map(name => [name, point[name] ?? '']));
}

function draw(range: SearchRange, random: () => number): string {
  if (range.kind === 'choice') {
    const values = choices(range);
    return String(values[Math.floor(random() * values.length)]);
  }
  const [first = 0, second = 0, step = 1] = range.parameters as number[];
  const quantized = range.kind.startsWith('q');
  const value = ((): number => {
    switch (range.kind.replace(/^q/, '')) {
      case 'randint':
        return Math.floor(random() * first);
      case 'uniform':
        return first + random() * (second - first);
      case 'loguniform':
        return Math.exp(first + random() * (second - first));
      case 'normal':
        return first + second * gaussian(random);
      default:
        return Math.exp(first + second * gaussian(random));
    }
  })();
  return String(quantized ? Math.round(value / step) * step : value);
}

/** Box and Muller. */
function gaussian(random: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/** mulberry32: 32 bits of state, enough for a search space. Numbers of at least 0 and below 1. */
function generator(seed: number): () => number {
  let state = Math.trunc(seed) >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
