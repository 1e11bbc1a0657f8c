import type { FastifyInstance } from 'fastify';
import { ArmError } from '../arm/arm-error';
import { useArmScope } from '../arm/arm-scope';
import { resourceList } from '../arm/resource-list';
import type { AzureContext } from '../context';
import type { Autoscale } from './autoscale';
import { readAutoscaleSetting, type AutoscaleRecord } from './autoscale-setting';
import { metricsOf } from './metric-catalog';
import { fromId } from './metrics-routes';
import type { EndpointStore } from '../online-endpoints/endpoint-store';

interface SettingRoute {
  Params: { name: string };
  Body: Record<string, unknown> | undefined;
}

const group = '/subscriptions/:subscriptionId/resourceGroups/:resourceGroup/providers/Microsoft.Insights';
const subscription = '/subscriptions/:subscriptionId/providers/Microsoft.Insights';

/** `Microsoft.Insights/autoscalesettings`: PUT, GET, PATCH, DELETE, lists of a resource group and of a subscription. Call on the root. */
export async function registerAutoscale(
  app: FastifyInstance,
  context: AzureContext,
  autoscale: Autoscale,
  store: EndpointStore,
): Promise<void> {
  const { settings } = autoscale;
  const { subscriptionId, resourceGroup } = context.identity;
  const show = ({ name, location, tags, properties }: AutoscaleRecord): Record<string, unknown> => ({
    id: `/subscriptions/${subscriptionId}/resourceGroups/${resourceGroup}/providers/microsoft.insights/autoscalesettings/${name}`,
    type: 'Microsoft.Insights/autoscaleSettings',
    name,
    location,
    tags,
    properties: { ...properties, notifications: properties.notifications ?? [] },
  });
  const find = (name: string): AutoscaleRecord => {
    const found = settings.get(name.toLowerCase());
    if (!found)
      throw new ArmError(
        404,
        'ResourceNotFound',
        `The Resource 'microsoft.insights/autoscalesettings/${name}' under resource group '${resourceGroup}' was not found.`,
      );
    return found;
  };
  const put = (name: string, body: unknown): AutoscaleRecord => {
    const record = readAutoscaleSetting(name, body, settings.get(name.toLowerCase()));
    requireTarget(record, autoscale);
    requireMetrics(record, store, context);
    settings.set(name.toLowerCase(), record);
    // Limits and schedules count at once, not at the next round.
    void autoscale.evaluate();
    return record;
  };
  await app.register(
    (scope, _options, done) => {
      useArmScope(scope, context);
      scope.get('/autoscalesettings', request =>
        resourceList([...settings.entries()], request, context.baseUrl, ([, record]) => show(record)),
      );
      scope.get<SettingRoute>('/autoscalesettings/:name', request => show(find(request.params.name)));
      scope.put<SettingRoute>('/autoscalesettings/:name', (request, reply) => {
        const isNew = settings.get(request.params.name.toLowerCase()) === undefined;
        return reply.code(isNew ? 201 : 200).send(show(put(request.params.name, request.body)));
      });
      scope.patch<SettingRoute>('/autoscalesettings/:name', request => {
        const old = find(request.params.name);
        const { tags, properties } = request.body ?? {};
        const changed = { ...old.properties, ...((properties ?? {}) as Record<string, unknown>) };
        return show(put(old.name, { location: old.location, tags: tags ?? old.tags, properties: changed }));
      });
      scope.delete<SettingRoute>('/autoscalesettings/:name', (request, reply) => {
        const key = request.params.name.toLowerCase();
        const code = settings.get(key) ? 200 : 204;
        settings.delete(key);
        return reply.code(code).send();
      });
      done();
    },
    { prefix: group },
  );
  await app.register(
    (scope, _options, done) => {
      useArmScope(scope, context);
      scope.get('/autoscalesettings', request =>
        resourceList([...settings.entries()], request, context.baseUrl, ([, record]) => show(record)),
      );
      done();
    },
    { prefix: subscription },
  );
}

/** `GET {prefix}/autoscale/events`: what was scaled and whom Azure would tell; `POST {prefix}/autoscale/evaluate` does not wait for the next minute. Local Azure only. */
export function registerAutoscaleControl(app: FastifyInstance, autoscale: Autoscale): void {
  app.get('/autoscale/events', () => ({ value: autoscale.events() }));
  app.post<{ Body: { at?: unknown } | undefined }>('/autoscale/evaluate', async (request, reply) => {
    const { at } = request.body ?? {};
    const time = typeof at === 'string' ? Date.parse(at) : Date.now();
    if (Number.isNaN(time))
      return reply.code(400).send({ error: { code: 'InvalidTime', message: `${String(at)} is no time.` } });
    return { value: await autoscale.evaluate(new Date(time)) };
  });
}

/** A managed deployment that no other setting has. @throws ArmError */
function requireTarget(record: AutoscaleRecord, autoscale: Autoscale): void {
  const { targetResourceUri } = record.properties;
  const target = autoscale.target(record);
  if (!target) throw new ArmError(404, 'ResourceNotFound', `The target resource '${targetResourceUri}' was not found.`);
  if (target.properties.endpointComputeType !== 'Managed')
    throw new ArmError(400, 'UnsupportedTarget', `The target resource '${targetResourceUri}' cannot be autoscaled.`);
  for (const [, other] of autoscale.settings.entries()) {
    if (other.name.toLowerCase() === record.name.toLowerCase()) continue;
    if (other.properties.targetResourceUri.toLowerCase() === targetResourceUri.toLowerCase())
      throw new ArmError(
        409,
        'Conflict',
        `The autoscale setting '${other.name}' has the target resource '${targetResourceUri}' already.`,
      );
  }
}

/** @throws ArmError 400 for a metric that the resource does not have */
function requireMetrics({ properties }: AutoscaleRecord, store: EndpointStore, context: AzureContext): void {
  for (const { metricTrigger } of properties.profiles.flatMap(({ rules }) => rules)) {
    const { metricName, metricResourceUri } = metricTrigger;
    const { resource } = fromId(metricResourceUri, store, context);
    const known = metricsOf(resource).map(({ name }) => name);
    if (!known.some(name => name.toLowerCase() === metricName.toLowerCase()))
      throw new ArmError(
        400,
        'UnsupportedMetric',
        `The metric ${metricName} is not supported for the resource ${metricResourceUri}. Supported: ${known.join(', ')}.`,
      );
  }
}
