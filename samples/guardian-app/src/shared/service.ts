import { randomUUID } from 'node:crypto';
import Fastify, { type FastifyInstance } from 'fastify';
import { pino, type Logger } from 'pino';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { messageOf } from './failure';

export interface ServiceContext {
  app: FastifyInstance;
  log: Logger;
  registry: Registry;
  /** Aborts when the service is asked to end. */
  signal: AbortSignal;
}

/** What a service does beside answering. */
export interface Work {
  /** Ends by itself, with what it has finished, once the signal aborts. */
  run?: () => Promise<void>;
  /** Why the service is not ready, if so. */
  notReady?: () => string | undefined;
}

export const correlationHeader = 'x-correlation-id';

/**
 * Runs one service: health, readiness and metrics over HTTP, JSON lines on stdout, and a graceful stop on SIGTERM or SIGINT:
 * readiness turns false, what is under way is finished, and the process exits 0.
 */
export async function runService(
  name: string,
  settings: () => { PORT: number; LOG_LEVEL: string },
  build: (context: ServiceContext) => Work | Promise<Work>,
): Promise<void> {
  let log = pino({ base: { service: name } });
  try {
    const { PORT, LOG_LEVEL } = settings();
    log = pino({
      level: LOG_LEVEL,
      base: { service: name },
      redact: ['req.headers.authorization', 'headers.authorization'],
    });
    const stop = new AbortController();
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.once(signal, () => {
        log.info(`${signal}: finishing what is under way`);
        stop.abort();
      });
    }
    const registry = new Registry();
    registry.setDefaultLabels({ service: name });
    collectDefaultMetrics({ register: registry });
    const app = Fastify({
      loggerInstance: log,
      disableRequestLogging: true,
      trustProxy: true,
      bodyLimit: 1024 * 1024,
      requestIdHeader: correlationHeader,
      genReqId: () => randomUUID(),
      forceCloseConnections: 'idle',
      ajv: { customOptions: { removeAdditional: false } },
    }) as unknown as FastifyInstance;
    app.addHook('onSend', (request, reply, payload, done) => {
      reply.header(correlationHeader, request.id);
      done(null, payload);
    });
    const work = await build({ app, log, registry, signal: stop.signal });
    app.get('/healthz', { schema: { hide: true } }, () => ({ status: 'ok' }));
    app.get('/readyz', { schema: { hide: true } }, (_request, reply) => {
      const why = stop.signal.aborted ? 'stopping' : work.notReady?.();
      return reply.code(why === undefined ? 200 : 503).send(why === undefined ? { status: 'ready' } : { status: why });
    });
    app.get('/metrics', { schema: { hide: true } }, async (_request, reply) =>
      reply.type(registry.contentType).send(await registry.metrics()),
    );
    await app.listen({ port: PORT, host: '0.0.0.0' });
    const address = app.server.address();
    log.info({ port: typeof address === 'object' ? address?.port : PORT }, 'listening');
    const stopped = new Promise<void>(resolve =>
      stop.signal.addEventListener('abort', () => resolve(), { once: true }),
    );
    await Promise.all([stopped, work.run?.()]);
    await app.close();
    log.info('stopped');
  } catch (error) {
    log.fatal({ error: messageOf(error) }, 'ended by an error');
    process.exitCode = 1;
    // Whatever else still runs must not keep a broken service alive.
    setTimeout(() => process.exit(1), 1000).unref();
  }
}
