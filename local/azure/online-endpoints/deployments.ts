import type { FastifyInstance } from 'fastify';
import { ArmError, notFound, userError } from '../arm/arm-error';
import { resourceList } from '../arm/resource-list';
import { stringMap } from '../assets/asset-body';
import { isoDurationSeconds } from '../compute/iso-duration';
import type { AzureContext } from '../context';
import { deploymentResource } from './endpoint-resource';
import { requireCapacity, requireName } from './endpoint-rules';
import type { DeploymentRecord, Probe } from './endpoint-store';
import { requireEndpoint } from './endpoints';
import type { EndpointParts } from './open-endpoints';

interface DeploymentBody {
  location?: string;
  tags?: unknown;
  sku?: { capacity?: unknown };
  properties?: Record<string, unknown>;
}

interface Names {
  endpoint: string;
  deployment: string;
}

const maxDeployments = 20;
const maxRequestSeconds = 180;

/** Deployments of online endpoints: PUT, GET, list, PATCH, DELETE, logs and SKUs. */
export function registerDeployments(app: FastifyInstance, context: AzureContext, parts: EndpointParts): void {
  const { store, fleet, locks } = parts;
  const path = '/onlineEndpoints/:endpoint/deployments';
  const find = ({ endpoint, deployment }: Names): DeploymentRecord => {
    const found = store.deployment(requireEndpoint(store, endpoint).name, deployment);
    if (!found) throw notFound(`Deployment ${deployment} was not found on the online endpoint ${endpoint}.`);
    return found;
  };
  const resourceId = ({ endpoint, name }: DeploymentRecord): string =>
    `${context.workspaceArmId}/onlineEndpoints/${endpoint}/deployments/${name}`;

  /** Brings the containers to the record; a failure leaves the deployment there, Failed. */
  const roll = (record: DeploymentRecord, release: () => void): ReturnType<typeof context.operations.start> =>
    context.operations.start({
      kind: 'deployment-put',
      prefix: 'odidp',
      resource: resourceId(record),
      run: async () => {
        try {
          await fleet.deploy(record);
          store.putDeployment({ ...record, provisioningState: 'Succeeded', modifiedAt: new Date().toISOString() });
        } catch (error) {
          if (!context.signal.aborted) store.putDeployment({ ...record, provisioningState: 'Failed' });
          throw error;
        } finally {
          release();
        }
      },
    });

  app.get<{ Params: { endpoint: string } }>(path, request => {
    const { name } = requireEndpoint(store, request.params.endpoint);
    return resourceList(store.deploymentsOf(name), request, context.baseUrl, item => deploymentResource(item, context));
  });
  app.get<{ Params: Names }>(`${path}/:deployment`, request => deploymentResource(find(request.params), context));

  app.put<{ Params: Names; Body: DeploymentBody | undefined }>(`${path}/:deployment`, (request, reply) => {
    const endpoint = requireEndpoint(store, request.params.endpoint).name;
    const old = store.deployment(endpoint, request.params.deployment);
    const name = old?.name ?? requireName('deployment', request.params.deployment);
    if (!old && store.deploymentsOf(endpoint).length >= maxDeployments)
      throw userError(`An endpoint has at most ${maxDeployments} deployments.`);
    const record = deploymentOf(endpoint, name, request.body ?? {}, old, context);
    const release = locks.take(endpoint);
    store.putDeployment(record);
    const operation = roll(record, release);
    return reply
      .code(old ? 200 : 201)
      .headers(operation.putHeaders)
      .send(deploymentResource(record, context, operation.statusUri));
  });

  app.patch<{ Params: Names; Body: DeploymentBody | undefined }>(`${path}/:deployment`, (request, reply) => {
    const old = find(request.params);
    const capacity =
      request.body?.sku?.capacity === undefined ? old.capacity : requireCapacity(request.body.sku.capacity);
    const tags = { ...old.tags, ...stringMap(request.body?.tags, 'tags') };
    const record: DeploymentRecord = { ...old, tags, capacity, modifiedAt: new Date().toISOString() };
    if (capacity === old.capacity)
      return reply.code(200).send(deploymentResource(store.putDeployment(record), context));
    const release = locks.take(old.endpoint);
    store.putDeployment({ ...record, provisioningState: 'Scaling' });
    return reply.code(202).headers(roll(record, release).resultHeaders).send();
  });

  app.delete<{ Params: Names }>(`${path}/:deployment`, (request, reply) => {
    const endpoint = requireEndpoint(store, request.params.endpoint);
    const record = store.deployment(endpoint.name, request.params.deployment);
    if (!record) return reply.code(204).send();
    if ((endpoint.traffic[record.name] ?? 0) > 0) {
      throw userError(
        `The deployment ${record.name} takes ${endpoint.traffic[record.name] ?? 0} % of the live traffic and cannot be deleted. Set its traffic to 0 first.`,
      );
    }
    const release = locks.take(endpoint.name);
    store.putDeployment({ ...record, provisioningState: 'Deleting' });
    const operation = context.operations.start({
      kind: 'deployment-delete',
      prefix: 'odidp',
      resource: resourceId(record),
      run: async () => {
        await fleet.remove(endpoint.name, record.name);
        store.deleteDeployment(endpoint.name, record.name);
        const without = (shares: Record<string, number>): Record<string, number> =>
          Object.fromEntries(Object.entries(shares).filter(([name]) => name !== record.name));
        const now = store.endpoint(endpoint.name) ?? endpoint;
        store.putEndpoint({ ...now, traffic: without(now.traffic), mirrorTraffic: without(now.mirrorTraffic) });
        release();
      },
    });
    return reply.code(202).headers(operation.deleteHeaders).send();
  });

  app.post<{ Params: Names; Body: { tail?: number; containerType?: string } | undefined }>(
    `${path}/:deployment/getLogs`,
    request => {
      const { endpoint, name } = find(request.params);
      const { tail = 50, containerType = 'InferenceServer' } = request.body ?? {};
      const container = /^StorageInitializer$/i.test(containerType) ? 'storageInitializer' : 'inferenceServer';
      return { content: fleet.log(endpoint, name, container, tail) };
    },
  );
  app.get<{ Params: Names }>(`${path}/:deployment/skus`, request => {
    find(request.params);
    const capacity = { minimum: 1, maximum: 50, default: 3, scaleType: 'Automatic' };
    return {
      value: [
        {
          resourceType: 'Microsoft.MachineLearning.Services/endpoints/deployments',
          sku: { name: 'Default', tier: 'Standard' },
          capacity,
        },
      ],
    };
  });
}

function deploymentOf(
  endpoint: string,
  name: string,
  body: DeploymentBody,
  old: DeploymentRecord | undefined,
  context: AzureContext,
): DeploymentRecord {
  const { properties: given = {} } = body;
  const text = (key: string): string | null => (typeof given[key] === 'string' ? given[key] : null);
  if (text('endpointComputeType') === null) {
    throw new ArmError(400, 'BadRequest', 'The request is invalid.', {
      details: [{ code: 'RequiredField', message: 'properties.endpointComputeType is required.' }],
    });
  }
  if (!/^managed$/i.test(text('endpointComputeType') ?? ''))
    throw userError(`Local Azure has managed online endpoints only, not ${text('endpointComputeType') ?? ''}.`);
  const model = text('model');
  if (model !== null && !context.models.find(model))
    throw userError(`The model ${model} was not found.`, { target: 'model' });
  const environmentId = text('environmentId');
  if (environmentId === null)
    throw userError('A deployment needs an environment here: local Azure has no no-code deployment.', {
      target: 'environmentId',
    });
  if (!context.environments.find(environmentId))
    throw userError(`The environment ${environmentId} was not found.`, { target: 'environmentId' });
  const request = (given['requestSettings'] ?? {}) as {
    requestTimeout?: string;
    maxConcurrentRequestsPerInstance?: number;
    maxQueueWait?: string;
  };
  const requestTimeout = duration(request.requestTimeout, 'PT5S', 'requestSettings.requestTimeout');
  if ((isoDurationSeconds(requestTimeout) ?? 0) > maxRequestSeconds)
    throw userError(`requestSettings.requestTimeout is at most ${maxRequestSeconds} seconds.`);
  const now = new Date().toISOString();
  return {
    endpoint,
    name,
    location: body.location ?? context.identity.region,
    tags: stringMap(body.tags, 'tags'),
    capacity: requireCapacity(body.sku?.capacity),
    properties: {
      endpointComputeType: 'Managed',
      model,
      modelMountPath: text('modelMountPath'),
      environmentId,
      instanceType: text('instanceType'),
      environmentVariables: stringMap(given['environmentVariables'], 'environmentVariables'),
      appInsightsEnabled: given['appInsightsEnabled'] === true,
      description: text('description'),
      properties: stringMap(given['properties'], 'properties'),
      egressPublicNetworkAccess: /^disabled$/i.test(text('egressPublicNetworkAccess') ?? '') ? 'Disabled' : 'Enabled',
      livenessProbe: probe(given['livenessProbe'], 'livenessProbe'),
      readinessProbe: probe(given['readinessProbe'], 'readinessProbe'),
      requestSettings: {
        requestTimeout,
        maxConcurrentRequestsPerInstance: request.maxConcurrentRequestsPerInstance ?? 1,
        maxQueueWait: request.maxQueueWait ?? 'PT0S',
      },
      scaleSettings: { scaleType: 'Default' },
    },
    provisioningState: old ? 'Updating' : 'Creating',
    createdAt: old?.createdAt ?? now,
    modifiedAt: now,
  };
}

/** The service's defaults where nothing was given. */
function probe(given: unknown, what: string): Probe {
  const {
    initialDelay,
    period,
    timeout,
    failureThreshold = 30,
    successThreshold = 1,
  } = (given ?? {}) as Partial<Probe>;
  return {
    initialDelay: duration(initialDelay, 'PT10S', `${what}.initialDelay`),
    period: duration(period, 'PT10S', `${what}.period`),
    timeout: duration(timeout, 'PT2S', `${what}.timeout`),
    failureThreshold,
    successThreshold,
  };
}

function duration(given: string | undefined, otherwise: string, what: string): string {
  if (given === undefined) return otherwise;
  if (isoDurationSeconds(given) === undefined)
    throw userError(`${what} is '${given}', which is no ISO 8601 duration.`, { target: what });
  return given;
}
