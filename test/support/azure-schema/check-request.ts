import type { RecordedRequest } from '../../../local/requests/request-record';
import { bodyProblems } from './check-body';
import { publishedSchema, type PublishedOperation, type PublishedSchema } from './published-schema';

/** The parts of a request that the published schema says something about. */
export type SentRequest = Pick<RecordedRequest, 'method' | 'url' | 'body'> &
  Partial<Pick<RecordedRequest, 'bytesIn' | 'status'>>;

/** Addresses that the service itself hands out for polling; clients call them as they are. */
const operationStatus = /\/locations\/[^/]+\/mfeOperation(?:sStatus|Results)\/[^/]+$/i;

/**
 * What is wrong with requests to Resource Manager by the API's published schema: unknown operation or API version, query parameter or property that
 * the operation does not have, missing, read-only or wrongly typed property, value that an enumeration does not have. One line each, without repetition.
 */
export async function requestProblems(requests: readonly SentRequest[]): Promise<string[]> {
  const schemas = new Map<string, PublishedSchema | undefined>();
  const problems = new Set<string>();
  for (const request of requests) {
    const { pathname, searchParams } = new URL(request.url, 'https://resource-manager');
    const apiVersion = searchParams.get('api-version') ?? '';
    // The last one: what Monitor tells of an endpoint lies below the endpoint's own path.
    const provider = /.*\/providers\/([^/]+)/i.exec(pathname)?.[1] ?? '';
    const key = `${provider} ${apiVersion}`;
    if (!schemas.has(key)) schemas.set(key, await publishedSchema(provider, apiVersion));
    const schema = schemas.get(key);
    const found = schema
      ? problemsOf(request, pathname, searchParams, schema)
      : [`there are no models of API version '${apiVersion}' of the provider '${provider}'`];
    for (const problem of found) problems.add(`${request.method} ${shortened(pathname)} (${apiVersion}): ${problem}`);
  }
  return [...problems];
}

function problemsOf(request: SentRequest, path: string, query: URLSearchParams, schema: PublishedSchema): string[] {
  if (request.method === 'GET' && operationStatus.test(path)) return [];
  const operation = schema.operations.find(
    candidate => candidate.method === request.method && partsOf(path, candidate) !== undefined,
  );
  if (!operation) return ['the SDK has no such operation'];
  return [...pathProblems(path, operation), ...queryProblems(query, operation), ...bodyOf(request, operation, schema)];
}

function pathProblems(path: string, operation: PublishedOperation): string[] {
  return Object.entries(partsOf(path, operation) ?? {}).flatMap(([name, value]) => {
    const pattern = operation.path[name];
    return typeof pattern === 'string' && !new RegExp(pattern).test(value)
      ? [`${name} '${value}' does not match ${pattern}`]
      : [];
  });
}

function queryProblems(query: URLSearchParams, operation: PublishedOperation): string[] {
  const unknown = [...query.keys()].filter(name => operation.query[name] === undefined);
  const missing = Object.entries(operation.query).filter(([name, { required }]) => required && !query.has(name));
  return [
    ...unknown.map(name => `the operation has no query parameter '${name}'`),
    ...missing.map(([name]) => `the query parameter '${name}' is missing`),
  ];
}

function bodyOf(
  { body, bytesIn = 0, status }: SentRequest,
  operation: PublishedOperation,
  schema: PublishedSchema,
): string[] {
  // A body that nobody read: the server refused the request (401, 429) or the connection broke before it came to that. A client tries again.
  if (body === undefined && bytesIn > 0) return status === 400 ? ['the body is no JSON'] : [];
  if (!operation.body) return body === undefined ? [] : ['the operation takes no body'];
  if (body === undefined) return operation.body.required ? ['the body is missing'] : [];
  return bodyProblems(body, operation.body.model, schema);
}

/** Parts of a path that are resources' whole paths themselves. */
const wholePaths = new Set(['resourceUri', 'scope']);

/** The varying parts of a path by their names; undefined when it is not one of the operation's. Fixed parts match in any letter case, as in ARM. */
function partsOf(path: string, { template }: PublishedOperation): Record<string, string> | undefined {
  const pattern = template
    .split(/(\{\w+\})/)
    .map(part => {
      const name = /^\{(\w+)\}$/.exec(part)?.[1];
      if (name === undefined) return part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
      return `(?<${name}>${wholePaths.has(name) ? '.+' : '[^/]+'})`;
    })
    .join('');
  const groups = new RegExp(`^${pattern}$`, 'i').exec(path)?.groups;
  return groups && Object.fromEntries(Object.entries(groups).map(([name, value]) => [name, decodeURIComponent(value)]));
}

/** The part of a path behind the workspace. */
function shortened(path: string): string {
  return path.replace(/^.*\/workspaces\/[^/]+(?=\/)/i, '');
}
