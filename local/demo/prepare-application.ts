import { createHash } from 'node:crypto';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { withLock } from '../python/build-lock';

const execute = promisify(execFile);

/**
 * Installs the sample application's packages by its lock file and builds its services, unless that was done for what is there now.
 * @returns the folder with one file per service
 * @throws Error when ffmpeg is missing, or npm cannot install
 */
export async function prepareApplication(root: string, log: (line: string) => void): Promise<string> {
  await execute('ffmpeg', ['-version']).catch(() => {
    throw new Error(
      'The Guardian application takes frames from videos with ffmpeg: install it first (apt-get install ffmpeg).',
    );
  });
  const folder = join(root, 'samples/guardian-app');
  const dist = join(folder, 'dist');
  await mkdir(join(root, '.local/cache'), { recursive: true });
  await withLock(join(root, '.local/cache/guardian-app.lock'), { onWait: () => undefined }, async () => {
    const lock = await digest([join(folder, 'package-lock.json')]);
    const sources = await digest([...(await filesUnder(folder, 'src', 'policies')), join(folder, 'build.mjs')]);
    if (!(await isInstalled(folder))) {
      log('   The packages of samples/guardian-app are installed with npm ci');
      await execute('npm', ['ci', '--no-audit', '--no-fund'], { cwd: folder });
    }
    const built = join(dist, '.built-from');
    if ((await textOf(built)) === lock + sources) return;
    await execute(process.execPath, ['build.mjs'], { cwd: folder });
    await writeFile(built, lock + sources);
  });
  return dist;
}

/** Whether what npm says it has installed is what the lock file asks for; packages of other platforms are not there. */
async function isInstalled(folder: string): Promise<boolean> {
  interface Lock {
    packages: Record<string, { version?: string; optional?: boolean }>;
  }
  const there = await textOf(join(folder, 'node_modules/.package-lock.json'));
  if (there === undefined) return false;
  const installed = (JSON.parse(there) as Lock).packages;
  const wanted = JSON.parse(await readFile(join(folder, 'package-lock.json'), 'utf8')) as Lock;
  return Object.entries(wanted.packages).every(
    ([path, { version, optional }]) => path === '' || optional === true || installed[path]?.version === version,
  );
}

async function filesUnder(folder: string, ...names: string[]): Promise<string[]> {
  const lists = names.map(async name => {
    const entries = await readdir(join(folder, name), { recursive: true, withFileTypes: true });
    return entries.filter(entry => entry.isFile()).map(entry => join(entry.parentPath, entry.name));
  });
  return (await Promise.all(lists)).flat().sort();
}

async function digest(files: string[]): Promise<string> {
  const hash = createHash('sha256');
  for (const file of files) hash.update(file).update(await readFile(file));
  return hash.digest('hex');
}

async function textOf(file: string): Promise<string | undefined> {
  return existsSync(file) ? readFile(file, 'utf8') : undefined;
}
