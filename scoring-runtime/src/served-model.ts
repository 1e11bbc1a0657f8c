import type { Batcher } from './batcher';
import { messageOf } from './error-message';
import type { ImagePool } from './image-pool';
import type { Manifest } from './manifest';
import type { ImageTensor, Model, OutputTensor, Row } from './model';
import type { Signature } from './model-signature';
import type { ModelMetrics } from './observe/metrics';
import { type AnsweredBy, type Prediction, toVerdict, type Verdict } from './prediction';
import { ScoringError } from './scoring-error';
import { type JsonTensor, toJsonTensor } from './tensor-types';

/** Which model this is, as Azure ML knows it. */
export interface ModelIdentity {
  readonly name: string;
  readonly version: string | undefined;
  /** SHA-256 over the files as they were read. */
  readonly digest: string;
  /** `name:version`, or the name alone. */
  readonly label: string;
}

/** Who waits for an answer: whether still, and who wants to know how long each step took. */
export interface Caller {
  readonly signal: AbortSignal;
  /** @param from, @param to in milliseconds of `performance.now()` */
  readonly step?: (name: 'decode' | 'predict', from: number, to: number) => void;
}

/** The answer of a model without labels for one image: its outputs by name. */
export interface TensorAnswer extends AnsweredBy {
  readonly outputs: Readonly<Record<string, JsonTensor>>;
}

export interface ServedModelParts {
  readonly manifest: Manifest;
  readonly identity: ModelIdentity;
  readonly signature: Signature;
  readonly images: ImagePool;
  readonly model: Model;
  readonly batcher: Batcher<ImageTensor, Row>;
  readonly metrics: ModelMetrics;
}

/** A model that is loaded, verified and warmed up: from the bytes of an image, or a tensor, to its answer. */
export class ServedModel {
  readonly manifest: Manifest;
  readonly identity: ModelIdentity;
  readonly signature: Signature;

  constructor(private readonly parts: ServedModelParts) {
    ({ manifest: this.manifest, identity: this.identity, signature: this.signature } = parts);
  }

  /** Whether its answers have a label; else they are tensors. */
  get classifies(): boolean {
    return this.manifest.output.tensors === undefined;
  }

  get queued(): number {
    return this.parts.batcher.queued;
  }

  /**
   * @param image may be moved to another thread: the caller must not use it again
   * @throws ScoringError when it is no image that this server takes
   */
  async score(image: Uint8Array, caller: Caller): Promise<Prediction | TensorAnswer> {
    const outputs = await this.runImage(image, caller);
    const { label: model, digest } = this.identity;
    if (this.classifies) return { model, digest, ...this.verdict(outputs) };
    this.parts.metrics.images('').inc();
    const named = this.signature.outputs.map(({ name, type }, index) => {
      const output = outputs[index];
      return output ? ([[name, toJsonTensor(output, type)]] as const) : [];
    });
    return { model, digest, outputs: Object.fromEntries(named.flat()) };
  }

  /** The model's outputs for the bytes of an image; see `score`. */
  async runImage(image: Uint8Array, caller: Caller): Promise<readonly OutputTensor[]> {
    const { batcher, images, metrics } = this.parts;
    const arrived = batcher.expect();
    try {
      const began = performance.now();
      return await images.decode(image, caller.signal, (input, times) => {
        metrics.decodeSeconds.observe(times.decodeMilliseconds / 1000);
        metrics.resizeSeconds.observe(times.resizeMilliseconds / 1000);
        caller.step?.('decode', began, performance.now());
        const answer = this.runTensor(input, caller);
        arrived();
        return answer;
      });
    } finally {
      arrived();
    }
  }

  /**
   * The model's outputs for one image that is a tensor of its input's shape and type already.
   * @param tensor is moved to another thread: the caller must not use it again
   */
  async runTensor(tensor: ImageTensor, { signal, step }: Caller): Promise<readonly OutputTensor[]> {
    const began = performance.now();
    const row = await this.parts.batcher.submit(tensor, signal);
    step?.('predict', began, performance.now());
    if ('failure' in row) throw new ScoringError('InferenceFailed', `The model failed on this image: ${row.failure}`);
    return row.outputs;
  }

  /**
   * What outputs of the model mean by its manifest.
   * @param blame whose fault it is when they mean nothing: the model's, or that of a caller who sent a tensor of his own
   */
  verdict([scores]: readonly OutputTensor[], blame: 'InferenceFailed' | 'InvalidRequest' = 'InferenceFailed'): Verdict {
    try {
      const verdict = toVerdict(scores ?? { data: new Float32Array(), shape: [] }, this.manifest);
      this.parts.metrics.images(verdict.label).inc();
      return verdict;
    } catch (error) {
      throw new ScoringError(blame, messageOf(error));
    }
  }

  async stop(): Promise<void> {
    await Promise.all([this.parts.images.stop(), this.parts.model.stop()]);
  }
}

/** The models of this server; one of them answers where no name is given. */
export class ServedModels {
  readonly #byName: ReadonlyMap<string, ServedModel>;

  constructor(
    models: readonly ServedModel[],
    readonly standard: ServedModel,
  ) {
    this.#byName = new Map(models.map(model => [model.identity.name, model]));
  }

  get all(): ServedModel[] {
    return [...this.#byName.values()];
  }

  /** @throws ScoringError NotFound */
  find(name: string, version?: string): ServedModel {
    const model = this.#byName.get(name);
    if (!model) {
      const names = [...this.#byName.keys()].join(', ');
      throw new ScoringError('NotFound', `There is no model '${name.slice(0, 100)}' here; there is ${names}.`);
    }
    if (version !== undefined && version !== model.identity.version)
      throw new ScoringError(
        'NotFound',
        `There is no version '${version.slice(0, 100)}' of ${name} here; there is ${model.identity.version ?? 'one without a number'}.`,
      );
    return model;
  }

  async stop(): Promise<void> {
    await Promise.all(this.all.map(model => model.stop()));
  }
}
