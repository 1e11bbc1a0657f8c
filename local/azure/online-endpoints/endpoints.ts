import { randomBytes, randomUUID } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { ArmError, notFound, userError } from '../arm/arm-error';
import { resourceList } from '../arm/resource-list';
import { stringMap } from '../assets/asset-body';
import type { AzureContext } from '../context';
import { endpointResource } from './endpoint-resource';
import { requireMirror, requireName, requireTraffic } from './endpoint-rules';
import type { EndpointRecord, EndpointStore } from './endpoint-store';
import type { EndpointParts } from './open-endpoints';

interface EndpointBody {
  location?: string;
  tags?: unknown;
  identity?: { type?: string } | null;
  properties?: Record<string, unknown>;
}

const authModes = ['Key', 'AMLToken', 'AADToken'];

/** Online endpoints: PUT, GET, list, PATCH, DELETE, keys and tokens. */
export function registerEndpoints(app: FastifyInstance, context: AzureContext, parts: EndpointParts): void {
  const { store, fleet, locks } = parts;
  const { operations } = context;
  const find = (name: string): EndpointRecord => requireEndpoint(store, name);
  const resourceId = (name: string): string => `${context.workspaceArmId}/onlineEndpoints/${name}`;

  app.get('/onlineEndpoints', request =>
    resourceList(store.allEndpoints(), request, context.baseUrl, item => endpointResource(item, context)),
  );
  app.get<{ Params: { endpoint: string } }>('/onlineEndpoints/:endpoint', request =>
    endpointResource(find(request.params.endpoint), context),
  );

  app.put<{ Params: { endpoint: string }; Body: EndpointBody | undefined }>(
    '/onlineEndpoints/:endpoint',
    (request, reply) => {
      const old = store.endpoint(request.params.endpoint);
      const name = old?.name ?? requireName('endpoint', request.params.endpoint);
      const release = locks.take(name);
      try {
        const record = store.putEndpoint(endpointOf(name, request.body ?? {}, old, store, context));
        const operation = operations.start({
          kind: 'endpoint-put',
          prefix: 'oeidp',
          resource: resourceId(name),
          run: () => {
            store.putEndpoint({ ...record, provisioningState: 'Succeeded' });
            release();
            return Promise.resolve();
          },
        });
        return reply
          .code(old ? 200 : 201)
          .headers(operation.putHeaders)
          .send(endpointResource(record, context, operation.statusUri));
      } catch (error) {
        release();
        throw error;
      }
    },
  );

  app.patch<{ Params: { endpoint: string }; Body: EndpointBody | undefined }>(
    '/onlineEndpoints/:endpoint',
    (request, reply) => {
      const old = find(request.params.endpoint);
      const record = store.putEndpoint({
        ...old,
        tags: { ...old.tags, ...stringMap(request.body?.tags, 'tags') },
        modifiedAt: new Date().toISOString(),
      });
      return reply.code(200).send(endpointResource(record, context));
    },
  );

  app.delete<{ Params: { endpoint: string } }>('/onlineEndpoints/:endpoint', (request, reply) => {
    const endpoint = store.endpoint(request.params.endpoint);
    if (!endpoint) return reply.code(204).send();
    const release = locks.take(endpoint.name);
    store.putEndpoint({ ...endpoint, provisioningState: 'Deleting' });
    const operation = operations.start({
      kind: 'endpoint-delete',
      prefix: 'oeidp',
      resource: resourceId(endpoint.name),
      run: async () => {
        for (const { name } of store.deploymentsOf(endpoint.name)) await fleet.remove(endpoint.name, name);
        store.deleteEndpoint(endpoint.name);
        release();
      },
    });
    return reply.code(202).headers(operation.deleteHeaders).send();
  });

  app.post<{ Params: { endpoint: string } }>('/onlineEndpoints/:endpoint/listKeys', request => {
    const { authMode, keys } = find(request.params.endpoint);
    return authMode === 'Key' ? keys : { primaryKey: null, secondaryKey: null };
  });
  app.post<{ Params: { endpoint: string }; Body: { keyType?: string; keyValue?: string } | undefined }>(
    '/onlineEndpoints/:endpoint/regenerateKeys',
    (request, reply) => {
      const endpoint = find(request.params.endpoint);
      const which = /^secondary$/i.test(request.body?.keyType ?? '') ? 'secondaryKey' : 'primaryKey';
      // azure-ai-ml sends the current key as keyValue: taking it would never rotate.
      const given = request.body?.keyValue;
      const key = given === undefined || given === endpoint.keys[which] ? newKey() : given;
      store.putEndpoint({ ...endpoint, keys: { ...endpoint.keys, [which]: key } });
      const operation = operations.start({
        kind: 'endpoint-keys',
        prefix: 'oeidp',
        resource: resourceId(endpoint.name),
        run: () => Promise.resolve(),
      });
      return reply.code(202).headers(operation.resultHeaders).send();
    },
  );
  app.post<{ Params: { endpoint: string } }>('/onlineEndpoints/:endpoint/token', request => {
    const { authMode, keys } = find(request.params.endpoint);
    if (authMode !== 'AMLToken')
      throw userError(`The endpoint's authMode is ${authMode}; tokens are given for AMLToken only.`);
    const now = Math.floor(Date.now() / 1000);
    return {
      accessToken: keys.primaryKey,
      tokenType: 'Bearer',
      expiryTimeUtc: now + 43_200,
      refreshAfterTimeUtc: now + 39_600,
    };
  });
}

/** @throws ArmError 404 that names the endpoint */
export function requireEndpoint(store: EndpointStore, name: string): EndpointRecord {
  const endpoint = store.endpoint(name);
  if (!endpoint) throw notFound(`Online endpoint ${name} was not found in this workspace.`);
  return endpoint;
}

function endpointOf(
  name: string,
  body: EndpointBody,
  old: EndpointRecord | undefined,
  store: EndpointStore,
  context: AzureContext,
): EndpointRecord {
  const { properties = {} } = body;
  const given = typeof properties.authMode === 'string' ? properties.authMode : undefined;
  if (given === undefined)
    throw new ArmError(400, 'BadRequest', 'The request is invalid.', {
      details: [{ code: 'RequiredField', message: 'properties.authMode is required.' }],
    });
  const authMode = authModes.find(mode => mode.toLowerCase() === given.toLowerCase());
  if (authMode === undefined)
    throw userError(`The authMode '${given}' is not one of ${authModes.join(', ')}.`, { target: 'authMode' });
  const deployments = store.deploymentsOf(name).map(item => item.name);
  if (!old && Object.keys(properties.traffic ?? {}).length > 0) {
    throw userError('Traffic cannot be set when the endpoint is created: its deployments must exist first.', {
      target: 'traffic',
    });
  }
  // A PUT replaces: without traffic, every deployment gets none.
  const traffic = requireTraffic(properties.traffic, deployments);
  const now = new Date().toISOString();
  const type = body.identity?.type ?? old?.identity?.type ?? 'SystemAssigned';
  return {
    name,
    location: body.location ?? old?.location ?? context.identity.region,
    tags: stringMap(body.tags, 'tags'),
    identity: type === 'None' ? undefined : { type, principalId: old?.identity?.principalId ?? randomUUID() },
    authMode,
    description: typeof properties.description === 'string' ? properties.description : null,
    properties: stringMap(properties.properties, 'properties'),
    publicNetworkAccess: /^disabled$/i.test(String(properties.publicNetworkAccess)) ? 'Disabled' : 'Enabled',
    traffic,
    mirrorTraffic: requireMirror(properties.mirrorTraffic, traffic, deployments),
    keys: old?.keys ?? initialKeys(properties.keys),
    provisioningState: old ? 'Updating' : 'Creating',
    createdAt: old?.createdAt ?? now,
    modifiedAt: now,
  };
}

function initialKeys(given: unknown): EndpointRecord['keys'] {
  const { primaryKey, secondaryKey } = (given ?? {}) as { primaryKey?: string; secondaryKey?: string };
  return { primaryKey: primaryKey ?? newKey(), secondaryKey: secondaryKey ?? newKey() };
}

function newKey(): string {
  return randomBytes(32).toString('base64url');
}
