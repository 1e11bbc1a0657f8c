import { join } from 'node:path';
import { idlest, Thread } from './thread';

export interface ModelThreadData {
  readonly file: string;
  /** Of onnxruntime, for one run. */
  readonly threads: number;
  /** Times that the model is loaded: as many runs side by side. */
  readonly copies: number;
}

/** An input or output as the ONNX file declares it; a dimension that may vary is a name. */
export interface DeclaredTensor {
  readonly name: string;
  /** As onnxruntime names it: `float32`, `uint8`, `int64`, …; undefined for what is no tensor. */
  readonly type: string | undefined;
  readonly shape: readonly (number | string)[];
}

export interface DeclaredModel {
  readonly inputs: readonly DeclaredTensor[];
  readonly outputs: readonly DeclaredTensor[];
}

export type TensorData =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array
  | string[];

/** One image as the model takes it, without its batch axis. */
export type ImageTensor = Float32Array | Uint8Array;

/** What the model gave for one image. */
export interface OutputTensor {
  readonly data: TensorData;
  /** Without the batch axis where the output has one. */
  readonly shape: readonly number[];
}

/** The model's outputs for one image, in the order that was asked for, or why there are none. */
export type Row = { readonly outputs: readonly OutputTensor[] } | { readonly failure: string };

/** How a batch is put together and its answer taken apart. */
export interface BatchForm {
  readonly input: {
    readonly name: string;
    readonly type: 'float32' | 'uint8';
    /** Of one image. */
    readonly shape: readonly number[];
  };
  /** `perImage`: the first axis is the batch; else the output belongs to the only image of its run. */
  readonly outputs: readonly { readonly name: string; readonly perImage: boolean }[];
}

export type ModelRequest = 'describe' | { readonly images: readonly ImageTensor[]; readonly form: BatchForm };
export type ModelAnswer = DeclaredModel | readonly Row[];

/** An ONNX model, loaded once or several times, each copy on a thread of its own. */
export class Model {
  readonly #threads: Thread<ModelRequest, ModelAnswer>[];

  constructor(data: ModelThreadData, onDeath: (error: Error) => void) {
    const file = join(__dirname, 'model-thread.js');
    this.#threads = Array.from({ length: data.copies }, () => new Thread(file, data, onDeath));
  }

  get copies(): number {
    return this.#threads.length;
  }

  /**
   * Resolves when the model is loaded, with what it takes and gives.
   * @throws Error when the file is no model
   */
  async loaded(): Promise<DeclaredModel> {
    const [declared] = await Promise.all(this.#threads.map(thread => thread.ask('describe')));
    return declared as DeclaredModel;
  }

  /**
   * By the copy that has the least to do. One row an image, in order. Until then the images must stay as they are; those
   * whose memory is not shared are moved.
   */
  async run(images: readonly ImageTensor[], form: BatchForm): Promise<readonly Row[]> {
    const buffers = images.flatMap(({ buffer }) => (buffer instanceof ArrayBuffer ? [buffer] : []));
    return (await idlest(this.#threads).ask({ images, form }, buffers)) as readonly Row[];
  }

  async stop(): Promise<void> {
    await Promise.all(this.#threads.map(thread => thread.stop()));
  }
}
