import { join } from 'node:path';
import type { DecodedImage } from './image';
import type { InputSpec } from './manifest';
import { type ErrorCode, ScoringError } from './scoring-error';
import { Thread } from './thread';

export interface ImageThreadData {
  readonly spec: InputSpec;
  readonly maxPixels: number;
}

export interface ImageRequest {
  readonly bytes: Uint8Array;
}

export type ImageAnswer =
  { readonly image: DecodedImage } | { readonly refusal: { readonly code: ErrorCode; readonly message: string } };

/** While one image is resized, the next one is decoded by the native library beside it. */
const imagesAThread = 2;

/** Decodes images on threads of their own; what they cannot take at once waits in order. */
export class ImagePool {
  readonly #threads: Thread<ImageRequest, ImageAnswer>[];
  readonly #waiting: (() => void)[] = [];

  constructor(threads: number, data: ImageThreadData, onDeath: (error: Error) => void) {
    this.#threads = Array.from(
      { length: threads },
      () => new Thread<ImageRequest, ImageAnswer>(join(__dirname, 'image-thread.js'), data, onDeath),
    );
  }

  /**
   * The image as the model's input. `bytes` may be moved to the thread: the caller must not use them again.
   * @throws ScoringError when it is no image, or `signal` says that nobody waits for it any more
   */
  async decode(bytes: Uint8Array, signal: AbortSignal): Promise<DecodedImage> {
    const thread = await this.#freeThread();
    try {
      signal.throwIfAborted();
      const own = ownBuffer(bytes);
      const answer = await thread.ask({ bytes: own }, [own.buffer]);
      if ('refusal' in answer) throw new ScoringError(answer.refusal.code, answer.refusal.message);
      return answer.image;
    } finally {
      this.#waiting.shift()?.();
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.#threads.map(thread => thread.stop()));
  }

  async #freeThread(): Promise<Thread<ImageRequest, ImageAnswer>> {
    for (;;) {
      const [least] = [...this.#threads].sort((a, b) => a.pending - b.pending);
      if (least && least.pending < imagesAThread) return least;
      await new Promise<void>(resolve => this.#waiting.push(resolve));
    }
  }
}

/** Small buffers share one block of memory with others and must be copied before they can move to a thread. */
function ownBuffer(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer } = bytes;
  return bytes.byteLength === buffer.byteLength && buffer instanceof ArrayBuffer
    ? new Uint8Array(buffer)
    : new Uint8Array(bytes);
}
