import { join } from 'node:path';
import type { InputSpec } from './manifest';
import { Thread } from './thread';

export interface ModelThreadData {
  readonly file: string;
  readonly threads: number;
  readonly spec: InputSpec;
  readonly outputName: string | undefined;
}

export interface BatchRequest {
  /** None: only wait until the model is loaded. */
  readonly images: readonly Float32Array[];
}

/** The model's output for one image, or why there is none. */
export type Row = { readonly output: Float32Array<ArrayBuffer> } | { readonly failure: string };

export interface BatchAnswer {
  readonly rows: readonly Row[];
  readonly maxBatch: number;
}

/** An ONNX model on a thread of its own. */
export class Model {
  readonly #thread: Thread<BatchRequest, BatchAnswer>;

  constructor(data: ModelThreadData, onDeath: (error: Error) => void) {
    this.#thread = new Thread(join(__dirname, 'model-thread.js'), data, onDeath);
  }

  /**
   * Resolves when the model is loaded, with the largest batch that it takes.
   * @throws Error when the file is no model, or not one that the manifest describes
   */
  async loaded(): Promise<{ maxBatch: number }> {
    return this.#thread.ask({ images: [] });
  }

  /** One row an image, in order. The images must stay as they are until then. */
  async run(images: readonly Float32Array[]): Promise<readonly Row[]> {
    return (await this.#thread.ask({ images })).rows;
  }

  async stop(): Promise<void> {
    await this.#thread.stop();
  }
}
