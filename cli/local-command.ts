import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Surroundings } from './connection';

/**
 * `guardian local …`: local Azure with the current folder as the project, the same as `npm run local` in the repository.
 * @returns its exit code
 */
export async function runLocalAzure(
  root: string,
  args: readonly string[],
  { env, cwd }: Surroundings,
): Promise<number> {
  const main = join(root, 'local/main.ts');
  const child = spawn(process.execPath, ['--import', loaderOf(root, main), main, ...args], {
    cwd,
    env,
    stdio: 'inherit',
  });
  // A terminal signals it as well; it decides how to end, and this follows.
  const forward = (signal: NodeJS.Signals): void => void child.kill(signal);
  process.on('SIGTERM', forward);
  process.on('SIGINT', () => undefined);
  return await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', code => resolve(code ?? 1));
  });
}

/** The address of tsx, which runs local Azure from its sources. @throws Error where only the tasks are installed */
function loaderOf(root: string, main: string): string {
  try {
    if (existsSync(main)) return pathToFileURL(createRequire(main).resolve('tsx')).href;
  } catch {
    // Said below.
  }
  throw new Error(
    `Local Azure is not there: it needs the repository of guardian with its packages (npm ci in ${root}).`,
  );
}
