import type { FastifyRequest } from 'fastify';
import { isRecord, type ApiObject, type JsonRecord } from '../objects/api-object';
import { checkIdentity } from '../objects/preparation';
import type { ObjectPath, WriteOptions } from '../objects/registry';
import { apiVersionOf } from '../objects/resources';
import { jsonPatch } from '../patches/json-patch';
import { mergePatch } from '../patches/merge-patch';
import { strategicMergePatch } from '../patches/strategic-merge';
import type { ApiContext } from './context';
import { fieldManagerOf, isDryRun, isTrue, queryOf } from './request-options';
import { badRequest, invalid, problem, StatusError } from './status-error';

const patchOptions = { group: 'meta.k8s.io', plural: '', kind: 'PatchOptions' };

/**
 * One PATCH in any of its four forms, by the content type.
 * @param mayCreate throws unless the caller may create what an apply would create
 * @throws StatusError
 */
export function patchObject(
  context: ApiContext,
  path: ObjectPath,
  request: FastifyRequest,
  subresource: 'status' | undefined,
  mayCreate: () => void,
): ApiObject {
  const { schema, registry, store } = context;
  const { resource, namespace, name } = path;
  const type = (request.headers['content-type'] ?? '').split(';')[0]?.trim();
  const { fieldManager, force } = queryOf(request);
  const options = (operation: 'Apply' | 'Update'): WriteOptions => ({
    writer: { manager: fieldManagerOf(request), operation, ...(subresource ? { subresource } : {}) },
    dryRun: isDryRun(request),
  });
  if (type === 'application/apply-patch+yaml') {
    if (!fieldManager) {
      throw invalid(patchOptions, '', [problem.required('fieldManager', 'is required for apply patch')]);
    }
    const configuration = readConfiguration(path, request.body);
    if (!store.get(resource, namespace, name)) mayCreate();
    return registry.apply(path, configuration, isTrue(force), options('Apply'));
  }
  if (force !== undefined) {
    throw invalid(patchOptions, '', [problem.forbidden('force', 'may not be specified for non-apply patch')]);
  }
  const { body } = request;
  switch (type) {
    case 'application/json-patch+json':
      return registry.update(path, live => jsonPatch(live, body), options('Update'));
    case 'application/merge-patch+json':
      return registry.update(path, live => mergePatch(live, recordOrRefuse(body)), options('Update'));
    case 'application/strategic-merge-patch+json':
      return registry.update(path, live => strategicMergePatch(schema, resource.model, live, body), options('Update'));
    default:
      throw new StatusError(
        415,
        'UnsupportedMediaType',
        'the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml, application/strategic-merge-patch+json',
      );
  }
}

function recordOrRefuse(body: unknown): JsonRecord {
  if (!isRecord(body)) throw badRequest('a merge patch must be an object');
  return body;
}

function readConfiguration({ resource, namespace, name }: ObjectPath, body: unknown): ApiObject {
  if (!isRecord(body)) throw badRequest('error decoding YAML: an apply configuration must be an object');
  if (body.apiVersion === undefined || body.kind === undefined) {
    throw badRequest("Object 'Kind' is missing in the apply configuration");
  }
  checkIdentity(resource, body);
  const metadata = isRecord(body.metadata) ? body.metadata : {};
  if (metadata.managedFields !== undefined && metadata.managedFields !== null) {
    throw badRequest('metadata.managedFields must be nil');
  }
  if (metadata.name !== undefined && metadata.name !== name) {
    throw badRequest(
      `the name of the object (${JSON.stringify(metadata.name)}) does not match the name on the URL (${JSON.stringify(name)})`,
    );
  }
  if (metadata.namespace !== undefined && namespace !== undefined && metadata.namespace !== namespace) {
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  }
  const configuration = withoutNulls({
    ...body,
    apiVersion: apiVersionOf(resource),
    metadata: { ...metadata, name, ...(namespace ? { namespace } : {}) },
  });
  return configuration as unknown as ApiObject;
}

/** YAML's empty values are absent ones. */
function withoutNulls(value: JsonRecord): JsonRecord {
  const clean = (item: unknown): unknown => {
    if (Array.isArray(item)) return item.map(clean);
    return isRecord(item) ? withoutNulls(item) : item;
  };
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, item]) => (item === null || item === undefined ? [] : [[name, clean(item)]])),
  );
}
