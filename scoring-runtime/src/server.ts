/** The entry: settings, server, models, signals. It listens at once, so that liveness holds while the models load. */
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Logger, pino } from 'pino';
import { checkFolder } from './check';
import { type Config, ConfigError, readConfig } from './config';
import { endNow } from './end-now';
import { messageOf } from './error-message';
import { Admission } from './http/admission';
import { createApp } from './http/app';
import { loadModels } from './load-models';
import { Capture } from './observe/capture';
import { createMetrics, type Metrics } from './observe/metrics';
import { SpanExporter } from './observe/otlp-exporter';
import { Tracer } from './observe/tracer';
import { Readiness } from './readiness';

async function serve(config: Config): Promise<void> {
  const started = performance.now();
  const log = pino({ level: config.logLevel, base: null, timestamp: pino.stdTimeFunctions.isoTime });
  const readiness = new Readiness();
  const admission = new Admission(config.maxQueuedImages);
  const metrics = createMetrics({
    queued: () => (readiness.models?.all ?? []).map(model => [model.identity.label, model.queued] as const),
    inside: () => admission.inside,
    ready: () => readiness.phase.name === 'ready',
  });
  const capture = createCapture(config, metrics, log);
  const tracer = createTracer(config, metrics, log);
  const app = createApp({ config, log, metrics, readiness, admission, capture, tracer });

  let draining = false;
  let loading = Promise.resolve();
  const drain = async (signal: string): Promise<void> => {
    if (draining) return;
    draining = true;
    log.info({ signal, images: admission.inside }, 'draining');
    readiness.drain();
    // Front ends go on sending until they have asked /ready again; whoever comes is served, and told to hang up after.
    await sleep(config.drainDelayMilliseconds);
    const deadline = setTimeout(() => {
      // A model that is still being loaded holds its thread in native code; nobody waits for it.
      if (admission.inside === 0) endNow(0);
      log.error(
        { images: admission.inside },
        'requests in flight were cut off: GUARDIAN_DRAIN_TIMEOUT_SECONDS is over',
      );
      endNow(1);
    }, config.drainTimeoutMilliseconds);
    await app.close();
    await loading;
    await Promise.all([readiness.models?.stop(), capture?.stop(), tracer?.stop()]);
    clearTimeout(deadline);
    log.info('stopped');
    process.exit(0);
  };
  process.on('SIGTERM', signal => void drain(signal));
  process.on('SIGINT', signal => void drain(signal));

  await app.listen({ host: config.host, port: config.port });
  log.info({ host: config.host, port: (app.server.address() as AddressInfo).port }, 'listening');
  loading = load();
  await loading;

  async function load(): Promise<void> {
    try {
      const onDeath = (error: Error): void => {
        log.fatal({ err: error }, 'a thread of the server ended');
        endNow(1);
      };
      const models = await loadModels({ config, metrics, log, onDeath });
      readiness.ready(models);
      if (readiness.phase.name === 'draining') {
        await models.stop();
        return;
      }
      const { label, digest } = models.standard.identity;
      const others = models.all.filter(model => model !== models.standard).map(model => model.identity.label);
      const milliseconds = Math.round(performance.now() - started);
      log.info({ model: label, digest, ...(others.length > 0 ? { others } : {}), milliseconds }, 'ready');
    } catch (error) {
      // The process stays, so that the probes can say why it takes no traffic.
      const reason = messageOf(error);
      readiness.failed(reason);
      log.error({ reason }, 'the model is refused and this server will not become ready');
    }
  }
}

function createCapture(config: Config, metrics: Metrics, log: Logger): Capture | undefined {
  const { captureDir: folder, captureSampleRate: sampleRate, captureMaxBytes: maxBytes } = config;
  if (folder === undefined) return undefined;
  return new Capture({ folder, sampleRate, maxBytes, count: result => metrics.captures.inc({ result }), log });
}

function createTracer({ tracing }: Config, metrics: Metrics, log: Logger): Tracer | undefined {
  if (!tracing) return undefined;
  const count = (result: string, spans: number): void => metrics.spans.inc({ result }, spans);
  return new Tracer(tracing.sampling, new SpanExporter({ ...tracing, count, log }));
}

const usage = `node server.js                 serves the models of AZUREML_MODEL_DIR; README.md has every setting
node server.js --check FOLDER  verifies the models of a folder as the server would, and says what it found`;

async function main([option, folder, ...more]: readonly string[]): Promise<void> {
  // onnxruntime's own packages send usage data to Microsoft from 1.29 on, unless this is set before they are loaded.
  // https://github.com/microsoft/onnxruntime/blob/main/docs/Privacy.md
  process.env['ORT_DISABLE_TELEMETRY'] ??= '1';
  if (option === undefined) return serve(readConfig(process.env));
  if (option === '--check' && folder !== undefined && more.length === 0) {
    console.log(await checkFolder(readConfig({ ...process.env, AZUREML_MODEL_DIR: folder })));
    process.exit(0);
  }
  if (option !== '--help')
    throw new ConfigError([`There is no command '${[option, folder, ...more].join(' ')}'.\n${usage}`]);
  console.log(usage);
}

main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
});
