import { availableCpus } from './cpu-quota';

/** Everything that can be set from outside, read once at the start and never changed. */
export interface Config {
  readonly host: string;
  /** TCP port; 0 lets the system choose. */
  readonly port: number;
  /** Folder that Azure ML mounts the registered model in. */
  readonly modelDir: string;
  /** The model's registered name; the manifest's own name when it is not set. */
  readonly modelName: string | undefined;
  readonly modelVersion: string | undefined;
  /** SHA-256 over the model's files, hex, as RegisterModel recorded it. */
  readonly modelDigest: string | undefined;
  /** Largest request body, in bytes. */
  readonly maxBodyBytes: number;
  /** Largest image, in pixels, before it is scaled down. */
  readonly maxPixels: number;
  /** Images that may be in the server at once: being decoded, waiting, or in the model. */
  readonly maxQueuedImages: number;
  readonly maxBatchSize: number;
  /** How long a batch that is not full may wait for images that are still being decoded. */
  readonly maxBatchDelayMilliseconds: number;
  readonly inferenceThreads: number;
  readonly decodeThreads: number;
  /** How long a client may take to send a request. */
  readonly requestTimeoutMilliseconds: number;
  /** How long requests in flight may take to finish after SIGTERM. */
  readonly drainTimeoutMilliseconds: number;
  readonly logLevel: string;
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
  const config: Config = {
    host: text('HOST') ?? '0.0.0.0',
    port: integer('PORT', 5001, 0, 65_535),
    modelDir,
    modelName: text('GUARDIAN_MODEL_NAME'),
    modelVersion: text('GUARDIAN_MODEL_VERSION'),
    modelDigest: digest,
    maxBodyBytes: integer('GUARDIAN_MAX_BODY_BYTES', 16 * 1024 * 1024, 1024, 1024 ** 3),
    maxPixels: integer('GUARDIAN_MAX_PIXELS', 32_000_000, 1, 1_000_000_000),
    maxQueuedImages: integer('GUARDIAN_MAX_QUEUED_IMAGES', 64, 1, 100_000),
    maxBatchSize: integer('GUARDIAN_MAX_BATCH_SIZE', 8, 1, 1024),
    maxBatchDelayMilliseconds: integer('GUARDIAN_MAX_BATCH_DELAY_MS', 2, 0, 10_000),
    inferenceThreads: integer('GUARDIAN_INFERENCE_THREADS', cpus, 1, 1024),
    decodeThreads: integer('GUARDIAN_DECODE_THREADS', Math.min(cpus, 4), 1, 64),
    requestTimeoutMilliseconds: 1000 * integer('GUARDIAN_REQUEST_TIMEOUT_SECONDS', 30, 1, 3600),
    drainTimeoutMilliseconds: 1000 * integer('GUARDIAN_DRAIN_TIMEOUT_SECONDS', 25, 0, 3600),
    logLevel,
  };
  if (problems.length > 0) throw new ConfigError(problems);
  return Object.freeze(config);
}
