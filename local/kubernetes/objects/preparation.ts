import { badRequest, StatusError } from '../api/status-error';
import { isRecord, omit, type ApiObject, type JsonRecord } from './api-object';
import { apiVersionOf, type Resource } from './resources';
import { conform, type Schema, type SchemaProblem } from './schema';

/** What is done about fields that a type does not have, in a body that is not an apply configuration. */
export type FieldValidation = 'Ignore' | 'Warn' | 'Strict';

/**
 * Reads a request's body as an object of the resource's kind: checks kind, version and types, and drops unknown fields.
 * @param warn gets one text per dropped field
 * @throws StatusError 400
 */
export function readObject(
  schema: Schema,
  resource: Resource,
  body: unknown,
  fieldValidation: FieldValidation,
  warn: (text: string) => void,
): ApiObject {
  const kind = resource.kind;
  if (!isRecord(body)) throw badRequest(`the body of the request was not an object of kind ${kind}`);
  checkIdentity(resource, body);
  const problems = schema.check(resource.model, body);
  const cannot = (why: string): StatusError =>
    badRequest(`${kind} in version "${resource.version}" cannot be handled as a ${kind}: ${why}`);
  const wrong = problems.find(problem => problem.problem === 'wrong type');
  if (wrong) throw cannot(decodingError(kind, wrong));
  const unknown = problems.filter(problem => problem.problem === 'unknown field').map(({ path }) => path.slice(1));
  if (fieldValidation === 'Strict' && unknown.length > 0) {
    throw cannot(`strict decoding error: ${unknown.map(path => `unknown field "${path}"`).join(', ')}`);
  }
  if (fieldValidation === 'Warn') for (const path of unknown) warn(`unknown field "${path}"`);
  const object = conform(schema, { kind: 'object', model: resource.model }, body) as Partial<ApiObject>;
  const metadata = object.metadata ?? ({} as ApiObject['metadata']);
  return withSecretText(resource, { ...object, apiVersion: apiVersionOf(resource), kind, metadata });
}

/**
 * The same for the result of a patch, whose unfitting types are the patch's fault.
 * @throws StatusError 422
 */
export function readPatched(schema: Schema, resource: Resource, body: unknown): ApiObject {
  if (!isRecord(body)) throw badRequest('the patch does not leave an object');
  const wrong = schema.check(resource.model, body).find(problem => problem.problem === 'wrong type');
  if (wrong) {
    throw new StatusError(
      422,
      'Invalid',
      ` "" is invalid: patch: Invalid value: ${decodingError(resource.kind, wrong)}`,
      {
        causes: [{ reason: 'FieldValueInvalid', message: decodingError(resource.kind, wrong), field: 'patch' }],
      },
    );
  }
  return withSecretText(resource, conform(schema, { kind: 'object', model: resource.model }, body) as ApiObject);
}

/** @throws StatusError 400 when the body names another kind or version than the path */
export function checkIdentity(resource: Resource, body: JsonRecord): void {
  const apiVersion = apiVersionOf(resource);
  if (body.kind !== undefined && body.kind !== resource.kind) {
    throw badRequest(
      `the kind in the data (${JSON.stringify(body.kind)}) does not match the expected kind (${resource.kind})`,
    );
  }
  if (body.apiVersion !== undefined && body.apiVersion !== apiVersion) {
    throw badRequest(
      `the API version in the data (${JSON.stringify(body.apiVersion)}) does not match the expected API version (${apiVersion})`,
    );
  }
}

/** stringData is for writing only: it becomes data. */
function withSecretText(resource: Resource, object: ApiObject): ApiObject {
  if (resource.kind !== 'Secret') return object;
  const { stringData } = object;
  const secret = omit(object, 'stringData');
  const data = isRecord(secret.data) ? secret.data : {};
  for (const [key, value] of Object.entries(data)) {
    const text = String(value);
    if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text) || text.length % 4 !== 0) {
      throw badRequest(
        `Secret in version "v1" cannot be handled as a Secret: illegal base64 data in the value of ${key}`,
      );
    }
  }
  if (!isRecord(stringData)) return secret;
  const encoded = Object.entries(stringData).map(([key, value]) => [
    key,
    Buffer.from(String(value)).toString('base64'),
  ]);
  return { ...secret, data: { ...data, ...Object.fromEntries(encoded) } };
}

/** In the words of Go's JSON decoder. */
function decodingError(kind: string, { path, value, expected }: SchemaProblem): string {
  const found = Array.isArray(value) ? 'array' : typeof value === 'boolean' ? 'bool' : typeof value;
  const wanted = { numeric: 'int32', boolean: 'bool', map: 'map', list: '[]' }[expected ?? ''] ?? 'string';
  return `json: cannot unmarshal ${found} into Go struct field ${kind}${path} of type ${wanted}`;
}
