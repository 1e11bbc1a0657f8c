import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Batcher } from './batcher';
import type { Config } from './config';
import { hashFolder, listingDigest } from './digest';
import { ImagePool } from './image-pool';
import type { Manifest } from './manifest';
import type { Metrics } from './metrics';
import { Model, type Row } from './model';
import { type ModelFolder, openModelFolder } from './model-folder';
import { type Prediction, toPrediction } from './prediction';
import { ScoringError } from './scoring-error';

/** Which model this is, as Azure ML knows it. */
export interface ModelIdentity {
  readonly name: string;
  readonly version: string | undefined;
  /** SHA-256 over the files as they were read. */
  readonly digest: string;
  /** `name:version`, or the name alone. */
  readonly label: string;
}

/** A model that is loaded, verified and warmed up: from the bytes of an image to its prediction. */
export class ServedModel {
  constructor(
    readonly manifest: Manifest,
    readonly identity: ModelIdentity,
    private readonly images: ImagePool,
    private readonly model: Model,
    private readonly batcher: Batcher<Float32Array, Row>,
    private readonly metrics: Metrics,
  ) {}

  get queued(): number {
    return this.batcher.queued;
  }

  /**
   * @param image may be moved to another thread: the caller must not use it again
   * @throws ScoringError when it is no image that this server takes
   */
  async score(image: Uint8Array, signal: AbortSignal): Promise<Prediction> {
    const arrived = this.batcher.expect();
    let row: Row;
    try {
      row = await this.images.decode(image, signal, (input, times) => {
        this.metrics.decodeSeconds.observe(times.decodeMilliseconds / 1000);
        this.metrics.resizeSeconds.observe(times.resizeMilliseconds / 1000);
        const answer = this.batcher.submit(input, signal);
        arrived();
        return answer;
      });
    } finally {
      arrived();
    }
    const prediction = this.read(row);
    this.metrics.images.inc({ model: this.identity.label, label: prediction.label });
    return prediction;
  }

  async stop(): Promise<void> {
    await Promise.all([this.images.stop(), this.model.stop()]);
  }

  private read(row: Row): Prediction {
    if ('failure' in row) throw new ScoringError('InferenceFailed', `The model failed on this image: ${row.failure}`);
    try {
      return toPrediction(this.identity.label, row.output, this.manifest);
    } catch (error) {
      throw new ScoringError('InferenceFailed', error instanceof Error ? error.message : String(error));
    }
  }
}

/**
 * Reads, verifies and warms up the model of the settings.
 * @param onDeath called when one of its threads ends by itself: nothing can be answered any more
 * @throws Error saying why the model must not take traffic: no or a bad manifest, other bytes than were registered, not
 * a model, or a wrong answer to its warm-up image
 */
export async function loadModel(
  config: Config,
  metrics: Metrics,
  onDeath: (error: Error) => void,
): Promise<ServedModel> {
  const folder = await openModelFolder(config.modelDir);
  const { manifest, root, prefix } = folder;
  const spec = manifest.input;
  // One batch in the model, the next one ready, and what is being decoded.
  const tensors = 2 * config.maxBatchSize + config.decodeThreads;
  const images = new ImagePool(config.decodeThreads, tensors, { spec, maxPixels: config.maxPixels }, onDeath);
  const file = join(root, prefix, manifest.model);
  const model = new Model({ file, threads: config.inferenceThreads, spec, outputName: manifest.output.name }, onDeath);
  try {
    const [digest, { maxBatch }] = await Promise.all([verifiedDigest(folder, config.modelDigest), model.loaded()]);
    const name = config.modelName ?? manifest.name;
    const version = config.modelVersion;
    const identity = { name, version, digest, label: version === undefined ? name : `${name}:${version}` };
    const batcher = new Batcher<Float32Array, Row>(
      {
        maxSize: Math.min(config.maxBatchSize, maxBatch),
        maxDelayMilliseconds: config.maxBatchDelayMilliseconds,
      },
      inputs => model.run(inputs),
      ({ size, waitedMilliseconds, ranMilliseconds }) => {
        metrics.batchImages.observe(size);
        metrics.inferenceSeconds.observe(ranMilliseconds / 1000);
        for (const waited of waitedMilliseconds) metrics.queueSeconds.observe(waited / 1000);
      },
    );
    await warmUp(folder, images, model);
    metrics.model.set({ model: name, version: version ?? '', digest }, 1);
    return new ServedModel(manifest, identity, images, model, batcher, metrics);
  } catch (error) {
    await Promise.all([images.stop(), model.stop()]);
    throw error;
  }
}

/** The digest of the folder, in which the manifest may lie one level down. */
async function verifiedDigest({ root, prefix }: ModelFolder, expected: string | undefined): Promise<string> {
  const files = await hashFolder(root);
  const digests = [listingDigest(files, prefix), listingDigest(files)];
  const [digest = ''] = digests;
  if (expected === undefined) return digest;
  if (digests.includes(expected)) return expected;
  throw new Error(
    `The model's files are not those that were registered: their digest is ${digest}, but GUARDIAN_MODEL_DIGEST is ${expected}.`,
  );
}

/** The first run of a model allocates and optimises; it must be over, and right, before the first request. */
async function warmUp({ root, prefix, manifest }: ModelFolder, images: ImagePool, model: Model): Promise<void> {
  const { input, warmup } = manifest;
  const [row] = warmup
    ? await runImage(join(root, prefix, warmup.image), images, model)
    : await model.run([new Float32Array(3 * input.width * input.height)]);
  if (!row || 'failure' in row) throw new Error(`The warm-up fails: ${row?.failure ?? 'no answer'}`);
  const { label } = toPrediction(manifest.name, row.output, manifest);
  if (warmup?.label !== undefined && warmup.label !== label) {
    throw new Error(`The warm-up image ${warmup.image} must be '${warmup.label}', but the model says '${label}'.`);
  }
}

async function runImage(file: string, images: ImagePool, model: Model): Promise<readonly Row[]> {
  try {
    return await images.decode(await readFile(file), new AbortController().signal, input => model.run([input]));
  } catch (error) {
    throw new Error(`The warm-up image ${file}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}
