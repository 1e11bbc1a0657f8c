import { createHash } from 'node:crypto';
import { BlobClient } from '@azure/storage-blob';
import { serviceError } from './service-error';
import type { ContentFile } from './folder-content';
import type { Workspace } from './workspace';

const parallelReads = 4;

/** Paths of the files that a job left in its artifact store, below `prefix`. */
export async function listArtifacts(workspace: Workspace, experiment: string, job: string): Promise<string[]> {
  const base = await artifactsUrl(workspace, experiment, job);
  const paths: string[] = [];
  let token: string | undefined;
  do {
    const { body } = await workspace.send({
      method: 'GET',
      path: `${base}?api-version=v1.0`,
      apiVersion: 'v1.0',
      ...(token === undefined ? {} : { query: { continuationToken: token } }),
      doing: `list the artifacts of job ${job}`,
    });
    const page = body as { value: { path: string }[]; continuationToken?: string | null };
    paths.push(...page.value.map(item => item.path));
    token = page.continuationToken ?? undefined;
  } while (token !== undefined);
  return paths;
}

/** Reads the given artifacts once to hash them; the files are streamed, not kept. Paths in the result are relative to `prefix`. */
export async function hashArtifacts(
  workspace: Workspace,
  run: { experiment: string; job: string },
  prefix: string,
  paths: readonly string[],
  signal: AbortSignal,
): Promise<Pick<ContentFile, 'path' | 'size' | 'sha256'>[]> {
  const base = await artifactsUrl(workspace, run.experiment, run.job);
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
        files.push({ path: path.slice(prefix.length), ...(await hashBlob(contentUri, signal)) });
      } catch (error) {
        throw serviceError(error, `read the artifact ${path} of job ${run.job}`, {
          ...workspace.connection,
          endpoint: new URL(contentUri).origin,
        });
      }
    }
  };
  await Promise.all(Array.from({ length: parallelReads }, worker));
  return files;
}

async function hashBlob(url: string, signal: AbortSignal): Promise<{ size: number; sha256: string }> {
  const answer = await new BlobClient(url).download(0, undefined, { abortSignal: signal });
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of answer.readableStreamBody ?? []) {
    hash.update(chunk as Uint8Array);
    size += (chunk as Uint8Array).length;
  }
  return { size, sha256: hash.digest('hex') };
}

async function artifactsUrl(workspace: Workspace, experiment: string, job: string): Promise<string> {
  return `${await workspace.apiUrl()}/history/v1.0${workspace.id}/experiments/${encodeURIComponent(experiment)}/runs/${job}/artifacts`;
}
