import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { operationOf, planeOf } from './operation-name';
import type { Plane, RecordedRequest } from './request-record';

declare module 'fastify' {
  interface FastifyRequest {
    /** Name of the fault that was put into this request. */
    injectedFault: string | undefined;
    /** Bytes of the answer's body, where they are known before it is sent. */
    answeredBytes: number | undefined;
  }
}

const blanked = '***';
/** Headers that hold credentials. */
const secretHeaders = /^(authorization|proxy-authorization|cookie|set-cookie|x-azureml-token|api-key|secret|.*-key)$/;
/** Query parameters that hold credentials: SAS and LRO signatures, one-time codes. */
const secretParameters = new Set(['sig', 'h', 'code', 'client_secret', 'access_token', 'token']);

/**
 * Tells `sink` about every request to `app` once it has been answered, also about those that no route or hook let through.
 * Call before any route is registered. `plane` fixes the plane; without it the path tells.
 */
export function watchRequests(app: FastifyInstance, sink: (record: RecordedRequest) => void, plane?: Plane): void {
  app.decorateRequest('injectedFault', undefined);
  app.decorateRequest('answeredBytes', undefined);
  app.addHook('onRequest', (request, reply, done) => {
    const started = { at: new Date(), tick: performance.now() };
    reply.raw.once('close', () => sink(describe(request, reply, started, plane)));
    done();
  });
  app.addHook('onSend', (request, reply, payload, done) => {
    request.answeredBytes =
      typeof payload === 'string' || Buffer.isBuffer(payload)
        ? Buffer.byteLength(payload)
        : count(reply.getHeader('content-length'));
    done();
  });
}

function describe(
  request: FastifyRequest,
  reply: FastifyReply,
  started: { at: Date; tick: number },
  fixed: Plane | undefined,
): RecordedRequest {
  const [path, query] = splitOnce(request.url);
  const plane = fixed ?? planeOf(path);
  const parameters = new URLSearchParams(query);
  const apiVersion = parameters.get('api-version');
  const bytesIn = count(request.headers['content-length']);
  const bytesOut = request.answeredBytes;
  const clientRequestId = request.headers['x-ms-client-request-id'] ?? request.headers['client-request-id'];
  return {
    time: started.at.toISOString(),
    plane,
    method: request.method,
    path,
    operation: operationOf(request.method, path, request.routeOptions.url),
    ...(apiVersion === null ? {} : { apiVersion }),
    status: reply.raw.headersSent ? reply.raw.statusCode : 0,
    milliseconds: Math.round((performance.now() - started.tick) * 10) / 10,
    ...(bytesIn === undefined ? {} : { bytesIn }),
    ...(bytesOut === undefined ? {} : { bytesOut }),
    requestId: request.id,
    ...(typeof clientRequestId === 'string' ? { clientRequestId } : {}),
    ...(request.injectedFault === undefined ? {} : { fault: request.injectedFault }),
    url: path + (query === '' ? '' : `?${withoutSecrets(query)}`),
    headers: headersWithoutSecrets(request.headers),
    ...(plane === 'directory' || request.body === undefined ? {} : { body: request.body }),
  };
}

function splitOnce(url: string): [string, string] {
  const at = url.indexOf('?');
  return at < 0 ? [url, ''] : [url.slice(0, at), url.slice(at + 1)];
}

/** The query as it was, with the values of secrets blanked out. */
export function withoutSecrets(query: string): string {
  return query
    .split('&')
    .map(pair => {
      const [name = ''] = pair.split('=');
      return secretParameters.has(name.toLowerCase()) ? `${name}=${blanked}` : pair;
    })
    .join('&');
}

/** The headers as one text each, with the values of secrets blanked out. */
export function headersWithoutSecrets(headers: FastifyRequest['headers']): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name,
      secretHeaders.test(name) ? blanked : Array.isArray(value) ? value.join(', ') : (value ?? ''),
    ]),
  );
}

function count(header: unknown): number | undefined {
  const value = Number(header);
  return header === undefined || !Number.isInteger(value) ? undefined : value;
}
