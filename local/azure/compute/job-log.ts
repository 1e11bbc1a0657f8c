import type { AppendBlobClient } from '@azure/storage-blob';
import type { BlobStore } from '../blob/blob-store';
import { artifactPrefix } from '../assets/data-uri';
import { artifactContainer } from '../workspace/datastores';

/** A reader of the blob sees a line at most this long after it was written. */
const flushMilliseconds = 250;
/** Azure's limit for one append. */
const maxBlockBytes = 4 * 1024 * 1024;
/** An append blob takes 50,000 blocks; from here on they are made larger by waiting longer. */
const manyBlocks = 20_000;
const slowFlushMilliseconds = 5000;
/** What may wait for the blob before the writer has to wait. */
const highWaterBytes = 16 * 1024 * 1024;

/** Writes text to an append blob in the background, in order; a blob that cannot be written does not stop the job. */
export class JobLog {
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  #timer: NodeJS.Timeout | undefined;
  #flushing: Promise<void> = Promise.resolve();
  #blocks = 0;
  #closed = false;
  #tail = '';

  private constructor(
    private readonly blob: Promise<AppendBlobClient>,
    private readonly onError: (error: unknown) => void,
  ) {}

  /** A log among the artifacts of a job, for example `user_logs/std_log.txt`; goes on with what is there already when `keep` says so. */
  static open(blobs: BlobStore, job: string, path: string, onError: (error: unknown) => void, keep = false): JobLog {
    const blob = artifactPrefix(job) + path;
    const opened = keep
      ? blobs.container(artifactContainer).then(async container => {
          const client = container.getAppendBlobClient(blob);
          await client.createIfNotExists({ blobHTTPHeaders: { blobContentType: 'text/plain; charset=utf-8' } });
          return client;
        })
      : blobs.appendBlob(artifactContainer, blob);
    const log = new JobLog(opened, onError);
    opened.catch(onError);
    return log;
  }

  /** The last characters written, up to 4000, for an error message. */
  get tail(): string {
    return this.#tail;
  }

  write(chunk: Buffer | string): void {
    if (this.#closed) return;
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    this.#pending.push(bytes);
    this.#pendingBytes += bytes.length;
    this.#tail = (this.#tail + bytes.subarray(-4000).toString()).slice(-4000);
    this.#timer ??= setTimeout(
      () => this.#flush(),
      this.#blocks < manyBlocks ? flushMilliseconds : slowFlushMilliseconds,
    );
  }

  /** Whether more has been written than the blob could take so far: the writer should wait for `drained`. */
  get isFull(): boolean {
    return this.#pendingBytes > highWaterBytes;
  }

  /** Resolves when what was written so far is in the blob. */
  async drained(): Promise<void> {
    this.#flush();
    await this.#flushing;
  }

  line(text: string): void {
    this.write(`${text}\n`);
  }

  /** Writes what is left. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.drained();
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
    const blob = await this.blob;
    for (let offset = 0; offset < bytes.length; offset += maxBlockBytes) {
      const block = bytes.subarray(offset, offset + maxBlockBytes);
      await blob.appendBlock(block, block.length);
      this.#pendingBytes -= block.length;
      this.#blocks += 1;
    }
  }
}
