import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join, posix } from 'node:path';
import ignore from 'ignore';

/** A file to upload. */
export interface ContentFile {
  /** Path relative to the folder, with forward slashes. */
  readonly path: string;
  readonly absolute: string;
  readonly size: number;
  /** SHA-256 of the bytes, hex. */
  readonly sha256: string;
}

/**
 * The files of a folder that are uploaded, in a stable order, each with its hash; a single file counts as a folder of
 * one. `.amlignore`, else `.gitignore`, at the folder's root leaves files out, as `az ml` does:
 * https://learn.microsoft.com/azure/machine-learning/how-to-save-write-experiment-files#limits
 * Symbolic links are followed; a link back to a folder that contains it is not entered again.
 */
export async function folderContent(root: string): Promise<ContentFile[]> {
  const found = await stat(root);
  if (!found.isDirectory())
    return [{ path: basename(root), absolute: root, size: found.size, sha256: await fileHash(root) }];
  const rules = ignore()
    .add(['.git/', '.amlignore', '.gitignore', '__pycache__/', '.ipynb_checkpoints/'])
    .add(await ignoreRules(root));
  const files: ContentFile[] = [];
  const walk = async (folder: string, relative: string, above: readonly string[]): Promise<void> => {
    const entries = await readdir(folder);
    for (const name of entries.sort()) {
      const path = posix.join(relative, name);
      const absolute = join(folder, name);
      const entry = await stat(absolute);
      if (rules.ignores(entry.isDirectory() ? `${path}/` : path)) continue;
      if (!entry.isDirectory()) files.push({ path, absolute, size: entry.size, sha256: await fileHash(absolute) });
      else if (!above.includes(`${entry.dev}:${entry.ino}`))
        await walk(absolute, path, [...above, `${entry.dev}:${entry.ino}`]);
    }
  };
  await walk(root, '', [`${found.dev}:${found.ino}`]);
  return files;
}

/** SHA-256, hex, over the sorted lines `path NUL size NUL sha256 LF`: the same files give the same digest wherever they lie. */
export function contentDigest(files: readonly Pick<ContentFile, 'path' | 'size' | 'sha256'>[]): string {
  const hash = createHash('sha256');
  const lines = files.map(file => `${file.path}\0${file.size}\0${file.sha256}\n`);
  for (const line of lines.sort()) hash.update(line);
  return hash.digest('hex');
}

async function ignoreRules(root: string): Promise<string> {
  for (const name of ['.amlignore', '.gitignore']) {
    const text = await readFile(join(root, name), 'utf8').catch(() => undefined);
    if (text !== undefined) return text;
  }
  return '';
}

async function fileHash(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
