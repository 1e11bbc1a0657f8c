import { createHash } from 'node:crypto';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { PreparePython } from '../../local/azure/compute/python';
import { withLock } from '../../local/python/build-lock';
import { findPythons } from '../../local/python/interpreters';
import { thisMachine } from '../../local/python/machine';
import { root } from '../../scripts/product';

const execute = promisify(execFile);

/**
 * A Python with exactly the packages of a requirements file that names every version. Made once per content of the file, in .local/cache
 * (needs a package index then), and shared by all runs, also those at the same time.
 * @returns path of the interpreter
 */
export async function pythonWith(requirementsFile: string): Promise<string> {
  const requirements = await readFile(requirementsFile, 'utf8');
  const hash = createHash('sha256').update(requirements).digest('hex').slice(0, 12);
  const cache = join(root, '.local/cache');
  const folder = join(cache, `clients-${hash}`);
  const python = join(folder, 'bin/python');
  const marker = join(folder, 'complete');
  if (existsSync(marker)) return python;
  await mkdir(cache, { recursive: true });
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

/** The first of this machine's Pythons that the newest releases of the clients support. */
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
  throw new Error('There is no Python 3.11 or newer on this machine; the official Python clients need it.');
}

/** Makes every job of a local Azure run with this Python, whatever its environment asks for. */
export function anyJobWith(python: string): PreparePython {
  return () => Promise.resolve({ python, binDir: dirname(python), reused: true });
}

/** How the official Python SDK is pointed at a local Azure, by its own settings; `home` keeps its files. */
export function sdkEnvironment({ arm, ca }: { arm: string; ca: string }, home: string): NodeJS.ProcessEnv {
  return {
    PATH: process.env.PATH,
    HOME: home,
    PYTHONWARNINGS: 'ignore',
    REQUESTS_CA_BUNDLE: ca,
    ARM_CLOUD_METADATA_URL: `${arm}/metadata/endpoints?api-version=2019-05-01`,
    // A cloud that is none of Azure's own has no address of its registries in its metadata.
    REGISTRY_DISCOVERY_ENDPOINT_URL: `${arm}/`,
    // Blob storage: the client insists on https://{account}.blob.core.windows.net, where local Azure is the proxy to its own.
    HTTPS_PROXY: arm,
    NO_PROXY: '127.0.0.1',
  };
}
