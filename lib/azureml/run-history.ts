import { BlobClient } from '@azure/storage-blob';
import { statusOf } from './service-error';
import type { Workspace } from './workspace';

export interface RunDetails {
  readonly status: string;
  /** Path of a log file to a URL that may be read without further sign-in. */
  readonly logFiles: Readonly<Record<string, string>>;
  readonly warnings: readonly string[];
  readonly error: { readonly code: string; readonly message: string } | undefined;
}

/** What run history knows of a job beyond its ARM resource: log files and the reason of a failure. */
export async function runDetails(workspace: Workspace, job: string): Promise<RunDetails> {
  const api = await workspace.apiUrl();
  const { body } = await workspace.send({
    method: 'GET',
    path: `${api}/history/v1.0${workspace.id}/runs/${job}/details?api-version=v1.0`,
    apiVersion: 'v1.0',
    doing: `read the run details of job ${job}`,
  });
  const details = body as {
    status?: string;
    logFiles?: Record<string, string>;
    warnings?: { message?: string }[] | null;
    error?: { error?: { code?: string; message?: string } } | null;
  };
  const error = details.error?.error;
  return {
    status: details.status ?? 'Unknown',
    logFiles: details.logFiles ?? {},
    warnings: (details.warnings ?? []).map(warning => warning.message ?? ''),
    error: error ? { code: error.code ?? '', message: error.message ?? '' } : undefined,
  };
}

/** Follows one log file: each read returns what was added since the last one, in whole lines. */
export class LogReader {
  private offset = 0;
  private rest = '';
  private readonly decoder = new TextDecoder();

  /** `url` may be read without sign-in; it may change between reads, as its signature expires. */
  async read(url: string, signal: AbortSignal): Promise<string[]> {
    const bytes = await readFrom(new BlobClient(url), this.offset, signal);
    this.offset += bytes.length;
    const lines = (this.rest + this.decoder.decode(bytes, { stream: true })).split(/\r?\n/);
    this.rest = lines.pop() ?? '';
    return lines;
  }

  /** The unfinished last line, once nothing more will come. */
  end(): string[] {
    const last = this.rest;
    this.rest = '';
    return last === '' ? [] : [last];
  }
}

async function readFrom(blob: BlobClient, offset: number, signal: AbortSignal): Promise<Buffer> {
  try {
    const answer = await blob.download(offset, undefined, { abortSignal: signal });
    const chunks: Buffer[] = [];
    for await (const chunk of answer.readableStreamBody ?? []) chunks.push(Buffer.from(chunk as Uint8Array));
    return Buffer.concat(chunks);
  } catch (error) {
    // 416: nothing was added. 404: the file was announced, but not begun.
    if (statusOf(error) === 416 || statusOf(error) === 404) return Buffer.alloc(0);
    throw error;
  }
}
