import { ArmError } from '../arm/arm-error';
import { isoDurationSeconds } from '../compute/iso-duration';
import { minuteOf, type EndpointMeter } from './endpoint-meter';
import { metricsOf, namespaceOf, type Aggregation, type MetricDefinition } from './metric-catalog';
import { parseFilter, type Condition } from './metric-filter';
import { aggregate, seriesOf, wholeOf, type Series } from './metric-series';

/** Parameters of a metrics query as they came; names in lower case and without `$`. */
export type QueryParameters = (name: string) => string | undefined;

/** A query that has been checked. */
export interface MetricQuery {
  /** `endpoint` or `endpoint/deployment`. */
  resource: string;
  definitions: MetricDefinition[];
  /** Milliseconds since the epoch. */
  from: number;
  to: number;
  /** ISO 8601, or FULL. */
  interval: string;
  aggregations: Aggregation[];
  conditions: Condition[];
  rollUpBy: string[];
  top: number;
  order: { aggregation: Aggregation; descending: boolean } | undefined;
  metadataOnly: boolean;
}

/** The grains of all these metrics: what is sampled by the minute can be had by these. */
const grains = ['PT1M', 'PT5M', 'PT15M', 'PT30M', 'PT1H', 'PT6H', 'PT12H', 'P1D'];
const keptMilliseconds = 93 * 86_400_000;
const aggregations: Aggregation[] = ['Average', 'Minimum', 'Maximum', 'Total', 'Count'];

/** Checks the parameters of a query on a resource. @throws ArmError 400 in the words of Azure Monitor */
export function readQuery(resource: string, get: QueryParameters): MetricQuery {
  const known = metricsOf(resource);
  const namespace = get('metricnamespace');
  if (namespace !== undefined && namespace.toLowerCase() !== namespaceOf(resource).toLowerCase())
    throw bad(`The metric namespace ${namespace} was not found for the resource.`);
  const definitions = list(get('metricnames')).map(name => {
    const found = known.find(definition => definition.name.toLowerCase() === name.toLowerCase());
    if (found) return found;
    throw bad(
      `Failed to find metric configuration for provider: Microsoft.MachineLearningServices, resource Type: ${namespaceOf(resource).split('/').slice(1).join('/')}, metric: ${name}, Valid metrics: ${known.map(one => one.name).join(',')}`,
    );
  });
  if (definitions.length === 0) definitions.push(...known.slice(0, 1));
  if (definitions.length > 20) throw bad('At most 20 metric names can be specified.');
  const { from, to } = timespan(get('timespan'));
  const conditions = validConditions(get('filter'), definitions, get('validatedimensions') !== 'false');
  const orderBy = /^(\w+)(?:\s+(asc|desc))?$/i.exec(get('orderby') ?? '');
  const top = Number(get('top') ?? 10);
  if (!Number.isInteger(top) || top < 1)
    throw bad(`The value of top is ${get('top') ?? ''}, which is no number of records.`);
  return {
    resource,
    definitions,
    from,
    to,
    interval: interval(get('interval'), /^true$/i.test(get('autoadjusttimegrain') ?? '')),
    aggregations: list(get('aggregation')).map(aggregationOf),
    conditions,
    rollUpBy: list(get('rollupby')).map(name => name.toLowerCase()),
    top,
    order: orderBy
      ? { aggregation: aggregationOf(orderBy[1] ?? ''), descending: /desc/i.test(orderBy[2] ?? '') }
      : undefined,
    metadataOnly: /^metadata$/i.test(get('resulttype') ?? ''),
  };
}

/** What Azure Monitor answers, without what the resource and the two APIs that show it add. */
export async function answerQuery(
  query: MetricQuery,
  resourceId: string,
  meter: EndpointMeter,
): Promise<Record<string, unknown>[]> {
  return Promise.all(
    query.definitions.map(async definition => ({
      id: `${resourceId}/providers/Microsoft.Insights/metrics/${definition.name}`,
      type: 'Microsoft.Insights/metrics',
      name: { value: definition.name, localizedValue: definition.displayName },
      displayDescription: definition.description,
      unit: definition.unit,
      timeseries: chosen(await measured(query, definition, meter), query).map(series =>
        shown(series, query, definition),
      ),
      errorCode: 'Success',
    })),
  );
}

/** The series of a metric, by the query's conditions and buckets. */
export async function measured(
  query: Pick<MetricQuery, 'resource' | 'from' | 'to' | 'interval' | 'conditions' | 'rollUpBy'>,
  definition: MetricDefinition,
  meter: EndpointMeter,
): Promise<Series[]> {
  const points = await meter.points(query.resource, definition.name, firstMinute(query), Math.ceil(query.to / 60_000));
  const { conditions, rollUpBy } = query;
  return seriesOf(points, { definition, conditions, rollUpBy, bucketOf: minute => bucketOf(minute, query) });
}

function chosen(series: Series[], { conditions, order, top }: MetricQuery): Series[] {
  // Without a filter there is one series, even of nothing.
  if (conditions.length === 0) return series.length > 0 ? series : [{ metadata: [], buckets: new Map() }];
  if (order) {
    const value = (one: Series): number =>
      aggregate(wholeOf(one) ?? { sum: 0, count: 1, min: 0, max: 0 }, order.aggregation);
    series.sort((a, b) => (order.descending ? value(b) - value(a) : value(a) - value(b)));
  }
  return series.slice(0, top);
}

function shown(
  { metadata, buckets }: Series,
  query: MetricQuery,
  definition: MetricDefinition,
): Record<string, unknown> {
  const metadatavalues = metadata.map(({ name, value }) => ({ name: { value: name, localizedValue: name }, value }));
  if (query.metadataOnly) return { metadatavalues };
  const wanted = query.aggregations.length > 0 ? query.aggregations : definition.aggregations.slice(0, 1);
  const data = [];
  for (const minute of bucketStarts(query)) {
    const cell = buckets.get(minute);
    const values = cell ? wanted.map(one => [one.toLowerCase(), aggregate(cell, one)]) : [];
    data.push({ timeStamp: stamp(minute * 60_000), ...(Object.fromEntries(values) as Record<string, number>) });
  }
  return { metadatavalues, data };
}

/** `2026-01-02T03:04:00Z`. */
export function stamp(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace('.000Z', 'Z');
}

type Span = Pick<MetricQuery, 'from' | 'to' | 'interval'>;

/** A bucket begins at a whole multiple of the interval; FULL is one bucket. */
function bucketOf(minute: number, { from, interval }: Span): number {
  if (interval === 'FULL') return minuteOf(from);
  const size = (isoDurationSeconds(interval) ?? 60) / 60;
  return Math.floor(minute / size) * size;
}

function firstMinute(span: Span): number {
  return bucketOf(minuteOf(span.from), span);
}

function* bucketStarts(span: Span): Generator<number> {
  if (span.interval === 'FULL') {
    yield firstMinute(span);
    return;
  }
  const size = (isoDurationSeconds(span.interval) ?? 60) / 60;
  for (let minute = firstMinute(span); minute * 60_000 < span.to; minute += size) yield minute;
}

function timespan(given: string | undefined): { from: number; to: number } {
  const now = Date.now();
  const [start = '', end] = (given ?? 'PT1H').split('/');
  const seconds = end === undefined ? isoDurationSeconds(start) : undefined;
  // A plus sign of a time zone that was not encoded has become a blank.
  const from = seconds === undefined ? Date.parse(start.replace(' ', '+')) : now - seconds * 1000;
  const to = end === undefined ? now : Date.parse(end.replace(' ', '+'));
  if (Number.isNaN(from) || Number.isNaN(to) || from >= to)
    throw bad(`Invalid time span ${given ?? ''}: it must be startDateTime_ISO/endDateTime_ISO.`);
  if (from < now - keptMilliseconds)
    throw bad(`The start time of the time span ${given ?? ''} is more than 93 days ago.`);
  return { from, to };
}

function interval(given: string | undefined, adjust: boolean): string {
  if (given === undefined) return 'PT1M';
  if (/^full$/i.test(given)) return 'FULL';
  const seconds = isoDurationSeconds(given);
  const found = grains.find(grain => isoDurationSeconds(grain) === seconds);
  if (found !== undefined) return found;
  const next = grains.find(grain => (isoDurationSeconds(grain) ?? 0) > (seconds ?? Infinity));
  if (adjust && seconds !== undefined) return next ?? 'P1D';
  throw bad(`Detected invalid time grain input: ${given}, supported ones are: ${grains.join(',')}`);
}

function validConditions(
  filter: string | undefined,
  definitions: readonly MetricDefinition[],
  isStrict: boolean,
): Condition[] {
  const isKnown = ({ dimension }: Condition): boolean =>
    definitions.every(one => one.dimensions.some(name => name.toLowerCase() === dimension.toLowerCase()));
  const conditions = parseFilter(filter ?? '');
  const unknown = conditions.find(condition => !isKnown(condition));
  if (unknown && isStrict) {
    const names = definitions.map(({ name, dimensions }) => `${name} (${dimensions.join(',') || 'none'})`);
    throw bad(
      `Metric: ${definitions.map(({ name }) => name).join(',')} does not support requested dimension combination: ${unknown.dimension}, supported ones are: ${names.join('; ')}`,
    );
  }
  return conditions.filter(isKnown);
}

function aggregationOf(given: string): Aggregation {
  const name = given.toLowerCase() === 'sum' ? 'total' : given.toLowerCase();
  const found = aggregations.find(one => one.toLowerCase() === name);
  if (!found) throw bad(`Invalid aggregation type: ${given}; valid are ${aggregations.join(',')}`);
  return found;
}

function list(given: string | undefined): string[] {
  return (given ?? '')
    .split(',')
    .map(one => one.trim())
    .filter(Boolean);
}

function bad(message: string): ArmError {
  return new ArmError(400, 'BadRequest', message);
}
