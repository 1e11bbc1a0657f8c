import { AnonymousCredential, BlobClient } from '@azure/storage-blob';
import type { TaskHost } from '../host/task-host';
import { blobOptions, blobReadRetries, untilTaken } from './blob-access';
import type { ContentFile } from './folder-content';
import { serviceError } from './service-error';
import { hashStream } from './stream-hash';
import type { Workspace } from './workspace';

const parallelReads = 4;

/** A job, as run history addresses it. */
export interface RunPlace {
  readonly experiment: string;
  readonly job: string;
}

/** Paths of the files that a job left in its artifact store. */
export async function listArtifacts(workspace: Workspace, run: RunPlace): Promise<string[]> {
  const base = await artifactsUrl(workspace, run);
  const paths: string[] = [];
  let token: string | undefined;
  do {
    const { body } = await workspace.send({
      method: 'GET',
      path: `${base}?api-version=v1.0`,
      apiVersion: 'v1.0',
      ...(token === undefined ? {} : { query: { continuationToken: token } }),
      doing: `list the artifacts of job ${run.job}`,
    });
    const page = body as { value?: { path: string }[]; continuationToken?: string | null };
    paths.push(...(page.value ?? []).map(item => item.path));
    token = page.continuationToken ?? undefined;
  } while (token !== undefined);
  return paths;
}

/**
 * Reads the given artifacts once to hash them; the files are streamed, not kept. Paths in the result are relative to
 * `prefix`, which each path starts with.
 */
export async function hashArtifacts(
  workspace: Workspace,
  run: RunPlace,
  prefix: string,
  paths: readonly string[],
  host: TaskHost,
): Promise<Pick<ContentFile, 'path' | 'size' | 'sha256'>[]> {
  const base = await artifactsUrl(workspace, run);
  const files: Pick<ContentFile, 'path' | 'size' | 'sha256'>[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let path = paths[next++]; path !== undefined; path = paths[next++]) {
      const { body } = await workspace.send({
        method: 'GET',
        path: `${base}/contentinfo?path=${encodeURIComponent(path)}&api-version=v1.0`,
        apiVersion: 'v1.0',
        doing: `find the artifact ${path} of job ${run.job}`,
      });
      const { contentUri } = body as { contentUri: string };
      try {
        files.push({ path: path.slice(prefix.length), ...(await hashBlob(contentUri, host)) });
      } catch (error) {
        throw serviceError(error, `read the artifact ${path} of job ${run.job}`, {
          ...workspace.connection,
          endpoint: new URL(contentUri).origin,
        });
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(parallelReads, paths.length) }, worker));
  return files;
}

async function hashBlob(url: string, host: TaskHost): Promise<{ size: number; sha256: string }> {
  const blob = new BlobClient(url, new AnonymousCredential(), blobOptions(url, host));
  const options = { abortSignal: host.signal, maxRetryRequests: blobReadRetries };
  const answer = await untilTaken(() => blob.download(0, undefined, options), host);
  return hashStream(answer.readableStreamBody ?? []);
}

async function artifactsUrl(workspace: Workspace, { experiment, job }: RunPlace): Promise<string> {
  return `${await workspace.apiUrl()}/history/v1.0${workspace.id}/experiments/${encodeURIComponent(experiment)}/runs/${encodeURIComponent(job)}/artifacts`;
}
