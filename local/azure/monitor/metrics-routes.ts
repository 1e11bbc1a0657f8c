import type { FastifyInstance, FastifyRequest } from 'fastify';
import { ArmError } from '../arm/arm-error';
import { queryValue, sendArmError } from '../arm/arm-scope';
import { acceptJsonBodies } from '../arm/json-body';
import type { AzureContext } from '../context';
import { deploymentId, endpointId } from '../online-endpoints/endpoint-resource';
import type { EndpointStore } from '../online-endpoints/endpoint-store';
import type { EndpointMeter } from './endpoint-meter';
import { metricsOf, namespaceOf, type MetricDefinition } from './metric-catalog';
import { answerQuery, readQuery, stamp, type MetricQuery, type QueryParameters } from './metric-query';

const readMetrics = 'Microsoft.Insights/metrics/read';

export interface MonitorParts {
  store: EndpointStore;
  meter: EndpointMeter;
}

interface ResourceRoute {
  Params: { endpoint: string; deployment?: string };
}

/**
 * Azure Monitor on endpoints and deployments, below the workspace: `…/providers/Microsoft.Insights/metrics`, `metricDefinitions`,
 * `metricNamespaces`, as of API version 2024-02-01.
 */
export function registerMetrics(app: FastifyInstance, context: AzureContext, { store, meter }: MonitorParts): void {
  const resourceOf = ({ params: { endpoint, deployment } }: FastifyRequest<ResourceRoute>): Resource =>
    findResource(store, context, endpoint, deployment);
  for (const path of ['/onlineEndpoints/:endpoint', '/onlineEndpoints/:endpoint/deployments/:deployment']) {
    const insights = `${path}/providers/Microsoft.Insights`;
    app.get<ResourceRoute>(`${insights}/metrics`, async request => {
      const { resource, id } = resourceOf(request);
      const query = readQuery(resource, name => queryValue(request, name) ?? queryValue(request, `$${name}`));
      return {
        cost: Math.max(0, Math.floor((query.to - query.from) / 60_000) - 1) * query.definitions.length,
        timespan: `${stamp(query.from)}/${stamp(query.to)}`,
        ...(query.metadataOnly ? {} : { interval: query.interval }),
        namespace: namespaceOf(resource).toLowerCase(),
        resourceregion: context.identity.region,
        value: await answerQuery(query, id, meter),
      };
    });
    app.get<ResourceRoute>(`${insights}/metricDefinitions`, request => {
      const { resource, id } = resourceOf(request);
      return { value: metricsOf(resource).map(definition => shownDefinition(definition, resource, id)) };
    });
    app.get<ResourceRoute>(`${insights}/metricNamespaces`, request => {
      const { resource, id } = resourceOf(request);
      const name = namespaceOf(resource);
      return {
        value: [
          {
            id: `${id}/providers/Microsoft.Insights/metricNamespaces/${name}`,
            type: 'Microsoft.Insights/metricNamespaces',
            name,
            classification: 'Platform',
            properties: { metricNamespaceName: name },
          },
        ],
      };
    });
  }
}

/**
 * The data plane for many resources of one region, `POST /subscriptions/{id}/metrics:getBatch`; on Azure at
 * https://{region}.metrics.monitor.azure.com. It takes tokens for https://metrics.monitor.azure.com, here those for Resource Manager too.
 */
export function registerMetricsBatch(
  app: FastifyInstance,
  context: AzureContext,
  { store, meter }: MonitorParts,
): void {
  acceptJsonBodies(app);
  app.setErrorHandler((error, request, reply) => sendArmError(error, request, reply, context));
  app.post<{ Params: { subscriptionId: string }; Body: { resourceids?: unknown } | undefined }>(
    '/subscriptions/:subscriptionId/metrics::getBatch',
    async request => {
      const token = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? '';
      const caller = await context.directory.identify(token, 'monitor');
      if (!caller.allows(readMetrics))
        throw new ArmError(
          403,
          'AuthorizationFailed',
          `The client '${caller.clientId}' does not have authorization to perform action '${readMetrics}'.`,
        );
      const ids = request.body?.resourceids;
      if (!Array.isArray(ids) || ids.length === 0 || ids.length > 50 || !ids.every(id => typeof id === 'string'))
        throw new ArmError(400, 'BadRequest', 'The body must hold resourceids, an array of 1 to 50 resource ids.');
      const get: QueryParameters = name => {
        if (name !== 'timespan') return queryValue(request, name);
        const start = queryValue(request, 'starttime');
        const end = queryValue(request, 'endtime');
        return start === undefined || end === undefined ? start : `${start}/${end}`;
      };
      const values = ids.map(async (given: string) => {
        const { resource, id } = fromId(given, store, context);
        const query = readQuery(resource, get);
        return { ...batchHead(query, given, context), value: await answerQuery(query, id, meter) };
      });
      return { values: await Promise.all(values) };
    },
  );
}

function batchHead(query: MetricQuery, resourceid: string, { identity }: AzureContext): Record<string, unknown> {
  return {
    starttime: stamp(query.from),
    endtime: stamp(query.to),
    interval: query.interval,
    namespace: namespaceOf(query.resource).toLowerCase(),
    resourceid,
    resourceregion: identity.region,
  };
}

export interface Resource {
  /** `endpoint` or `endpoint/deployment`. */
  resource: string;
  /** ARM id. */
  id: string;
}

/** The endpoint or deployment behind an ARM id. @throws ArmError 404 */
export function fromId(given: string, store: EndpointStore, context: AzureContext): Resource {
  const [, workspace = '', endpoint = '', deployment] =
    /^\/?(subscriptions\/.+?)\/onlineEndpoints\/([^/]+)(?:\/deployments\/([^/]+))?\/?$/i.exec(given) ?? [];
  if (`/${workspace}`.toLowerCase() !== context.workspaceArmId.toLowerCase()) throw missing(given);
  return findResource(store, context, endpoint, deployment);
}

function findResource(
  store: EndpointStore,
  context: AzureContext,
  endpointName: string,
  deploymentName: string | undefined,
): Resource {
  const endpoint = store.endpoint(endpointName);
  if (!endpoint) throw missing(endpointId(context, endpointName));
  if (deploymentName === undefined) return { resource: endpoint.name, id: endpointId(context, endpoint.name) };
  const deployment = store.deployment(endpoint.name, deploymentName);
  const id = deploymentId(context, endpoint.name, deployment?.name ?? deploymentName);
  if (!deployment) throw missing(id);
  return { resource: `${endpoint.name}/${deployment.name}`, id };
}

function missing(id: string): ArmError {
  return new ArmError(404, 'ResourceNotFound', `The Resource '${id}' was not found.`);
}

function shownDefinition(definition: MetricDefinition, resource: string, id: string): Record<string, unknown> {
  const { name, displayName, description, unit, aggregations, dimensions, category } = definition;
  return {
    id: `${id}/providers/microsoft.insights/metricdefinitions/${name}`,
    resourceId: id,
    namespace: namespaceOf(resource),
    category,
    name: { value: name, localizedValue: displayName },
    displayDescription: description,
    isDimensionRequired: false,
    unit,
    primaryAggregationType: aggregations[0],
    supportedAggregationTypes: aggregations,
    metricAvailabilities: ['PT1M', 'PT5M', 'PT15M', 'PT30M', 'PT1H', 'PT6H', 'PT12H', 'P1D'].map(timeGrain => ({
      timeGrain,
      retention: 'P93D',
    })),
    dimensions: dimensions.map(value => ({ value, localizedValue: value })),
  };
}
