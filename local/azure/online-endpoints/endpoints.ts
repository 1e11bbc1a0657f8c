import type { FastifyInstance, FastifyRequest } from 'fastify';
import { ArmError, notFound, userError } from '../arm/arm-error';
import { resourceList } from '../arm/resource-list';
import { stringMap } from '../assets/asset-body';
import type { AzureContext } from '../context';
import { oneOf, optionalRecord, text, type Body } from '../jobs/body-fields';
import { endpointFromBody, identityFromBody, newKey } from './endpoint-body';
import { wantedEndpoints } from './endpoint-list';
import { requireReady } from './endpoint-locks';
import type { EndpointOperations } from './endpoint-operations';
import { endpointId, endpointResource } from './endpoint-resource';
import { limits, requireName, requireRoom } from './endpoint-rules';
import type { EndpointRecord, EndpointStore } from './endpoint-store';
import type { EndpointParts } from './open-endpoints';

interface EndpointRoute {
  Params: { endpoint: string };
  Body: Body | undefined;
}

/** Online endpoints: PUT, GET, list, PATCH, DELETE, keys and tokens. */
export function registerEndpoints(
  app: FastifyInstance,
  context: AzureContext,
  parts: EndpointParts,
  operations: EndpointOperations,
): void {
  const { store, locks, live, tokens, settings } = parts;
  const path = '/onlineEndpoints/:endpoint';
  const find = (request: FastifyRequest<EndpointRoute>): EndpointRecord =>
    requireEndpoint(store, request.params.endpoint);

  app.get('/onlineEndpoints', request =>
    resourceList(wantedEndpoints(store.allEndpoints(), request), request, context.baseUrl, item =>
      endpointResource(item, context),
    ),
  );
  app.get<EndpointRoute>(path, request => endpointResource(find(request), context));

  app.put<EndpointRoute>(path, (request, reply) => {
    const old = store.endpoint(request.params.endpoint);
    const name = old?.name ?? newName(request.params.endpoint);
    const release = locks.take(name);
    try {
      const record = endpointFromBody({
        name,
        body: request.body ?? {},
        old,
        deployments: store.deploymentsOf(name).map(item => item.name),
        region: context.identity.region,
        caller: callerOf(request),
      });
      if (old?.scoringPath !== undefined) record.scoringPath = old.scoringPath;
      live.changed(old, record);
      store.putEndpoint(record);
      const operation = operations.putEndpoint(record, release);
      return reply
        .code(old ? 200 : 201)
        .headers(operation.putHeaders)
        .send(endpointResource(record, context, operation.statusUri));
    } catch (error) {
      release();
      throw error;
    }
  });

  /** Name rules, and that nobody else has the name: it is unique in the region, and held for a while after its endpoint is gone. */
  const newName = (given: string): string => {
    const name = requireName('endpoint', given);
    requireRoom('endpoints in this region', store.allEndpoints().length, limits.endpointsPerSubscription);
    const deletedAt = store.deletedAt(name)?.getTime();
    const held = deletedAt !== undefined && Date.now() < deletedAt + settings.nameHeldSeconds * 1000;
    if (held || settings.takenNames.some(taken => taken.toLowerCase() === name.toLowerCase()))
      throw userError(
        `There is already an endpoint with this name. Endpoint name needs to be unique within a region: ${name}`,
        { target: 'name' },
      );
    return name;
  };

  // Tags and identity are all that can be patched: traffic needs a whole PUT.
  app.patch<EndpointRoute>(path, request => {
    const old = find(request);
    requireReady('online endpoint', old);
    locks.take(old.name)();
    const body = request.body ?? {};
    const record = store.putEndpoint({
      ...old,
      tags: { ...old.tags, ...stringMap(body.tags, 'tags') },
      identity:
        body.identity === undefined ? old.identity : identityFromBody(optionalRecord(body, 'identity'), old.identity),
      modifiedAt: new Date().toISOString(),
      modifiedBy: callerOf(request),
    });
    return endpointResource(record, context);
  });

  app.delete<EndpointRoute>(path, (request, reply) => {
    const endpoint = store.endpoint(request.params.endpoint);
    if (!endpoint) return reply.code(204).send();
    const release = locks.take(endpoint.name);
    store.putEndpoint({ ...endpoint, provisioningState: 'Deleting' });
    return reply.code(202).headers(operations.deleteEndpoint(endpoint, release).deleteHeaders).send();
  });

  app.post<EndpointRoute>(`${path}/listKeys`, request => {
    const endpoint = find(request);
    requireReady('online endpoint', endpoint);
    return endpoint.authMode === 'Key' ? endpoint.keys : { primaryKey: null, secondaryKey: null };
  });

  app.post<EndpointRoute>(`${path}/regenerateKeys`, (request, reply) => {
    const endpoint = find(request);
    requireReady('online endpoint', endpoint);
    if (endpoint.authMode !== 'Key')
      throw userError(`The endpoint's authMode is ${endpoint.authMode}; it has no keys.`, { target: 'authMode' });
    const body = request.body ?? {};
    const which =
      oneOf(body, 'keyType', ['Primary', 'Secondary'], 'Primary') === 'Primary' ? 'primaryKey' : 'secondaryKey';
    // azure-ai-ml sends the current key as keyValue: taking it would never rotate.
    const given = text(body, 'keyValue');
    const key = given === null || given === endpoint.keys[which] ? newKey() : given;
    store.putEndpoint({ ...endpoint, keys: { ...endpoint.keys, [which]: key } });
    const operation = context.operations.start({
      kind: 'endpoint-keys',
      prefix: 'oeidp',
      resource: endpointId(context, endpoint.name),
      run: () => Promise.resolve(),
    });
    return reply.code(202).headers(operation.resultHeaders).send();
  });

  app.post<EndpointRoute>(`${path}/token`, request => {
    const endpoint = find(request);
    requireReady('online endpoint', endpoint);
    if (endpoint.authMode !== 'AMLToken')
      throw userError(`The endpoint's authMode is ${endpoint.authMode}; tokens are given for AMLToken only.`, {
        target: 'authMode',
      });
    return tokens.issue(endpoint);
  });
}

/** @throws ArmError 404 that names the endpoint */
export function requireEndpoint(store: EndpointStore, name: string): EndpointRecord {
  const endpoint = store.endpoint(name);
  if (!endpoint) throw notFound(`Online endpoint ${name} was not found in this workspace.`);
  return endpoint;
}

/** Client id of who calls. */
export function callerOf(request: FastifyRequest): string {
  if (!request.caller) throw new ArmError(401, 'AuthenticationFailed', 'Authentication failed.');
  return request.caller.clientId;
}
