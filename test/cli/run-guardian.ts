import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { stage } from '../../scripts/product';

export interface Ran {
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface GuardianOptions {
  env?: NodeJS.ProcessEnv;
  cwd?: string;
  /** Told each line of both streams; may signal the process. */
  onLine?: (line: string, signal: (name: NodeJS.Signals) => void) => void;
}

/** The built command line, as a shell starts it: in `cwd`, with nothing in its environment but PATH, HOME and what is given. */
export async function guardian(args: readonly string[], { env = {}, cwd, onLine }: GuardianOptions = {}): Promise<Ran> {
  const child = spawn(process.execPath, [join(stage, 'cli/guardian.js'), ...args], {
    ...(cwd === undefined ? {} : { cwd }),
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const)
    createInterface(child[name]).on('line', line => {
      said[name] += `${line}\n`;
      onLine?.(line, signal => child.kill(signal));
    });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, ...said };
}
