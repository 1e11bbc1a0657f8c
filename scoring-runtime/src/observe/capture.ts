import { appendFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Prediction } from '../prediction';
import type { ModelIdentity, TensorAnswer } from '../served-model';

export interface CaptureOptions {
  readonly folder: string;
  /** Share of the images, 0 to 1. */
  readonly sampleRate: number;
  /** Bytes of images that this process writes at most. */
  readonly maxBytes: number;
  /** @param result `written`, `dropped` or `failed` */
  readonly count: (result: string) => void;
  readonly log: Logger;
}

/** Images that may be on their way to the disk at once; more are dropped, so that a slow disk costs no memory. */
const mostPending = 16;

/** To be called with the answer to a sampled image. */
export type Keep = (model: ModelIdentity, answer: Prediction | TensorAnswer, id: string) => void;

/**
 * Keeps a sample of what was scored, for replay: `MODEL/LABEL/TIME-ID.jpg` in the form of a golden set, one folder a
 * label, and `MODEL/captures.jsonl` with the whole answer to each. It never holds up an answer.
 */
export class Capture {
  readonly #pending = new Set<Promise<void>>();
  #bytes = 0;
  #complained = false;

  constructor(private readonly options: CaptureOptions) {}

  /** Decides about an image before it is scored; undefined when it is not to be kept. */
  sample(image: Uint8Array): Keep | undefined {
    if (Math.random() >= this.options.sampleRate) return undefined;
    if (this.#pending.size >= mostPending || this.#bytes + image.length > this.options.maxBytes) {
      this.options.count('dropped');
      return undefined;
    }
    // The image itself moves to another thread.
    const copy = new Uint8Array(image);
    return (model, answer, id) => {
      this.#bytes += copy.length;
      const writing = this.#write(copy, model, answer, id);
      this.#pending.add(writing);
      void writing.finally(() => this.#pending.delete(writing));
    };
  }

  /** Resolves when everything is written. */
  async stop(): Promise<void> {
    await Promise.all(this.#pending);
  }

  async #write(
    image: Uint8Array,
    { label: model, name, version }: ModelIdentity,
    answer: Prediction | TensorAnswer,
    id: string,
  ): Promise<void> {
    const { folder, count, log } = this.options;
    try {
      const time = new Date().toISOString();
      const label = 'label' in answer ? fileName(answer.label) : 'images';
      const place = join(folder, fileName(version === undefined ? name : `${name}-${version}`));
      const file = `${time.replaceAll(':', '')}-${fileName(id)}.${extension(image)}`;
      await mkdir(join(place, label), { recursive: true });
      await writeFile(join(place, label, file), image);
      await appendFile(
        join(place, 'captures.jsonl'),
        `${JSON.stringify({ time, id, model, file: `${label}/${file}`, answer })}\n`,
      );
      count('written');
      this.#complained = false;
    } catch (error) {
      count('failed');
      if (!this.#complained) log.warn({ err: error, folder }, 'data capture cannot write; told once');
      this.#complained = true;
    }
  }
}

/** Labels, names and request ids come from outside: none of them may leave its folder. */
function fileName(text: string): string {
  return text
    .replace(/[^\p{L}\p{N} ._-]/gu, '_')
    .replace(/^\./, '_')
    .slice(0, 100);
}

function extension(image: Uint8Array): string {
  const head = Buffer.from(image.subarray(0, 12)).toString('latin1');
  if (head.startsWith('\xff\xd8')) return 'jpg';
  if (head.startsWith('\x89PNG')) return 'png';
  if (head.startsWith('GIF8')) return 'gif';
  return head.startsWith('RIFF') ? 'webp' : 'avif';
}
