import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join, posix } from 'node:path';

export interface HashedFile {
  /** Relative to the folder, with forward slashes. */
  readonly path: string;
  readonly size: number;
  readonly sha256: string;
}

/** Size and SHA-256 of every regular file below a folder. */
export async function hashFolder(folder: string): Promise<HashedFile[]> {
  const files: HashedFile[] = [];
  const walk = async (relative: string): Promise<void> => {
    for (const name of await readdir(join(folder, relative))) {
      const path = posix.join(relative, name);
      // A mount may show its files as links, so links are followed.
      const entry = await stat(join(folder, path));
      if (entry.isDirectory()) await walk(path);
      else if (entry.isFile()) files.push({ path, size: entry.size, sha256: await hashFile(join(folder, path)) });
    }
  };
  await walk('');
  return files;
}

/**
 * SHA-256, hex, over the sorted lines `path NUL size NUL sha256 LF` of the files below `prefix`, with paths relative
 * to it: the rule by which RegisterModel records a model's digest.
 */
export function listingDigest(files: readonly HashedFile[], prefix = ''): string {
  const hash = createHash('sha256');
  const lines = files
    .filter(file => file.path.startsWith(prefix))
    .map(file => `${file.path.slice(prefix.length)}\0${file.size}\0${file.sha256}\n`);
  for (const line of lines.sort()) hash.update(line);
  return hash.digest('hex');
}

async function hashFile(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file, { highWaterMark: 1024 * 1024 })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
