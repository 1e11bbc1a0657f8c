import type { AzureContext } from '../context';

const flushMilliseconds = 1000;
const container = 'azureml';

/** Where the log of an environment version's image build is. */
export function buildLogPlace({ name, version }: { name: string; version: string }): {
  container: string;
  path: string;
} {
  return { container, path: `ImageLogs/${name}-${version}/build.log` };
}

/** The log of an image build, a blob that grows while the image is built: `azureml/ImageLogs/{environment}-{version}/build.log`. */
export class BuildLog {
  private readonly lines: string[] = [];
  private readonly path: string;
  private written = 0;
  private writing: Promise<void> = Promise.resolve();
  private readonly timer: NodeJS.Timeout;

  constructor(
    private readonly context: Pick<AzureContext, 'blobs' | 'log' | 'signal'>,
    private readonly name: string,
    version: string,
  ) {
    this.path = buildLogPlace({ name, version }).path;
    this.timer = setInterval(() => this.flush(), flushMilliseconds);
    this.timer.unref();
  }

  line(text: string): void {
    this.lines.push(text);
    this.context.log(`image ${this.name}: ${text}`);
  }

  /** Where the log is, in the words with which the service's errors say it. */
  get place(): string {
    return `the build log under the storage account '${this.context.blobs.account.name}' in the container '${container}' at the path '${this.path}'`;
  }

  async close(): Promise<void> {
    clearInterval(this.timer);
    this.flush();
    await this.writing;
  }

  private flush(): void {
    if (this.written === this.lines.length || this.context.signal.aborted) return;
    this.written = this.lines.length;
    const text = `${this.lines.join('\n')}\n`;
    this.writing = this.writing
      .then(() => this.context.blobs.put(container, this.path, text, 'text/plain'))
      .catch((error: unknown) => {
        // A log that cannot be written must not fail the build.
        this.context.log(`The build log of ${this.name} was not written: ${String(error)}`);
      });
  }
}
