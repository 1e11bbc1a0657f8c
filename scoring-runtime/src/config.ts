import { availableCpus } from './cpu-quota';
import { readTracing, type TracingConfig } from './observe/tracing-config';

/** Everything that can be set from outside, read once at the start and never changed. */
export interface Config {
  readonly host: string;
  /** TCP port; 0 lets the system choose. */
  readonly port: number;
  /** Folder that Azure ML mounts the registered model in. */
  readonly modelDir: string;
  /** The model's registered name; the manifest's own name when it is not set, or there are several models. */
  readonly modelName: string | undefined;
  readonly modelVersion: string | undefined;
  /** SHA-256 over the model's files, hex, as RegisterModel recorded it. */
  readonly modelDigest: string | undefined;
  /** Which of several models answers where no name is given; the first by its folder's name when it is not set. */
  readonly defaultModel: string | undefined;
  /** Largest request body, in bytes. */
  readonly maxBodyBytes: number;
  /** Largest image, in pixels, before it is scaled down. */
  readonly maxPixels: number;
  /** Images that may be in the server at once: being decoded, waiting, or in the model. */
  readonly maxQueuedImages: number;
  readonly maxBatchSize: number;
  /** How long a batch that is not full may wait for images that are still being decoded. */
  readonly maxBatchDelayMilliseconds: number;
  /** Times that each model is loaded, to run as many batches side by side. */
  readonly modelCopies: number;
  /** Of onnxruntime, for one run. */
  readonly inferenceThreads: number;
  readonly decodeThreads: number;
  /** How long a client may take to send a request. */
  readonly requestTimeoutMilliseconds: number;
  /** How long a request that has arrived may take; what is not computed by then is not computed any more. */
  readonly answerTimeoutMilliseconds: number;
  /** How long connections are still taken after SIGTERM, for front ends that have not heard of it. */
  readonly drainDelayMilliseconds: number;
  /** How long requests in flight may take to finish after that. */
  readonly drainTimeoutMilliseconds: number;
  readonly logLevel: string;
  /** Share of the good answers that is logged, 0 to 1. */
  readonly logSampleRate: number;
  /** Where a sample of images and answers is kept; undefined for nowhere. */
  readonly captureDir: string | undefined;
  readonly captureSampleRate: number;
  readonly captureMaxBytes: number;
  /** Undefined when no traces are wanted. */
  readonly tracing: TracingConfig | undefined;
}

/** Raised with every problem of the environment at once. */
export class ConfigError extends Error {
  constructor(readonly problems: readonly string[]) {
    super(`The settings are not valid:\n${problems.map(problem => `  ${problem}`).join('\n')}`);
  }
}

const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'];

/** @throws ConfigError naming every variable that is missing or out of range */
export function readConfig(env: NodeJS.ProcessEnv): Config {
  const problems: string[] = [];
  const text = (name: string): string | undefined => env[name]?.trim() || undefined;
  const integer = (name: string, standard: number, least: number, most: number): number => {
    const value = text(name);
    if (value === undefined) return standard;
    const number = /^\d{1,15}$/.test(value) ? Number(value) : NaN;
    if (number >= least && number <= most) return number;
    problems.push(`${name} must be a whole number from ${least} to ${most}, but is '${value}'.`);
    return standard;
  };
  const share = (name: string, standard: number): number => {
    const value = text(name);
    if (value === undefined) return standard;
    const number = /^\d*\.?\d+$/.test(value) ? Number(value) : NaN;
    if (number <= 1) return number;
    problems.push(`${name} must be a number from 0 to 1, but is '${value}'.`);
    return standard;
  };
  const modelDir = text('AZUREML_MODEL_DIR') ?? '';
  if (modelDir === '')
    problems.push('AZUREML_MODEL_DIR is not set: the folder with the model and its guardian-model.json.');
  const digest = text('GUARDIAN_MODEL_DIGEST')?.toLowerCase();
  if (digest !== undefined && !/^[0-9a-f]{64}$/.test(digest))
    problems.push(`GUARDIAN_MODEL_DIGEST must be a SHA-256 of 64 hex digits, but is '${digest}'.`);
  const logLevel = text('LOG_LEVEL')?.toLowerCase() ?? 'info';
  if (!logLevels.includes(logLevel))
    problems.push(`LOG_LEVEL must be one of ${logLevels.join(', ')}, but is '${logLevel}'.`);

  const cpus = availableCpus();
  const modelCopies = integer('GUARDIAN_MODEL_COPIES', 1, 1, 64);
  const config: Config = {
    host: text('HOST') ?? '0.0.0.0',
    port: integer('PORT', 5001, 0, 65_535),
    modelDir,
    modelName: text('GUARDIAN_MODEL_NAME'),
    modelVersion: text('GUARDIAN_MODEL_VERSION'),
    modelDigest: digest,
    defaultModel: text('GUARDIAN_DEFAULT_MODEL'),
    maxBodyBytes: integer('GUARDIAN_MAX_BODY_BYTES', 16 * 1024 * 1024, 1024, 1024 ** 3),
    maxPixels: integer('GUARDIAN_MAX_PIXELS', 32_000_000, 1, 1_000_000_000),
    maxQueuedImages: integer('GUARDIAN_MAX_QUEUED_IMAGES', 64, 1, 100_000),
    maxBatchSize: integer('GUARDIAN_MAX_BATCH_SIZE', 8, 1, 1024),
    maxBatchDelayMilliseconds: integer('GUARDIAN_MAX_BATCH_DELAY_MS', 2, 0, 10_000),
    modelCopies,
    inferenceThreads: integer('GUARDIAN_INFERENCE_THREADS', Math.max(1, Math.floor(cpus / modelCopies)), 1, 1024),
    decodeThreads: integer('GUARDIAN_DECODE_THREADS', Math.min(cpus, 4), 1, 64),
    requestTimeoutMilliseconds: 1000 * integer('GUARDIAN_REQUEST_TIMEOUT_SECONDS', 30, 1, 3600),
    answerTimeoutMilliseconds: integer('GUARDIAN_ANSWER_TIMEOUT_MS', 30_000, 1, 3_600_000),
    drainDelayMilliseconds: integer('GUARDIAN_DRAIN_DELAY_MS', 500, 0, 600_000),
    drainTimeoutMilliseconds: 1000 * integer('GUARDIAN_DRAIN_TIMEOUT_SECONDS', 25, 0, 3600),
    logLevel,
    logSampleRate: share('GUARDIAN_LOG_SAMPLE_RATE', 0),
    captureDir: text('GUARDIAN_CAPTURE_DIR'),
    captureSampleRate: share('GUARDIAN_CAPTURE_SAMPLE_RATE', 0.01),
    captureMaxBytes: 1024 ** 2 * integer('GUARDIAN_CAPTURE_MAX_MB', 1024, 1, 1_000_000),
    tracing: readTracing(text, problems),
  };
  if (problems.length > 0) throw new ConfigError(problems);
  return Object.freeze(config);
}
