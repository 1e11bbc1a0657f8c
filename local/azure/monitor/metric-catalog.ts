export type Aggregation = 'Average' | 'Minimum' | 'Maximum' | 'Total' | 'Count';

/**
 * How the values of several series of one minute become one, and several minutes one:
 * `samples` all values together; `counter` the series' sums added, one value a minute; `gauge` the series' averages added, one value a minute.
 */
export type RollUp = 'samples' | 'counter' | 'gauge';

export interface MetricDefinition {
  name: string;
  displayName: string;
  description: string;
  unit: 'Count' | 'Percent' | 'MilliSeconds' | 'BytesPerSecond' | 'CountPerSecond';
  /** The default one first. */
  aggregations: Aggregation[];
  dimensions: string[];
  category: 'Traffic' | 'Resource';
  rollUp: RollUp;
}

const all: Aggregation[] = ['Average', 'Minimum', 'Maximum', 'Total', 'Count'];

const latency = (percentile: number, dimensions: string[]): MetricDefinition => ({
  name: `RequestLatency_P${percentile}`,
  displayName: `Request Latency P${percentile}`,
  description: `The average P${percentile} request latency aggregated by all request latency values collected over the selected time period`,
  unit: 'MilliSeconds',
  aggregations: all,
  dimensions,
  category: 'Traffic',
  rollUp: 'samples',
});

const traffic = { category: 'Traffic', aggregations: all, rollUp: 'counter' } as const;
const percentiles = [50, 90, 95, 99];

/**
 * What local Azure measures of
 * https://learn.microsoft.com/azure/azure-monitor/reference/supported-metrics/microsoft-machinelearningservices-workspaces-onlineendpoints-metrics
 */
const endpointMetrics: MetricDefinition[] = [
  {
    ...traffic,
    name: 'ConnectionsActive',
    displayName: 'Connections Active',
    description: 'The total number of concurrent TCP connections active from clients.',
    unit: 'Count',
    dimensions: [],
    rollUp: 'samples',
  },
  {
    ...traffic,
    name: 'NetworkBytes',
    displayName: 'Network Bytes',
    description: 'The bytes per second served for the endpoint.',
    unit: 'BytesPerSecond',
    dimensions: [],
  },
  {
    ...traffic,
    name: 'NewConnectionsPerSecond',
    displayName: 'New Connections Per Second',
    description: 'The average number of new TCP connections per second established from clients.',
    unit: 'CountPerSecond',
    dimensions: [],
  },
  {
    ...traffic,
    name: 'RequestLatency',
    displayName: 'Request Latency',
    description: 'The average complete interval of time taken for a request to be responded in milliseconds',
    unit: 'MilliSeconds',
    dimensions: ['deployment'],
    rollUp: 'samples',
  },
  ...percentiles.map(percentile => latency(percentile, ['deployment'])),
  {
    ...traffic,
    name: 'RequestsPerMinute',
    displayName: 'Requests Per Minute',
    description: 'The number of requests sent to online endpoint within a minute',
    unit: 'Count',
    dimensions: ['deployment', 'statusCode', 'statusCodeClass', 'modelStatusCode'],
  },
];

/** The same of …-workspaces-onlineendpoints-deployments-metrics. */
const deploymentMetrics: MetricDefinition[] = [
  {
    name: 'CpuMemoryUtilizationPercentage',
    displayName: 'CPU Memory Utilization Percentage',
    description: 'Percentage of memory utilization on an instance. Utilization is reported at one minute intervals.',
    unit: 'Percent',
    aggregations: ['Average', 'Minimum', 'Maximum'],
    dimensions: ['instanceId'],
    category: 'Resource',
    rollUp: 'samples',
  },
  {
    name: 'CpuUtilizationPercentage',
    displayName: 'CPU Utilization Percentage',
    description: 'Percentage of CPU utilization on an instance. Utilization is reported at one minute intervals.',
    unit: 'Percent',
    aggregations: ['Average', 'Minimum', 'Maximum'],
    dimensions: ['instanceId'],
    category: 'Resource',
    rollUp: 'samples',
  },
  {
    name: 'DeploymentCapacity',
    displayName: 'Deployment Capacity',
    description: 'The number of instances in the deployment.',
    unit: 'Count',
    aggregations: ['Average', 'Minimum', 'Maximum'],
    dimensions: ['instanceId', 'State'],
    category: 'Resource',
    rollUp: 'gauge',
  },
  ...percentiles.map(percentile => latency(percentile, [])),
  {
    ...traffic,
    name: 'RequestsPerMinute',
    displayName: 'Requests Per Minute',
    description: 'The number of requests sent to online deployment within a minute',
    unit: 'Count',
    dimensions: ['envoy_response_code'],
  },
];

/** The metrics of a resource: `endpoint`, or `endpoint/deployment`. */
export function metricsOf(resource: string): MetricDefinition[] {
  return resource.includes('/') ? deploymentMetrics : endpointMetrics;
}

/** The metric namespace of a resource, its type. */
export function namespaceOf(resource: string): string {
  return `Microsoft.MachineLearningServices/workspaces/onlineEndpoints${resource.includes('/') ? '/deployments' : ''}`;
}

/** Whether values are kept as sums of a minute and shown by the second. */
export function isPerSecond({ unit }: MetricDefinition): boolean {
  return unit === 'BytesPerSecond' || unit === 'CountPerSecond';
}
