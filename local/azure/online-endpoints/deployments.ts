import type { FastifyInstance, FastifyRequest } from 'fastify';
import { notFound, userError } from '../arm/arm-error';
import { resourceList } from '../arm/resource-list';
import { stringMap } from '../assets/asset-body';
import type { AzureContext } from '../context';
import { oneOf, record as recordOf, wholeNumber, type Body } from '../jobs/body-fields';
import { deploymentFromBody } from './deployment-body';
import { requireReady } from './endpoint-locks';
import type { EndpointOperations } from './endpoint-operations';
import { deploymentResource } from './endpoint-resource';
import { limits, requireCapacity, requireName, requireNamesTogether, requireRoom } from './endpoint-rules';
import type { DeploymentRecord, EndpointRecord } from './endpoint-store';
import { callerOf, requireEndpoint } from './endpoints';
import type { EndpointParts } from './open-endpoints';

interface DeploymentRoute {
  Params: { endpoint: string; deployment: string };
  Body: Body | undefined;
}

/** Deployments of online endpoints: PUT, GET, list, PATCH, DELETE, logs and SKUs. */
export function registerDeployments(
  app: FastifyInstance,
  context: AzureContext,
  parts: EndpointParts,
  operations: EndpointOperations,
): void {
  const { store, fleet, locks } = parts;
  const list = '/onlineEndpoints/:endpoint/deployments';
  const path = `${list}/:deployment`;
  const find = ({ params: { endpoint, deployment } }: FastifyRequest<DeploymentRoute>): DeploymentRecord => {
    const found = store.deployment(requireEndpoint(store, endpoint).name, deployment);
    if (!found) throw notFound(`Deployment ${deployment} was not found on the online endpoint ${endpoint}.`);
    return found;
  };

  app.get<{ Params: { endpoint: string } }>(list, request => {
    const { name } = requireEndpoint(store, request.params.endpoint);
    return resourceList(store.deploymentsOf(name), request, context.baseUrl, item => deploymentResource(item, context));
  });
  app.get<DeploymentRoute>(path, request => deploymentResource(find(request), context));

  app.put<DeploymentRoute>(path, (request, reply) => {
    const endpoint = requireEndpoint(store, request.params.endpoint);
    const release = locks.take(endpoint.name);
    try {
      const old = store.deployment(endpoint.name, request.params.deployment);
      const name = old?.name ?? newName(endpoint, request.params.deployment);
      const record = deploymentFromBody({
        endpoint,
        name,
        body: request.body ?? {},
        old,
        context,
        caller: callerOf(request),
      });
      store.putDeployment(record);
      const operation = operations.roll(record, release);
      return reply
        .code(old ? 200 : 201)
        .headers(operation.putHeaders)
        .send(deploymentResource(record, context, operation.statusUri));
    } catch (error) {
      release();
      throw error;
    }
  });

  const newName = (endpoint: EndpointRecord, given: string): string => {
    const name = requireName('deployment', given);
    if (endpoint.compute) requireNamesTogether(endpoint.name, name);
    if (endpoint.provisioningState === 'Failed')
      throw userError(
        `The online endpoint ${endpoint.name} is Failed and takes no deployment. Put or delete it first.`,
      );
    requireRoom(
      `deployments on ${endpoint.name}`,
      store.deploymentsOf(endpoint.name).length,
      limits.deploymentsPerEndpoint,
    );
    requireRoom('deployments in this region', store.allDeployments().length, limits.deploymentsPerSubscription);
    return name;
  };

  // Tags and the number of instances are all that can be patched.
  app.patch<DeploymentRoute>(path, (request, reply) => {
    const old = find(request);
    requireReady('deployment', old);
    const body = request.body ?? {};
    const given = recordOf(body, 'sku').capacity;
    const capacity = given === undefined ? old.capacity : requireCapacity(given);
    const record: DeploymentRecord = {
      ...old,
      tags: { ...old.tags, ...stringMap(body.tags, 'tags') },
      capacity,
      modifiedAt: new Date().toISOString(),
      modifiedBy: callerOf(request),
    };
    const release = locks.take(old.endpoint);
    if (capacity === old.capacity) {
      release();
      return reply.code(200).send(deploymentResource(store.putDeployment(record), context));
    }
    store.putDeployment({ ...record, provisioningState: 'Scaling' });
    return reply.code(202).headers(operations.roll(record, release).resultHeaders).send();
  });

  app.delete<DeploymentRoute>(path, (request, reply) => {
    const endpoint = requireEndpoint(store, request.params.endpoint);
    const record = store.deployment(endpoint.name, request.params.deployment);
    if (!record) return reply.code(204).send();
    const share = endpoint.traffic[record.name] ?? 0;
    if (share > 0)
      throw userError(
        `The deployment ${record.name} takes ${share} % of the live traffic and cannot be deleted. Set its traffic to 0 first.`,
      );
    const release = locks.take(endpoint.name);
    store.putDeployment({ ...record, provisioningState: 'Deleting' });
    return reply.code(202).headers(operations.deleteDeployment(record, release).deleteHeaders).send();
  });

  app.post<DeploymentRoute>(`${path}/getLogs`, request => {
    const body = request.body ?? {};
    const containers = ['InferenceServer', 'StorageInitializer'] as const;
    const container = oneOf(body, 'containerType', containers, 'InferenceServer');
    const tail = wholeNumber(body, 'tail', 0, 50);
    const which = container === 'InferenceServer' ? 'inferenceServer' : 'storageInitializer';
    return { content: fleet.log(find(request), which, tail) };
  });

  app.get<DeploymentRoute>(`${path}/skus`, request => {
    find(request);
    return {
      value: [
        {
          resourceType: 'Microsoft.MachineLearning.Services/endpoints/deployments',
          sku: { name: 'Default', tier: 'Standard' },
          capacity: { minimum: 1, maximum: limits.instancesPerDeployment, default: 3, scaleType: 'Automatic' },
        },
      ],
    };
  });
}
