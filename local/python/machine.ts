import { existsSync, readdirSync } from 'node:fs';
import { run } from './run';

/** What the set-up of a Python needs to know of the machine and do on it. */
export interface Machine {
  platform: NodeJS.Platform;
  arch: string;
  env: NodeJS.ProcessEnv;
  isRoot: boolean;
  exists(path: string): boolean;
  /** Names in a folder; none if it does not exist. */
  list(folder: string): string[];
  /** Runs a program to its end. A program that cannot be started gives code null. Rejects when `signal` aborts. */
  run(
    command: string,
    args: string[],
    options: { signal?: AbortSignal | undefined; env?: NodeJS.ProcessEnv },
  ): Promise<{ code: number | null; output: string }>;
}

export function thisMachine(env: NodeJS.ProcessEnv): Machine {
  return {
    platform: process.platform,
    arch: process.arch,
    env,
    isRoot: process.getuid?.() === 0,
    exists: existsSync,
    list: folder => (existsSync(folder) ? readdirSync(folder) : []),
    run: (command, args, options) => run(command, args, { ...options, env: { ...env, ...options.env } }),
  };
}
