import { createHash } from 'node:crypto';
import { createReadStream, type Stats } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join, posix } from 'node:path';
import ignore, { type Ignore } from 'ignore';
import { TaskError } from '../task-error';
import { hashStream } from './stream-hash';

/** A file to upload. */
export interface ContentFile {
  /** Path relative to the folder, with forward slashes. */
  readonly path: string;
  readonly absolute: string;
  readonly size: number;
  /** SHA-256 of the bytes, hex. */
  readonly sha256: string;
}

/** Never part of code or a model: version control, and what Python and notebooks leave behind. */
const alwaysIgnored = ['.git/', '.amlignore', '.gitignore', '__pycache__/', '.ipynb_checkpoints/'];

/**
 * The files of a folder that are uploaded, in a stable order, each with its hash; a single file counts as a folder of
 * one. `.amlignore`, else `.gitignore`, at the folder's root leaves files out, as `az ml` does:
 * https://learn.microsoft.com/azure/machine-learning/how-to-save-write-experiment-files#storage-limits-of-experiment-snapshots
 * Symbolic links are followed; a link back to a folder that contains it is not entered again.
 * @throws TaskError when a link that is not ignored points at nothing
 */
export async function folderContent(root: string): Promise<ContentFile[]> {
  const found = await statOf(root);
  if (!found.isDirectory())
    return [{ path: basename(root), absolute: root, size: found.size, sha256: await fileHash(root) }];
  const rules = await ignoreRules(root);
  const files: ContentFile[] = [];
  const walk = async (folder: string, relative: string, above: readonly string[]): Promise<void> => {
    const entries = await readdir(folder);
    for (const name of entries.sort()) {
      const path = posix.join(relative, name);
      const absolute = join(folder, name);
      const entry = await stat(absolute).catch((error: unknown) => {
        // A link that points at nothing is no error where it is ignored.
        if (rules.ignores(path)) return undefined;
        throw unreadable(absolute, error);
      });
      if (entry?.isDirectory()) {
        const identity = `${entry.dev}:${entry.ino}`;
        // With a slash: `!*/` brings folders back, and only them.
        if (!rules.ignores(`${path}/`) && !above.includes(identity)) await walk(absolute, path, [...above, identity]);
      } else if (entry?.isFile() && !rules.ignores(path)) {
        files.push({ path, absolute, size: entry.size, sha256: await fileHash(absolute) });
      }
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

interface Rules {
  ignores(path: string): boolean;
}

/**
 * Case matters in the patterns, as in git on the machines that jobs run on. What is never uploaded has rules of its own:
 * a `!` in the user's file would bring it back, and `.git` may hold credentials.
 */
async function ignoreRules(root: string): Promise<Rules> {
  const never = ignore({ ignorecase: false }).add(alwaysIgnored);
  const rules = await ownRules(root);
  return { ignores: path => never.ignores(path) || rules.ignores(path) };
}

async function ownRules(root: string): Promise<Ignore> {
  const rules = ignore({ ignorecase: false });
  for (const name of ['.amlignore', '.gitignore']) {
    const text = await readFile(join(root, name), 'utf8').catch(() => undefined);
    if (text !== undefined) return rules.add(text);
  }
  return rules;
}

async function statOf(path: string): Promise<Stats> {
  try {
    return await stat(path);
  } catch (error) {
    throw unreadable(path, error);
  }
}

function unreadable(path: string, error: unknown): TaskError {
  return new TaskError(
    `${path} cannot be read (${(error as NodeJS.ErrnoException).code ?? String(error)}), so its folder cannot be uploaded. If it is a link that points at nothing, remove it or name it in .amlignore.`,
    { code: 'GuardianInput', cause: error },
  );
}

async function fileHash(file: string): Promise<string> {
  return (await hashStream(createReadStream(file))).sha256;
}
