import { createHash } from 'node:crypto';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { withLock } from './build-lock';
import { findPythons } from './interpreters';
import { thisMachine } from './machine';

const execute = promisify(execFile);

/**
 * A Python with exactly the packages of a requirements file that names every version. Made once per content of the file, in `cacheDir`
 * (needs a package index then), and shared by all runs, also those at the same time.
 * @returns path of the interpreter
 * @throws Error when there is no Python 3.11 or newer, or a package cannot be installed
 */
export async function pinnedPython(requirementsFile: string, cacheDir: string): Promise<string> {
  const requirements = await readFile(requirementsFile, 'utf8');
  const hash = createHash('sha256').update(requirements).digest('hex').slice(0, 12);
  const folder = join(cacheDir, `clients-${hash}`);
  const python = join(folder, 'bin/python');
  const marker = join(folder, 'complete');
  if (existsSync(marker)) return python;
  await mkdir(cacheDir, { recursive: true });
  return withLock(`${folder}.lock`, { onWait: () => undefined }, async () => {
    if (existsSync(marker)) return python;
    await rm(folder, { recursive: true, force: true });
    const base = await newPython();
    await execute(base, ['-m', 'venv', folder]);
    // Without dependencies: the file names all that is wanted, so that every machine gets the same.
    const options = ['--quiet', '--disable-pip-version-check', '--no-input', '--no-deps', '--no-compile'];
    await execute(python, ['-m', 'pip', 'install', ...options, '--requirement', requirementsFile]);
    await writeFile(marker, requirements);
    return python;
  });
}

/** The first of this machine's Pythons that the newest releases of the packages support. */
async function newPython(): Promise<string> {
  for (const python of await findPythons(thisMachine(process.env))) {
    const version = execute(python, ['-c', 'import sys; sys.exit(sys.version_info < (3, 11))']);
    if (
      await version.then(
        () => true,
        () => false,
      )
    )
      return python;
  }
  throw new Error('There is no Python 3.11 or newer on this machine; the official Python clients and moto need it.');
}
