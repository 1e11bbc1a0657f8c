import type { Workspace } from './workspace';

/** What Azure Monitor saw of a deployment in a span of time. */
export interface DeploymentMetrics {
  readonly requests: number;
  /** Share of the requests that were not answered 2xx, 0 to 1; NaN without requests. */
  readonly errorRate: number;
  /** Milliseconds; NaN where Monitor has none. */
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

/** https://learn.microsoft.com/azure/azure-monitor/reference/supported-metrics/microsoft-machinelearningservices-workspaces-onlineendpoints-metrics */
const percentiles = { p50: 'RequestLatency_P50', p95: 'RequestLatency_P95', p99: 'RequestLatency_P99' } as const;

interface Series {
  metadatavalues?: { name?: { value?: string }; value?: string }[];
  data?: { timeStamp: string; average?: number }[];
}

/**
 * Requests, errors and latency of an endpoint's deployments between two times. Monitor counts in whole minutes and shows them with a
 * delay of its own, so a span of a few minutes may hold less than was sent.
 */
export async function deploymentMetrics(
  workspace: Workspace,
  endpoint: string,
  span: { readonly from: Date; readonly to: Date },
): Promise<(deployment: string) => DeploymentMetrics> {
  const read = (names: readonly string[], filter: string): Promise<Map<string, Series[]>> =>
    readMetrics(workspace, endpoint, names, filter, span);
  const [counts, latencies] = await Promise.all([
    read(['RequestsPerMinute'], "deployment eq '*' and statusCodeClass eq '*'"),
    read(Object.values(percentiles), "deployment eq '*'"),
  ]);
  return deployment => {
    const counted = (counts.get('requestsperminute') ?? []).filter(one => valueOf(one, 'deployment') === deployment);
    const requests = sum(counted);
    const fine = sum(counted.filter(one => valueOf(one, 'statuscodeclass')?.startsWith('2')));
    const latency = (name: keyof typeof percentiles): number =>
      mean(
        (latencies.get(percentiles[name].toLowerCase()) ?? []).filter(one => valueOf(one, 'deployment') === deployment),
      );
    return {
      requests,
      errorRate: (requests - fine) / requests,
      p50: latency('p50'),
      p95: latency('p95'),
      p99: latency('p99'),
    };
  };
}

async function readMetrics(
  workspace: Workspace,
  endpoint: string,
  names: readonly string[],
  filter: string,
  { from, to }: { readonly from: Date; readonly to: Date },
): Promise<Map<string, Series[]>> {
  const { body } = await workspace.send({
    method: 'GET',
    path: `/onlineEndpoints/${encodeURIComponent(endpoint)}/providers/Microsoft.Insights/metrics`,
    apiVersion: '2018-01-01',
    query: {
      metricnames: names.join(','),
      aggregation: 'average',
      interval: 'PT1M',
      timespan: wholeMinutes(from, to),
      $filter: filter,
    },
    doing: `read the metrics of the endpoint '${endpoint}' from Azure Monitor`,
  });
  const { value = [] } = body as { value?: { name?: { value?: string }; timeseries?: Series[] }[] };
  return new Map(value.map(({ name, timeseries }) => [(name?.value ?? '').toLowerCase(), timeseries ?? []]));
}

/** Minutes; of a shorter span none can be left out. */
const longEnough = 2;

/**
 * The span in Monitor's minutes. The minute in which it begins also holds what came before: the step before this one, or an
 * earlier deployment of the same name. It counts only when the span is too short to leave it out.
 */
export function wholeMinutes(from: Date, to: Date): string {
  const isLong = to.getTime() - from.getTime() >= longEnough * 60_000;
  return `${wholeMinute(from, isLong ? 'up' : 'down')}/${wholeMinute(to, 'up')}`;
}

function wholeMinute(time: Date, direction: 'down' | 'up'): string {
  const minutes = time.getTime() / 60_000;
  return new Date((direction === 'down' ? Math.floor(minutes) : Math.ceil(minutes)) * 60_000).toISOString();
}

function valueOf({ metadatavalues = [] }: Series, dimension: string): string | undefined {
  return metadatavalues.find(({ name }) => name?.value?.toLowerCase() === dimension)?.value;
}

/** Each point is the rate of one minute, so that their sum is a count. */
function sum(series: readonly Series[]): number {
  return series.flatMap(({ data = [] }) => data).reduce((total, { average = 0 }) => total + average, 0);
}

/** Minutes without requests have no latency. */
function mean(series: readonly Series[]): number {
  const values = series
    .flatMap(({ data = [] }) => data)
    .flatMap(({ average }) => (average === undefined ? [] : [average]));
  return values.reduce((total, value) => total + value, 0) / values.length;
}
