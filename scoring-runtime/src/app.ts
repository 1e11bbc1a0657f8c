import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import type { Admission } from './admission';
import type { Config } from './config';
import { answerBrokenRequest } from './broken-request';
import type { Metrics } from './metrics';
import { openApi } from './openapi';
import type { Readiness } from './readiness';
import { givenRequestId, requestId, requestIdHeaders } from './request-id';
import { acceptedTypes, imageTypes } from './scoring-request';
import { scoreRoute } from './score-route';
import { asScoringError, type ErrorBody, ScoringError } from './scoring-error';

export interface AppParts {
  readonly config: Config;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly readiness: Readiness;
  readonly admission: Admission;
}

/** The HTTP side: routes, one form of error, request ids. Nothing here waits for the model to be loaded. */
export function createApp(parts: AppParts): FastifyInstance {
  const { config, log, metrics, readiness } = parts;
  const app = fastify({
    // The framework's own lines are of no interest; answers are logged below, by their weight.
    logger: false,
    bodyLimit: config.maxBodyBytes,
    requestTimeout: config.requestTimeoutMilliseconds,
    http: {
      // Node.js swaps the two timeouts when this one, 60 s by itself, is the longer.
      headersTimeout: config.requestTimeoutMilliseconds,
      // It looks for overdue requests this often; its own 30 s would make the setting a rough one.
      connectionsCheckingInterval: 1000,
    },
    // Longer than the idle time of the front ends before it: they must be the ones to close a connection.
    keepAliveTimeout: 75_000,
    // Requests on connections that are open while the server drains are still answered.
    return503OnClosing: false,
    genReqId: request => requestId(request.headers),
    clientErrorHandler: answerBrokenRequest,
    routerOptions: { ignoreTrailingSlash: true },
  });

  app.addContentTypeParser(imageTypes, { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  app.removeContentTypeParser('text/plain');

  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', givenRequestId(request.headers, 'x-request-id') ?? request.id);
    for (const name of requestIdHeaders) {
      const given = givenRequestId(request.headers, name);
      if (given !== undefined) reply.header(name, given);
    }
  });
  app.addHook('onSend', async (_request, reply) => {
    // A connection that is kept open would hold up the end of the process.
    if (readiness.phase.name === 'draining') reply.header('connection', 'close');
  });
  app.addHook('onResponse', (request, reply, done) => {
    logAnswer(log, request, reply);
    done();
  });

  app.setErrorHandler((thrown, request, reply) => {
    const error = asScoringError(thrown, acceptedTypes);
    if (!(thrown instanceof ScoringError) && error.status >= 500)
      log.error({ requestId: request.id, err: thrown }, 'request failed');
    return sendError(error, request, reply);
  });

  const routes = new Map<string, string>();
  const get = (url: string, handler: (request: FastifyRequest, reply: FastifyReply) => unknown) => {
    routes.set(url, 'GET, HEAD');
    app.get(url, async (request, reply) => handler(request, reply));
  };
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.replace(/\?.*$/s, '').replace(/(?!^)\/$/, '');
    const allowed = routes.get(path);
    if (allowed === undefined) {
      throw new ScoringError('NotFound', `There is nothing at ${path.slice(0, 100)}; / lists what there is.`);
    }
    reply.header('allow', allowed);
    throw new ScoringError('MethodNotAllowed', `${path} takes ${allowed}, not ${request.method}.`);
  });

  get('/', () => ({
    server: 'guardian-scoring-runtime',
    status: readiness.phase.name,
    ...(readiness.model ? { model: describe(readiness.model) } : {}),
    routes: Object.fromEntries(routes),
  }));
  get('/live', () => ({ status: 'live', model: readiness.phase.name, ...reasonOf(readiness) }));
  get('/ready', (_request, reply) => {
    if (readiness.reason !== undefined) reply.code(503).header('retry-after', '1');
    return { status: readiness.phase.name, ...reasonOf(readiness) };
  });
  get('/swagger.json', () => {
    const { model } = readiness;
    if (!model) throw new ScoringError('NotReady', readiness.reason ?? '', 1);
    return openApi(model, config.maxBodyBytes);
  });
  get('/metrics', async (_request, reply) => {
    reply.type(metrics.registry.contentType);
    return metrics.registry.metrics();
  });
  routes.set('/score', 'POST');
  scoreRoute(app, parts);
  return app;
}

function describe({ identity, manifest }: NonNullable<Readiness['model']>): object {
  return { name: identity.name, version: identity.version, digest: identity.digest, labels: manifest.labels };
}

function reasonOf({ reason }: Readiness): { reason?: string } {
  return reason === undefined ? {} : { reason };
}

async function sendError(error: ScoringError, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  reply.code(error.status);
  if (error.retryAfterSeconds !== undefined) reply.header('retry-after', String(error.retryAfterSeconds));
  const body: ErrorBody = { error: { code: error.code, message: error.message, requestId: request.id } };
  return reply.send(body);
}

function logAnswer(log: Logger, request: FastifyRequest, reply: FastifyReply): void {
  const status = reply.statusCode;
  // Probes and good answers come by the thousand; metrics count them.
  const level = status < 400 || request.url === '/ready' ? 'debug' : status < 500 ? 'info' : 'warn';
  log[level](
    {
      requestId: request.id,
      method: request.method,
      url: request.url,
      status,
      milliseconds: Math.round(reply.elapsedTime),
    },
    'answered',
  );
}
