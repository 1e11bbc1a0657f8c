import { execFile } from 'node:child_process';
import { constants, existsSync } from 'node:fs';
import { copyFile, cp, lstat, mkdir, readlink, symlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** What the Build variables say about the sources. */
export interface SourceFacts {
  branch: string;
  version: string;
  versionMessage: string;
  author: string;
  repositoryName: string;
  repositoryUri: string;
  provider: string;
}

/** Facts of a Git checkout, or stand-ins for a folder that is none. */
export async function readSourceFacts(folder: string): Promise<SourceFacts> {
  const git = async (...args: string[]): Promise<string> => {
    try {
      return (await run('git', ['-C', folder, ...args])).stdout.trim();
    } catch {
      return '';
    }
  };
  const [version, branch, versionMessage, author, remote] = await Promise.all([
    git('rev-parse', 'HEAD'),
    git('symbolic-ref', '--quiet', 'HEAD'),
    git('log', '-1', '--format=%s'),
    git('log', '-1', '--format=%an'),
    git('config', '--get', 'remote.origin.url'),
  ]);
  // A URL may carry a login.
  const repositoryUri = remote.replace(/(?<=:\/\/)[^/@]+@/, '') || `file://${folder}`;
  return {
    branch: branch || 'refs/heads/main',
    version: version || '0'.repeat(40),
    versionMessage,
    author,
    repositoryName: basename(repositoryUri, '.git'),
    repositoryUri,
    provider: /github\.com/.test(repositoryUri) ? 'GitHub' : 'TfsGit',
  };
}

/** Folders that hold what tools made, left out where Git does not say so. */
const made = new Set(['node_modules', '.local', 'dist', '.git']);

/**
 * Copies what a checkout would hold: of a Git work tree the tracked files as they are now and the new ones that are not ignored; of
 * another folder everything but what tools made.
 * @returns the number of files, or undefined for a folder that is no work tree.
 */
export async function copySources(from: string, to: string): Promise<number | undefined> {
  await mkdir(to, { recursive: true });
  const files = await listedFiles(from);
  if (files === undefined) {
    await cp(from, to, {
      recursive: true,
      verbatimSymlinks: true,
      filter: path => path === from || !made.has(basename(path)),
    });
    return undefined;
  }
  const folders = new Set(files.map(file => dirname(join(to, file))));
  for (const folder of folders) await mkdir(folder, { recursive: true });
  let count = 0;
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let file = files[next++]; file !== undefined; file = files[next++]) {
      if (await copyEntry(join(from, file), join(to, file))) count++;
    }
  };
  await Promise.all(Array.from({ length: 8 }, worker));
  return count;
}

/** False for what is not there (deleted without telling Git) or is a folder (a submodule that was not fetched). */
async function copyEntry(from: string, to: string): Promise<boolean> {
  const entry = await lstat(from).catch(() => undefined);
  if (entry === undefined || entry.isDirectory()) return false;
  if (entry.isSymbolicLink()) await symlink(await readlink(from), to);
  else await copyFile(from, to, constants.COPYFILE_FICLONE);
  return true;
}

async function listedFiles(folder: string): Promise<string[] | undefined> {
  if (!existsSync(folder)) throw new Error(`The sources folder ${folder} does not exist.`);
  try {
    const args = ['-C', folder, 'ls-files', '-z', '--cached', '--others', '--exclude-standard', '--deduplicate'];
    const { stdout } = await run('git', args, { maxBuffer: 256 * 1024 * 1024 });
    return stdout.split('\0').filter(file => file !== '');
  } catch {
    return undefined;
  }
}
