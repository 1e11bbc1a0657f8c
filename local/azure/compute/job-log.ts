import type { AppendBlobClient } from '@azure/storage-blob';

/** A reader of the blob sees a line at most this long after it was written. */
const flushMilliseconds = 250;
/** Azure's limit for one append. */
const maxBlockBytes = 4 * 1024 * 1024;
/** An append blob takes 50,000 blocks; from here on they are made larger by waiting longer. */
const manyBlocks = 20_000;
const slowFlushMilliseconds = 5000;

/** Writes text to an append blob in the background, in order; a blob that cannot be written does not stop the job. */
export class JobLog {
  #pending: Buffer[] = [];
  #timer: NodeJS.Timeout | undefined;
  #flushing: Promise<void> = Promise.resolve();
  #blocks = 0;
  #closed = false;
  #tail = '';

  constructor(
    private readonly blob: AppendBlobClient,
    private readonly onError: (error: unknown) => void,
  ) {}

  /** The last characters written, up to 4000, for an error message. */
  get tail(): string {
    return this.#tail;
  }

  write(chunk: Buffer | string): void {
    if (this.#closed) return;
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    this.#pending.push(bytes);
    this.#tail = (this.#tail + bytes.toString()).slice(-4000);
    this.#timer ??= setTimeout(
      () => this.#flush(),
      this.#blocks < manyBlocks ? flushMilliseconds : slowFlushMilliseconds,
    );
  }

  line(text: string): void {
    this.write(`${text}\n`);
  }

  /** Writes what is left. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#flush();
    await this.#flushing;
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const bytes = Buffer.concat(this.#pending);
    this.#pending = [];
    if (bytes.length === 0) return;
    this.#flushing = this.#flushing.then(() => this.#append(bytes)).catch(this.onError);
  }

  async #append(bytes: Buffer): Promise<void> {
    for (let offset = 0; offset < bytes.length; offset += maxBlockBytes) {
      const block = bytes.subarray(offset, offset + maxBlockBytes);
      await this.blob.appendBlock(block, block.length);
      this.#blocks += 1;
    }
  }
}
