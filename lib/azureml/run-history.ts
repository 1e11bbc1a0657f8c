import { RestError } from '@azure/core-rest-pipeline';
import { AnonymousCredential, BlobClient } from '@azure/storage-blob';
import type { TaskHost } from '../host/task-host';
import { blobOptions, blobReadRetries, untilTaken } from './blob-access';
import type { Workspace } from './workspace';

export interface RunDetails {
  readonly status: string;
  /** Path of a log file to a URL that may be read without further sign-in. */
  readonly logFiles: Readonly<Record<string, string>>;
  readonly warnings: readonly string[];
  readonly error: { readonly code: string; readonly message: string } | undefined;
}

/**
 * What run history knows of a job beyond its ARM resource: log files and the reason of a failure. Its status has the names of the ARM
 * resource's. Undefined while run history has not heard of the job.
 */
export async function runDetails(workspace: Workspace, job: string): Promise<RunDetails | undefined> {
  const api = await workspace.apiUrl();
  const { status, body } = await workspace.send({
    method: 'GET',
    path: `${api}/history/v1.0${workspace.id}/runs/${encodeURIComponent(job)}/details?api-version=v1.0`,
    apiVersion: 'v1.0',
    allow: [404],
    doing: `read the status of job ${job}`,
  });
  if (status === 404) return undefined;
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

/** The bytes of a file from `offset` on; empty when there are none. */
export type ReadFrom = (offset: number) => Promise<{ bytes: Uint8Array; rotated?: boolean }>;

/** Follows one log file: each read returns the whole lines that were added since the last one. */
export class LogReader {
  private offset = 0;
  private rest = '';
  private decoder = new TextDecoder();

  async read(readFrom: ReadFrom): Promise<string[]> {
    const answer = await readFrom(this.offset);
    let { bytes } = answer;
    if (answer.rotated === true) {
      // The file was begun anew: what it held before is lost, what it holds now is all new.
      this.offset = 0;
      this.decoder = new TextDecoder();
      bytes = (await readFrom(0)).bytes;
    }
    this.offset += bytes.length;
    const lines = (this.rest + this.decoder.decode(bytes, { stream: true })).split('\n');
    this.rest = lines.pop() ?? '';
    return lines.map(withoutProgressBars);
  }

  /** The unfinished last line, once nothing more will come. */
  end(): string[] {
    const last = this.rest + this.decoder.decode();
    this.rest = '';
    return last === '' ? [] : [withoutProgressBars(last)];
  }
}

/** A progress bar rewrites its line after each carriage return: the last state is the line. */
function withoutProgressBars(line: string): string {
  const states = line.replace(/\r$/, '').split('\r');
  return states.findLast(state => state !== '') ?? '';
}

/** Reads a blob by a URL that carries its own permission, with ranges, so that no byte is sent twice. */
export function blobReader(url: string, host: TaskHost): ReadFrom {
  return async offset => {
    try {
      const blob = new BlobClient(url, new AnonymousCredential(), blobOptions(url, host));
      const options = { abortSignal: host.signal, maxRetryRequests: blobReadRetries };
      const answer = await untilTaken(() => blob.download(offset, undefined, options), host);
      const chunks: Uint8Array[] = [];
      for await (const chunk of answer.readableStreamBody ?? []) chunks.push(chunk as Uint8Array);
      return { bytes: Buffer.concat(chunks) };
    } catch (error) {
      if (!(error instanceof RestError)) throw error;
      // The file was announced, but not begun.
      if (error.statusCode === 404) return { bytes: new Uint8Array() };
      if (error.statusCode !== 416) throw error;
      // Nothing was added, or the file is shorter than it was: `Content-Range: bytes */<length>`.
      const length = /\*\/(\d+)$/.exec(error.response?.headers.get('content-range') ?? '')?.[1];
      return { bytes: new Uint8Array(), rotated: length !== undefined && Number(length) < offset };
    }
  };
}

/** A step of a pipeline, or a trial of a sweep. */
export interface ChildRun {
  /** Name of its job. */
  readonly id: string;
  /** What people call it: the step's name, or the trial's number. */
  readonly label: string;
  readonly status: string;
  /** Whether it may have children itself, as a pipeline or sweep that is a step. */
  readonly isParent: boolean;
}

/** The direct children of a job in the order in which they began. */
export async function childRuns(workspace: Workspace, job: string): Promise<ChildRun[]> {
  const api = await workspace.apiUrl();
  const runs: RunResource[] = [];
  let token: string | undefined;
  do {
    const { body } = await workspace.send({
      method: 'GET',
      path: `${api}/history/v1.0${workspace.id}/runs/${encodeURIComponent(job)}/children?api-version=v1.0`,
      apiVersion: 'v1.0',
      ...(token === undefined ? {} : { query: { $continuationToken: token } }),
      doing: `list the steps of job ${job}`,
    });
    const page = body as { value?: RunResource[]; continuationToken?: string | null };
    runs.push(...(page.value ?? []));
    token = page.continuationToken ?? undefined;
  } while (token !== undefined);
  // A run that has not begun comes after those that have.
  const began = (run: RunResource): string => run.startTimeUtc ?? '9';
  return runs
    .sort((a, b) => (began(a) < began(b) ? -1 : began(a) > began(b) ? 1 : 0))
    .map(run => ({
      id: run.runId ?? '',
      label: run.displayName ?? run.runId ?? '',
      status: run.status ?? 'Unknown',
      isParent: /pipeline|hyperdrive|sweep/i.test(run.runType ?? ''),
    }));
}

interface RunResource {
  runId?: string;
  displayName?: string | null;
  status?: string;
  runType?: string;
  startTimeUtc?: string | null;
}
