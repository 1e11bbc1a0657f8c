import { createHash } from 'node:crypto';
import { apiVersionOf, type Resource } from '../objects/resources';
import { listSemantics, patchMergeKey } from '../objects/list-semantics';
import type { FieldType, Schema } from '../objects/schema';
import { basePath, groupVersions } from './discovery';

/** The list of OpenAPI documents, one per group and version. */
export function openApiIndex(): Record<string, unknown> {
  const paths = [...groupVersions().values()].map(base => {
    const hash = createHash('sha256').update(base).digest('hex').slice(0, 16);
    return [base.slice(1), { serverRelativeURL: `/openapi/v3${base}?hash=${hash}` }] as const;
  });
  return { paths: Object.fromEntries(paths) };
}

/**
 * An OpenAPI v3 document that is enough for kubectl: the types with their fields and merge keys, and the parameters of
 * the writing operations, by which kubectl learns that the server validates fields and makes dry runs.
 */
export function openApiDocument(schema: Schema, resources: readonly Resource[]): Record<string, unknown> {
  const schemas: Record<string, unknown> = {};
  for (const resource of resources) {
    addType(schema, schemas, resource.model);
    const type = schemas[schemaName(resource.model)] as Record<string, unknown>;
    type['x-kubernetes-group-version-kind'] = [groupVersionKind(resource)];
  }
  return {
    openapi: '3.0.0',
    info: { title: 'Kubernetes', version: 'v1.32.4' },
    paths: Object.fromEntries(resources.flatMap(pathsOf)),
    components: { schemas },
  };
}

function groupVersionKind({ group, version, kind }: Resource): Record<string, string> {
  return { group, version, kind };
}

function pathsOf(resource: Resource): [string, unknown][] {
  const base = `${basePath(resource)}${resource.namespaced ? '/namespaces/{namespace}' : ''}/${resource.plural}`;
  const operation = (action: string): Record<string, unknown> => ({
    operationId: `${action}${apiVersionOf(resource).replaceAll(/\W/g, '')}${resource.kind}`,
    'x-kubernetes-action': action,
    'x-kubernetes-group-version-kind': groupVersionKind(resource),
    parameters: ['dryRun', 'fieldManager', 'fieldValidation', 'force'].map(name => ({
      name,
      in: 'query',
      schema: { type: name === 'force' ? 'boolean' : 'string', uniqueItems: true },
    })),
    responses: { 200: { description: 'OK' } },
  });
  return resource.stored
    ? [
        [base, { post: operation('post') }],
        [`${base}/{name}`, { put: operation('put'), patch: operation('patch') }],
      ]
    : [[base, { post: operation('post') }]];
}

/** `V1PodSpec` -> `io.k8s.api.v1.PodSpec`: kubectl shows what stands behind the last dot. */
function schemaName(model: string): string {
  const [, type = model] = /V1(\w+)$/.exec(model) ?? [];
  return `io.k8s.api.v1.${type}`;
}

function addType(schema: Schema, schemas: Record<string, unknown>, model: string): void {
  if (schemas[schemaName(model)]) return;
  const properties: Record<string, unknown> = {};
  schemas[schemaName(model)] = { type: 'object', properties };
  for (const [name, type] of schema.fields(model) ?? []) {
    properties[name] = {
      ...describeType(schema, schemas, type),
      ...(type.kind === 'list' ? listExtensions(model, name) : {}),
    };
  }
}

function describeType(schema: Schema, schemas: Record<string, unknown>, type: FieldType): Record<string, unknown> {
  switch (type.kind) {
    case 'object':
      addType(schema, schemas, type.model);
      return { allOf: [{ $ref: `#/components/schemas/${schemaName(type.model)}` }] };
    case 'list':
      return { type: 'array', items: describeType(schema, schemas, type.of) };
    case 'map':
      return { type: 'object', additionalProperties: describeType(schema, schemas, type.of) };
    case 'bytes':
      return { type: 'string', format: 'byte' };
    case 'intOrString':
      return { format: 'int-or-string', oneOf: [{ type: 'integer' }, { type: 'string' }] };
    case 'quantity':
      return { oneOf: [{ type: 'string' }, { type: 'number' }] };
    case 'any':
      return { type: 'object' };
    default:
      return { type: type.kind };
  }
}

function listExtensions(model: string, field: string): Record<string, unknown> {
  const semantics = listSemantics(model, field);
  const merge = patchMergeKey(model, field);
  return {
    'x-kubernetes-list-type': semantics.kind === 'keyed' ? 'map' : semantics.kind,
    ...(semantics.kind === 'keyed' ? { 'x-kubernetes-list-map-keys': semantics.keys } : {}),
    ...(merge ? { 'x-kubernetes-patch-strategy': 'merge' } : {}),
    ...(merge && merge !== 'set' ? { 'x-kubernetes-patch-merge-key': merge.key } : {}),
  };
}
