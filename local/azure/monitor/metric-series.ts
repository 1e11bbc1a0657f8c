import { isPerSecond, type Aggregation, type MetricDefinition } from './metric-catalog';
import { fulfils, type Condition } from './metric-filter';
import { addTo, type Cell, type Point } from './metric-store';

/** One line of a chart. */
export interface Series {
  /** The dimensions that split it, with their values. */
  metadata: { name: string; value: string }[];
  /** By bucket: minutes since the epoch where it begins. */
  buckets: Map<number, Cell>;
}

export interface SeriesRequest {
  definition: MetricDefinition;
  conditions: readonly Condition[];
  /** Dimensions, in lower case, that are filtered by but do not split. */
  rollUpBy: readonly string[];
  /** The beginning of a minute's bucket. */
  bucketOf: (minute: number) => number;
}

/** Splits points by the dimensions that are filtered by, and puts them together by bucket. */
export function seriesOf(points: readonly Point[], request: SeriesRequest): Series[] {
  const { definition, conditions, rollUpBy } = request;
  const indexOf = (name: string): number =>
    definition.dimensions.findIndex(dimension => dimension.toLowerCase() === name.toLowerCase());
  const split = conditions.filter(({ dimension }) => !rollUpBy.includes(dimension.toLowerCase()));
  const groups = new Map<string, Point[]>();
  for (const point of points) {
    const valueOf = ({ dimension }: Condition): string => point.dimensions[indexOf(dimension)] ?? '';
    if (!conditions.every(condition => fulfils(valueOf(condition), condition))) continue;
    const key = JSON.stringify(split.map(valueOf));
    const group = groups.get(key);
    if (group) group.push(point);
    else groups.set(key, [point]);
  }
  return [...groups].map(([key, group]) => ({
    metadata: (JSON.parse(key) as string[]).map((value, index) => ({
      // The service answers in lower case.
      name: (split[index]?.dimension ?? '').toLowerCase(),
      value,
    })),
    buckets: bucketsOf(group, request),
  }));
}

function bucketsOf(points: readonly Point[], { definition, bucketOf }: SeriesRequest): Map<number, Cell> {
  const minutes = new Map<number, Cell>();
  for (const point of points) {
    const cell = minutes.get(point.minute);
    const own = ownValue(point, definition);
    if (!cell) minutes.set(point.minute, { ...own });
    else if (definition.rollUp === 'samples') addTo(cell, own);
    else {
      // Series of one minute add up to one value of that minute.
      const value = cell.sum + own.sum;
      Object.assign(cell, { sum: value, min: value, max: value });
    }
  }
  const buckets = new Map<number, Cell>();
  for (const [minute, cell] of minutes) {
    const bucket = buckets.get(bucketOf(minute));
    if (bucket) addTo(bucket, cell);
    else buckets.set(bucketOf(minute), { ...cell });
  }
  return buckets;
}

function ownValue(point: Point, definition: MetricDefinition): Cell {
  const { sum, count, min, max } = point;
  if (definition.rollUp === 'samples') return { sum, count, min, max };
  const value = definition.rollUp === 'gauge' ? sum / count : isPerSecond(definition) ? sum / 60 : sum;
  return { sum: value, count: 1, min: value, max: value };
}

export function aggregate(cell: Cell, aggregation: Aggregation): number {
  switch (aggregation) {
    case 'Average':
      return cell.sum / cell.count;
    case 'Minimum':
      return cell.min;
    case 'Maximum':
      return cell.max;
    case 'Total':
      return cell.sum;
    case 'Count':
      return cell.count;
  }
}

/** The whole of a series in one cell; undefined when there is nothing. */
export function wholeOf({ buckets }: Series): Cell | undefined {
  let whole: Cell | undefined;
  for (const cell of buckets.values()) {
    if (whole) addTo(whole, cell);
    else whole = { ...cell };
  }
  return whole;
}
