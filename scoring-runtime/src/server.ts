/** The entry: settings, server, model, signals. It listens at once, so that liveness holds while the model loads. */
import type { AddressInfo } from 'node:net';
import { pino } from 'pino';
import { Admission } from './admission';
import { createApp } from './app';
import { type Config, ConfigError, readConfig } from './config';
import { createMetrics } from './metrics';
import { Readiness } from './readiness';
import { loadModel } from './served-model';

async function serve(config: Config): Promise<void> {
  const started = performance.now();
  const log = pino({ level: config.logLevel, base: null, timestamp: pino.stdTimeFunctions.isoTime });
  const readiness = new Readiness();
  const admission = new Admission(config.maxQueuedImages);
  const metrics = createMetrics({
    queued: () => readiness.model?.queued ?? 0,
    inside: () => admission.inside,
    ready: () => readiness.phase.name === 'ready',
  });
  const app = createApp({ config, log, metrics, readiness, admission });

  let draining = false;
  const drain = (signal: string): void => {
    if (draining) return;
    draining = true;
    log.info({ signal, images: admission.inside }, 'draining');
    readiness.drain();
    const deadline = setTimeout(() => {
      log.error(
        { images: admission.inside },
        'requests in flight were cut off: GUARDIAN_DRAIN_TIMEOUT_SECONDS is over',
      );
      process.exit(1);
    }, config.drainTimeoutMilliseconds);
    void app.close().then(async () => {
      await readiness.model?.stop();
      clearTimeout(deadline);
      log.info('stopped');
      // A model that is still being loaded holds its thread in native code.
      process.exit(0);
    });
  };
  process.on('SIGTERM', drain);
  process.on('SIGINT', drain);

  await app.listen({ host: config.host, port: config.port });
  log.info({ host: config.host, port: (app.server.address() as AddressInfo).port }, 'listening');
  try {
    const model = await loadModel(config, metrics, error => {
      log.fatal({ err: error }, 'a thread of the server ended');
      process.exit(1);
    });
    readiness.ready(model);
    const { label, digest } = model.identity;
    log.info({ model: label, digest, milliseconds: Math.round(performance.now() - started) }, 'ready');
  } catch (error) {
    // The process stays, so that the probes can say why it takes no traffic.
    const reason = error instanceof Error ? error.message : String(error);
    readiness.failed(reason);
    log.error({ reason }, 'the model is refused and this server will not become ready');
  }
}

try {
  serve(readConfig(process.env)).catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exit(1);
  });
} catch (error) {
  if (!(error instanceof ConfigError)) throw error;
  console.error(error.message);
  process.exit(1);
}
