import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { omit, type ApiObject } from '../objects/api-object';
import { readObject } from '../objects/preparation';
import type { ObjectPath } from '../objects/registry';
import { resources, type Resource, type Subresource } from '../objects/resources';
import { parseFieldSelector, parseLabelSelector } from '../objects/selectors';
import type { ApiContext } from './context';
import { basePath } from './discovery';
import { listPage } from './list-page';
import { patchObject } from './patch-object';
import {
  deleteOptionsOf,
  fieldManagerOf,
  fieldValidationOf,
  isDryRun,
  isTrue,
  numberOf,
  queryOf,
} from './request-options';
import { answerReview } from './reviews';
import { badRequest } from './status-error';
import { issueToken, readScale, sendLog, writeScale } from './subresources';
import { tableOf, wantsTable } from './table-view';
import { streamChanges } from './watch-stream';

interface Parameters {
  namespace?: string;
  name?: string;
}

/** The paths of every resource of the table, all with the same few handlers. */
export function registerResources(app: FastifyInstance, context: ApiContext): void {
  for (const resource of resources) {
    const base = basePath(resource);
    if (!resource.stored) {
      app.post(`${base}/${resource.plural}`, request => {
        authorize(context, resource, 'create', request);
        return answerReview(context, resource, request);
      });
      continue;
    }
    const collection = `${base}${resource.namespaced ? '/namespaces/:namespace' : ''}/${resource.plural}`;
    registerCollection(app, context, resource, collection);
    if (resource.namespaced) app.get(`${base}/${resource.plural}`, listHandler(context, resource));
    registerItem(app, context, resource, `${collection}/:name`);
    for (const subresource of resource.subresources) {
      registerSubresource(app, context, resource, subresource, `${collection}/:name/${subresource}`);
    }
  }
}

function registerCollection(app: FastifyInstance, context: ApiContext, resource: Resource, path: string): void {
  app.get(path, listHandler(context, resource));
  app.post(path, (request, reply) => {
    const { namespace } = request.params as Parameters;
    authorize(context, resource, 'create', request);
    const object = readObject(context.schema, resource, request.body, fieldValidationOf(request), warner(reply));
    if (object.metadata.namespace && namespace && object.metadata.namespace !== namespace) {
      throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
    }
    const created = context.registry.create(resource, namespace, object, {
      writer: { manager: fieldManagerOf(request), operation: 'Update' },
      dryRun: isDryRun(request),
    });
    return reply.code(201).send(present(request, resource, created));
  });
  app.delete(path, request => {
    const { namespace } = request.params as Parameters;
    authorize(context, resource, 'deletecollection', request);
    const options = deleteOptionsOf(request);
    const items = context.store.list(resource, namespace).filter(selection(resource, request));
    for (const { metadata } of items) context.registry.delete({ resource, namespace, name: metadata.name }, options);
    return listOf(context, resource, items);
  });
}

function registerItem(app: FastifyInstance, context: ApiContext, resource: Resource, path: string): void {
  app.get(path, request => {
    authorize(context, resource, 'get', request);
    return present(request, resource, context.registry.read(pathOf(resource, request)));
  });
  app.put(path, (request, reply) => {
    authorize(context, resource, 'update', request);
    return present(request, resource, putObject(context, resource, request, reply));
  });
  app.patch(path, (request, reply) => {
    authorize(context, resource, 'patch', request);
    const target = pathOf(resource, request);
    const created = !context.store.get(resource, target.namespace, target.name);
    const object = patchObject(context, target, request, undefined, () =>
      authorize(context, resource, 'create', request),
    );
    return reply.code(created ? 201 : 200).send(present(request, resource, object));
  });
  app.delete(path, (request, reply) => {
    authorize(context, resource, 'delete', request);
    const target = pathOf(resource, request);
    const { uid } = context.registry.read(target).metadata;
    const left = context.registry.delete(target, deleteOptionsOf(request));
    const { plural: kind, group } = resource;
    const details = { name: target.name, ...(group ? { group } : {}), kind, uid };
    return reply.send(left ?? { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details });
  });
}

function registerSubresource(
  app: FastifyInstance,
  context: ApiContext,
  resource: Resource,
  subresource: Subresource,
  path: string,
): void {
  const allowed = (verb: string, request: FastifyRequest): ObjectPath => {
    authorize(context, resource, verb, request, subresource);
    return pathOf(resource, request);
  };
  switch (subresource) {
    case 'status':
      app.get(path, request => context.registry.read(allowed('get', request)));
      app.put(path, (request, reply) => {
        allowed('update', request);
        return putObject(context, resource, request, reply, 'status');
      });
      app.patch(path, request => patchObject(context, allowed('patch', request), request, 'status', () => undefined));
      return;
    case 'scale':
      app.get(path, request => readScale(context, allowed('get', request)));
      app.put(path, request => writeScale(context, allowed('update', request), request));
      app.patch(path, request => writeScale(context, allowed('patch', request), request));
      return;
    case 'log':
      app.get(path, (request, reply) => sendLog(context, allowed('get', request), request, reply));
      return;
    case 'token':
      app.post(path, async (request, reply) => {
        await reply.code(201).send(await issueToken(context, allowed('create', request), request));
      });
  }
}

function putObject(
  context: ApiContext,
  resource: Resource,
  request: FastifyRequest,
  reply: FastifyReply,
  subresource?: Subresource,
): ApiObject {
  const object = readObject(context.schema, resource, request.body, fieldValidationOf(request), warner(reply));
  return context.registry.update(pathOf(resource, request), () => object, {
    writer: { manager: fieldManagerOf(request), operation: 'Update', ...(subresource ? { subresource } : {}) },
    dryRun: isDryRun(request),
  });
}

function listHandler(context: ApiContext, resource: Resource) {
  return (request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const query = queryOf(request);
    const { namespace } = request.params as Parameters;
    const watch = isTrue(query.watch);
    authorize(context, resource, watch ? 'watch' : 'list', request);
    const matches = selection(resource, request);
    if (!watch) {
      const all = context.store.list(resource, namespace).filter(matches);
      const { items, metadata } = listPage(all, numberOf(query.limit, 'limit'), query.continue);
      const answer = wantsTable(request.headers.accept)
        ? tableOf(resource.kind, items, { resourceVersion: String(context.store.version), ...metadata })
        : listOf(context, resource, items, metadata);
      return reply.send(answer);
    }
    const timeoutSeconds = numberOf(query.timeoutSeconds, 'timeoutSeconds');
    reply.hijack();
    streamChanges(
      context.store,
      {
        resource,
        namespace,
        matches,
        resourceVersion: query.resourceVersion,
        timeoutSeconds,
        bookmarks: isTrue(query.allowWatchBookmarks),
        sendInitialEvents: isTrue(query.sendInitialEvents),
        present: object => present(request, resource, object),
      },
      reply.raw,
    );
    return reply;
  };
}

function selection(resource: Resource, request: FastifyRequest): (object: ApiObject) => boolean {
  const { labelSelector = '', fieldSelector = '' } = queryOf(request);
  const labels = parseLabelSelector(labelSelector);
  const fields = parseFieldSelector(resource, fieldSelector);
  return object => labels(object.metadata.labels ?? {}) && fields(object);
}

/** As the real server sends lists: their items do not repeat kind and version. */
function listOf(
  context: ApiContext,
  resource: Resource,
  objects: readonly ApiObject[],
  metadata: Record<string, unknown> = {},
): Record<string, unknown> {
  return {
    kind: `${resource.kind}List`,
    apiVersion: resource.group ? `${resource.group}/${resource.version}` : resource.version,
    metadata: { resourceVersion: String(context.store.version), ...metadata },
    items: objects.map(object => omit<Record<string, unknown>>(object, 'kind', 'apiVersion')),
  };
}

function present(request: FastifyRequest, resource: Resource, object: ApiObject): unknown {
  if (!wantsTable(request.headers.accept)) return object;
  return tableOf(resource.kind, [object], { resourceVersion: object.metadata.resourceVersion });
}

function pathOf(resource: Resource, request: FastifyRequest): ObjectPath {
  const { namespace, name = '' } = request.params as Parameters;
  return { resource, namespace, name };
}

function authorize(
  context: ApiContext,
  resource: Resource,
  verb: string,
  request: FastifyRequest,
  subresource?: Subresource,
): void {
  const { namespace, name } = request.params as Parameters;
  // A namespace itself is asked for within that namespace, so that its own roles can allow it.
  const where = resource.kind === 'Namespace' ? name : namespace;
  const action = { verb, group: resource.group, resource: [resource.plural, subresource].filter(Boolean).join('/') };
  context.authorization.check(request.kubernetesUser, { ...action, namespace: where, name }, resource);
}

/** Adds a Warning header, as kubectl prints it. */
function warner(reply: FastifyReply): (text: string) => void {
  const warnings: string[] = [];
  return text => {
    warnings.push(`299 - ${JSON.stringify(text)}`);
    reply.header('warning', warnings);
  };
}
