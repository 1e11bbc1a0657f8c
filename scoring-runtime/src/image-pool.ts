import { join } from 'node:path';
import type { InputSpec } from './manifest';
import { Places } from './places';
import { type ErrorCode, ScoringError } from './scoring-error';
import { idlest, Thread } from './thread';

export interface ImageThreadData {
  readonly spec: InputSpec;
  readonly maxPixels: number;
}

export interface ImageRequest {
  readonly bytes: Uint8Array;
  /** Where the model's input goes: shared memory. */
  readonly target: Tensor;
}

/** What decoding and resizing took. */
export interface ImageTimes {
  readonly decodeMilliseconds: number;
  readonly resizeMilliseconds: number;
}

export type ImageAnswer =
  { readonly times: ImageTimes } | { readonly refusal: { readonly code: ErrorCode; readonly message: string } };

/** The model's input for one image, in memory that all threads see: it is never copied from one to the other. */
export type Tensor = Float32Array<SharedArrayBuffer>;

/** A model's input for one image, all zeros. */
export function sharedTensor({ width, height }: InputSpec): Tensor {
  return new Float32Array(new SharedArrayBuffer(3 * width * height * 4));
}

/** The next image lies ready when a thread has done one. */
const imagesAThread = 2;

/**
 * Decodes images on threads of their own, into tensors that are used again and again: the system clears fresh memory page by page,
 * which takes longer than the resize. What threads or tensors cannot take at once waits in order, still compressed.
 */
export class ImagePool {
  readonly #threads: Thread<ImageRequest, ImageAnswer>[];
  readonly #turns: Places;
  readonly #leases: Places;
  readonly #tensors: Tensor[] = [];

  constructor(
    threads: number,
    tensors: number,
    private readonly data: ImageThreadData,
    onDeath: (error: Error) => void,
  ) {
    this.#turns = new Places(threads * imagesAThread);
    this.#leases = new Places(tensors);
    this.#threads = Array.from(
      { length: threads },
      () => new Thread<ImageRequest, ImageAnswer>(join(__dirname, 'image-thread.js'), data, onDeath),
    );
  }

  /**
   * Gives `use` the image as the model's input, which is lent until it is done. `bytes` may be moved to the thread: the
   * caller must not use them again.
   * @throws ScoringError when it is no image, or `signal` says that nobody waits for it any more
   */
  async decode<T>(
    bytes: Uint8Array,
    signal: AbortSignal,
    use: (input: Tensor, times: ImageTimes) => Promise<T>,
  ): Promise<T> {
    await this.#leases.take();
    const tensor = this.#tensors.pop() ?? sharedTensor(this.data.spec);
    try {
      return await use(tensor, await this.#decode(bytes, signal, tensor));
    } finally {
      this.#tensors.push(tensor);
      this.#leases.leave();
    }
  }

  async #decode(bytes: Uint8Array, signal: AbortSignal, target: Tensor): Promise<ImageTimes> {
    await this.#turns.take();
    try {
      signal.throwIfAborted();
      const own = ownBuffer(bytes);
      const answer = await idlest(this.#threads).ask({ bytes: own, target }, [own.buffer]);
      if ('refusal' in answer) throw new ScoringError(answer.refusal.code, answer.refusal.message);
      return answer.times;
    } finally {
      this.#turns.leave();
    }
  }

  /** Resolves when every thread can decode. @throws Error when one cannot be started */
  async started(): Promise<void> {
    await Promise.all(this.#threads.map(thread => thread.started));
  }

  async stop(): Promise<void> {
    await Promise.all(this.#threads.map(thread => thread.stop()));
  }
}

/** Small buffers share one block of memory with others and must be copied before they can move to a thread. */
function ownBuffer(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer } = bytes;
  return bytes.byteLength === buffer.byteLength && buffer instanceof ArrayBuffer
    ? new Uint8Array(buffer)
    : new Uint8Array(bytes);
}
