import fastify, { type FastifyBodyParser, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import type { Config } from '../config';
import type { Capture } from '../observe/capture';
import type { Metrics } from '../observe/metrics';
import type { Tracer } from '../observe/tracer';
import type { Readiness } from '../readiness';
import { asScoringError, type ErrorBody, ScoringError } from '../scoring-error';
import type { ServedModel } from '../served-model';
import type { Admission } from './admission';
import { AnswerLog } from './answer-log';
import { answerBrokenRequest } from './broken-request';
import { requireModestJson } from './json-limits';
import { mlflowRoutes } from './mlflow-routes';
import { openApi } from './openapi';
import { setProbeStatus } from './probe-status';
import { givenRequestId, requestId, requestIdHeaders } from './request-id';
import { scoreRoutes } from './score-route';
import { acceptedTypes, imageTypes } from './scoring-request';
import { headerLengthHeader, v2Routes } from './v2-routes';

export interface AppParts {
  readonly config: Config;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly readiness: Readiness;
  readonly admission: Admission;
  /** Undefined where nothing is captured. */
  readonly capture: Capture | undefined;
  /** Undefined where no traces are wanted. */
  readonly tracer: Tracer | undefined;
}

export type Get = (url: string, handler: (request: FastifyRequest, reply: FastifyReply) => unknown) => void;

/** The HTTP side: routes, one form of error, request ids. Nothing here waits for the model to be loaded. */
export function createApp(parts: AppParts): FastifyInstance {
  const { config, log, readiness } = parts;
  const answers = new AnswerLog(log, config.logSampleRate);
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

  readBodies(app);

  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', givenRequestId(request.headers, 'x-request-id') ?? request.id);
    for (const name of requestIdHeaders) {
      const given = givenRequestId(request.headers, name);
      if (given !== undefined) reply.header(name, given);
    }
    // Triton's own client does not say what it sends: bytes after its header, else JSON.
    request.raw.headers['content-type'] ??= isV2(request) ? 'application/json' : 'application/octet-stream';
    const encoding = request.headers['content-encoding'] ?? 'identity';
    if (encoding !== 'identity')
      throw new ScoringError(
        'UnsupportedMediaType',
        `Send the body as it is: Content-Encoding ${encoding.slice(0, 30)} is not read.`,
      );
  });
  app.addHook('onSend', async (_request, reply) => {
    // A connection that is kept open would hold up the end of the process.
    if (readiness.phase.name === 'draining') reply.header('connection', 'close');
  });
  app.addHook('onResponse', (request, reply, done) => {
    answers.note(request, reply);
    done();
  });

  app.setErrorHandler((thrown, request, reply) => {
    const error = asScoringError(thrown, acceptedTypes);
    if (!(thrown instanceof ScoringError) && error.status >= 500)
      log.error({ requestId: request.id, err: thrown }, 'request failed');
    return sendError(error, request, reply);
  });
  app.setNotFoundHandler(request => {
    throw new ScoringError('NotFound', `There is nothing at ${pathOf(request)}; / lists what there is.`);
  });

  const routes = new Map<string, string>();
  // Every route comes by here, those of the other files too.
  app.addHook('onRoute', ({ url, method }) => {
    if (method === 'GET' || method === 'POST') routes.set(url, method === 'GET' ? 'GET, HEAD' : 'POST');
  });
  const get: Get = (url, handler) => app.get(url, async (request, reply) => handler(request, reply));

  get('/', () => describeServer(parts, routes));
  get('/live', () => ({ status: 'live', model: readiness.phase.name, ...reasonOf(readiness) }));
  get('/ready', (_request, reply) => {
    setProbeStatus(reply, readiness);
    return { status: readiness.phase.name, ...reasonOf(readiness) };
  });
  get('/swagger.json', () => openApi(readiness.loaded(), config.maxBodyBytes));
  get('/metrics', async (_request, reply) => {
    reply.type(parts.metrics.registry.contentType);
    return parts.metrics.registry.metrics();
  });
  scoreRoutes(app, parts);
  v2Routes(app, parts, get);
  mlflowRoutes(app, parts, get);
  refuseOtherMethods(app, routes);
  return app;
}

/** Images and forms stay bytes, and so does JSON that binary tensors follow. */
function readBodies(app: FastifyInstance): void {
  const keep: FastifyBodyParser<Buffer> = (_request, body, done) => done(null, body);
  app.addContentTypeParser([...imageTypes, 'application/octet-stream'], { parseAs: 'buffer' }, keep);
  app.addContentTypeParser(/^multipart\/form-data/, { parseAs: 'buffer' }, keep);
  app.removeContentTypeParser(['text/plain', 'application/json']);
  const json = app.getDefaultJsonParser('error', 'error');
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    if (request.headers[headerLengthHeader] !== undefined) return done(null, body);
    try {
      requireModestJson(body as Buffer);
    } catch (error) {
      return done(error as Error);
    }
    void json(request, body.toString(), done);
  });
}

function refuseOtherMethods(app: FastifyInstance, routes: ReadonlyMap<string, string>): void {
  for (const [url, allowed] of [...routes]) {
    app.route({
      url,
      method: app.supportedMethods.filter(method => !allowed.split(', ').includes(method)),
      onRequest: (request, reply) => {
        reply.header('allow', allowed);
        throw new ScoringError('MethodNotAllowed', `${pathOf(request)} takes ${allowed}, not ${request.method}.`);
      },
      handler: () => undefined,
    });
  }
}

function describeServer({ readiness }: AppParts, routes: ReadonlyMap<string, string>): object {
  const { models, phase } = readiness;
  return {
    server: 'guardian-scoring-runtime',
    status: phase.name,
    ...(models ? { model: describe(models.standard), models: models.all.map(describe) } : {}),
    routes: Object.fromEntries(routes),
  };
}

function describe({ identity, manifest, signature }: ServedModel): object {
  const { name, version, digest } = identity;
  const { labels } = manifest;
  return {
    name,
    version,
    digest,
    ...(labels ? { labels } : { outputs: signature.outputs.map(output => output.name) }),
  };
}

function reasonOf({ reason }: Readiness): { reason?: string } {
  return reason === undefined ? {} : { reason };
}

/** For messages. */
function pathOf({ url }: FastifyRequest): string {
  return url.replace(/\?.*$/s, '').slice(0, 100);
}

function isV2({ url }: FastifyRequest): boolean {
  return /^\/v2(\/|$)/.test(url);
}

/** The one form of error; the routes of the Open Inference Protocol have the protocol's, in which `error` is a text. */
async function sendError(error: ScoringError, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const { code, message, status, retryAfterSeconds } = error;
  reply.code(status).type('application/json');
  if (retryAfterSeconds !== undefined) reply.header('retry-after', String(retryAfterSeconds));
  if (isV2(request)) return reply.send({ error: message, code, requestId: request.id });
  return reply.send({ error: { code, message, requestId: request.id } } satisfies ErrorBody);
}
