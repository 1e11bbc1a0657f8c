import { buffer } from 'node:stream/consumers';
import type { Readable } from 'node:stream';
import { artifactPrefix } from '../azure/assets/data-uri';
import type { BlobStore } from '../azure/blob/blob-store';
import { artifactContainer } from '../azure/workspace/datastores';

const logFolders = ['user_logs/', 'system_logs/', 'azureml-logs/', 'logs/'];
/** What one answer carries at most, and what a page begins with. */
const mostBytes = 256 * 1024;
const mostFiles = 20;

export interface LogFile {
  /** Below the job, for example `user_logs/std_log.txt`. */
  path: string;
  /** Bytes. */
  size: number;
}

export interface LogPart {
  bytes: Buffer;
  /** Where the bytes begin in the file, and where the next ones do. */
  from: number;
  next: number;
}

/** The log files of a job, its own output first. */
export async function logFiles(blobs: BlobStore, job: string): Promise<LogFile[]> {
  const prefix = artifactPrefix(job);
  const container = await blobs.container(artifactContainer);
  const found = await Promise.all(
    logFolders.map(async folder => {
      const pages = container.listBlobsFlat({ prefix: prefix + folder }).byPage({ maxPageSize: mostFiles });
      for await (const page of pages) return page.segment.blobItems;
      return [];
    }),
  );
  return found
    .flat()
    .map(({ name, properties }) => ({ path: name.slice(prefix.length), size: properties.contentLength ?? 0 }));
}

/** Bytes of a log from an offset on; without one its end, from the start of a line. Undefined when there is no such log. */
export async function readLog(
  blobs: BlobStore,
  job: string,
  path: string,
  from?: number,
): Promise<LogPart | undefined> {
  if (!isLog(path)) return undefined;
  const client = (await blobs.container(artifactContainer)).getBlobClient(artifactPrefix(job) + path);
  const size = await client.getProperties().then(
    ({ contentLength }) => contentLength ?? 0,
    (error: unknown) => {
      if ((error as { statusCode?: number }).statusCode === 404) return undefined;
      throw error;
    },
  );
  if (size === undefined) return undefined;
  const begin = from ?? Math.max(0, size - mostBytes);
  if (begin >= size) return { bytes: Buffer.alloc(0), from: begin, next: begin };
  const answer = await client.download(begin, Math.min(size - begin, mostBytes));
  const bytes = await buffer(answer.readableStreamBody as Readable);
  const next = begin + bytes.length;
  const cut = from === undefined && begin > 0 ? bytes.indexOf(0x0a) + 1 : 0;
  return { bytes: bytes.subarray(cut), from: begin + cut, next };
}

/** All of a log as it is now, as a stream. Undefined when there is no such log. */
export async function wholeLog(blobs: BlobStore, job: string, path: string): Promise<Readable | undefined> {
  return isLog(path) ? (await blobs.getStream(artifactContainer, artifactPrefix(job) + path))?.content : undefined;
}

function isLog(path: string): boolean {
  return logFolders.some(folder => path.startsWith(folder)) && !path.split('/').includes('..');
}
