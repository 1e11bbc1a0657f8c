import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { Batcher } from './batcher';
import type { Config } from './config';
import { messageOf } from './error-message';
import { ImagePool, sharedTensor, type Tensor } from './image-pool';
import { type Manifest, manifestFile, ManifestError } from './manifest';
import { type ImageTensor, Model, type Row } from './model';
import { type HashedFile, hashFolder, listingDigest } from './model-folder/digest';
import { inferManifest } from './model-folder/infer-manifest';
import { type ModelFolder, openModelFolders } from './model-folder/model-folder';
import { resolveSignature, type Signature } from './model-signature';
import type { Metrics } from './observe/metrics';
import { toVerdict } from './prediction';
import { type ModelIdentity, ServedModel, ServedModels } from './served-model';

export interface LoadParts {
  readonly config: Config;
  readonly metrics: Metrics;
  readonly log: Logger;
  /** Called when a thread of a model ends by itself: nothing can be answered any more. */
  readonly onDeath: (error: Error) => void;
}

/**
 * Reads, verifies and warms up the models of the settings' folder.
 * @throws Error saying why they must not take traffic: a bad manifest, other bytes than were registered, not a model, or
 * a wrong answer to a warm-up image
 */
export async function loadModels(parts: LoadParts): Promise<ServedModels> {
  const { config } = parts;
  const folders = await openModelFolders(config.modelDir);
  const hashing = verifiedFiles(folders, config.modelDigest);
  // Each model waits for it; a failure must not count as unhandled before.
  hashing.catch(() => undefined);
  const alone = folders.length === 1;
  const results = await Promise.allSettled(folders.map(folder => loadModel(folder, alone, hashing, parts)));
  const models = results.flatMap(result => (result.status === 'fulfilled' ? [result.value] : []));
  try {
    const reasons = results.flatMap(result => (result.status === 'rejected' ? [messageOf(result.reason)] : []));
    if (reasons.length > 0) throw new Error([...new Set(reasons)].join(' '));
    return new ServedModels(models, chooseStandard(models, config.defaultModel));
  } catch (error) {
    await Promise.all(models.map(model => model.stop()));
    throw error;
  }
}

function chooseStandard(models: readonly ServedModel[], wanted: string | undefined): ServedModel {
  const names = models.map(({ identity }) => identity.name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined)
    throw new ManifestError(`Two models are called '${twice}'; their manifests must tell them apart.`);
  const standard = wanted === undefined ? models[0] : models[names.indexOf(wanted)];
  if (!standard)
    throw new Error(`GUARDIAN_DEFAULT_MODEL is '${wanted ?? ''}', but the models here are ${names.join(', ')}.`);
  return standard;
}

async function loadModel(
  folder: ModelFolder,
  alone: boolean,
  hashing: Promise<readonly HashedFile[]>,
  { config, metrics, log, onDeath }: LoadParts,
): Promise<ServedModel> {
  const { root, prefix } = folder;
  // One batch in each copy of the model, the next one ready, and what is being decoded.
  const tensors = 2 * config.maxBatchSize * config.modelCopies + config.decodeThreads;
  const pool = ({ input: spec }: Manifest) =>
    new ImagePool(config.decodeThreads, tensors, { spec, maxPixels: config.maxPixels }, onDeath);
  const { inferenceThreads: threads, modelCopies: copies } = config;
  const model = new Model({ file: join(root, prefix, folder.model), threads, copies }, onDeath);
  // Threads take a while to start; where the manifest is known those for images do so beside the model, which takes longest.
  let images = folder.manifest && pool(folder.manifest);
  try {
    const [files, declared] = await Promise.all([hashing, model.loaded()]);
    const manifest = folder.manifest ?? (await inferManifestAloud());
    images ??= pool(manifest);
    requireModelDigest(folder, manifest, files);
    const signature = resolveSignature(declared, manifest.input, manifest.output);
    const name = (alone ? config.modelName : undefined) ?? manifest.name;
    const version = config.modelVersion;
    const label = version === undefined ? name : `${name}:${version}`;
    const digests = alone ? [listingDigest(files, prefix), listingDigest(files)] : [listingDigest(files, prefix)];
    const digest = digests.find(found => found === config.modelDigest) ?? digests[0] ?? '';
    const identity: ModelIdentity = { name, version, digest, label };
    const ownMetrics = metrics.ofModel(identity);
    const batcher = new Batcher<ImageTensor, Row>(
      {
        maxSize: Math.min(config.maxBatchSize, signature.maxBatch),
        maxDelayMilliseconds: config.maxBatchDelayMilliseconds,
        runs: copies,
      },
      inputs => model.run(inputs, signature),
      ({ size, waitedMilliseconds, ranMilliseconds }) => {
        ownMetrics.batchImages.observe(size);
        ownMetrics.inferenceSeconds.observe(ranMilliseconds / 1000);
        for (const waited of waitedMilliseconds) ownMetrics.queueSeconds.observe(waited / 1000);
      },
    );
    await images.started();
    await warmUp({ folder, manifest, signature, images, model });
    return new ServedModel({ manifest, identity, signature, images, model, batcher, metrics: ownMetrics });

    async function inferManifestAloud(): Promise<Manifest> {
      const { manifest, guesses } = await inferManifest(folder, declared, model);
      log.warn({ model: manifest.name, guesses, manifest }, `no ${manifestFile}: what it would say is inferred`);
      return manifest;
    }
  } catch (error) {
    await Promise.all([images?.stop(), model.stop()]);
    throw error;
  }
}

/** The files of the whole folder, as they were registered: with the model's folder in it, or from there on. */
async function verifiedFiles(
  folders: readonly ModelFolder[],
  expected: string | undefined,
): Promise<readonly HashedFile[]> {
  const [{ root, prefix } = { root: '', prefix: '' }] = folders;
  const files = await hashFolder(root);
  if (expected === undefined) return files;
  const digests = [...(folders.length === 1 ? [listingDigest(files, prefix)] : []), listingDigest(files)];
  if (digests.includes(expected)) return files;
  throw new Error(
    `The model's files are not those that were registered: their digest is ${digests[0] ?? ''}, but GUARDIAN_MODEL_DIGEST is ${expected}.`,
  );
}

function requireModelDigest({ prefix, model }: ModelFolder, { digest }: Manifest, files: readonly HashedFile[]): void {
  if (digest === undefined) return;
  const found = files.find(({ path }) => path === `${prefix}${model.replaceAll('\\', '/')}`);
  if (found?.sha256 !== digest)
    throw new Error(
      `${model} is not the file that ${manifestFile} was written for: its SHA-256 is ${found?.sha256 ?? 'unknown'}, not ${digest}.`,
    );
}

interface WarmUp {
  readonly folder: ModelFolder;
  readonly manifest: Manifest;
  readonly signature: Signature;
  readonly images: ImagePool;
  readonly model: Model;
}

/** The first run of each copy of a model allocates and optimises; it must be over, and right, before the first request. */
async function warmUp({ folder: { root, prefix }, manifest, signature, images, model }: WarmUp): Promise<void> {
  const { input, warmup } = manifest;
  const run = async (values: Tensor) => {
    const [rows = []] = await Promise.all(Array.from({ length: model.copies }, () => model.run([values], signature)));
    return rows;
  };
  const [row] = warmup ? await runImage(join(root, prefix, warmup.image), images, run) : await run(sharedTensor(input));
  if (!row || 'failure' in row) throw new Error(`The warm-up fails: ${row?.failure ?? 'no answer'}`);
  const [scores] = row.outputs;
  if (manifest.output.tensors || !scores) return;
  const { label, probabilities } = toVerdict(scores, manifest);
  if (warmup?.label !== undefined && warmup.label !== label) {
    throw new Error(`The warm-up image ${warmup.image} must be '${warmup.label}', but the model says '${label}'.`);
  }
  for (const [name, expected] of Object.entries(warmup?.probabilities ?? {})) {
    const found = probabilities[name] ?? NaN;
    if (!(Math.abs(found - expected) <= (warmup?.tolerance ?? warmUpTolerance)))
      throw new Error(
        `The warm-up image ${warmup?.image ?? ''} must be '${name}' with a probability of ${expected} ± ${warmup?.tolerance ?? warmUpTolerance}, but the model says ${found}.`,
      );
  }
}

/** Other decoders and other processors round differently; a wrong preprocessing or model is further off. */
const warmUpTolerance = 0.02;

async function runImage<T>(file: string, images: ImagePool, run: (values: Tensor) => Promise<T>): Promise<T> {
  try {
    return await images.decode(await readFile(file), new AbortController().signal, run);
  } catch (error) {
    throw new Error(`The warm-up image ${file}: ${messageOf(error)}`, { cause: error });
  }
}
