import { existsSync } from 'node:fs';
import { isAbsolute, resolve } from 'node:path';
import { TaskError } from '../../lib/task-error';
import type { JobSpec } from './job-file';

/** Whether a path is not of this machine: an asset or any URI. A Windows drive is one letter, so it is none. */
export function isRemote(path: string): boolean {
  return /^[a-z][a-z0-9+.-]+:/i.test(path);
}

/** Paths in a job are relative to the file that holds it. */
export function localPath(folder: string, path: string): string {
  return isAbsolute(path) ? path : resolve(folder, path);
}

/** @throws TaskError that lists every local path of the job that does not exist */
export function checkPaths(spec: JobSpec, folder: string): void {
  const environment = typeof spec.environment === 'string' ? {} : spec.environment;
  const named: [string, string | undefined][] = [
    ['code', spec.code],
    ['environment.conda_file', typeof environment.conda_file === 'string' ? environment.conda_file : undefined],
    ['environment.build.path', environment.build?.path],
    ...Object.entries(spec.inputs).map(([name, input]): [string, string | undefined] => [
      `inputs.${name}.path`,
      typeof input === 'object' ? input.path : undefined,
    ]),
  ];
  const missing = named.filter(
    ([, path]) => path !== undefined && !isRemote(path) && !existsSync(localPath(folder, path)),
  );
  if (missing.length === 0) return;
  const list = missing.map(([name, path]) => `  - ${name}: ${localPath(folder, path ?? '')}`).join('\n');
  throw new TaskError(
    `The job names ${missing.length === 1 ? 'a path that does' : 'paths that do'} not exist:\n${list}\nPaths are relative to the job file.`,
    { code: 'GuardianInput' },
  );
}
