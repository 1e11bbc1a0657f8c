import { execFileSync } from 'node:child_process';
import { userInfo } from 'node:os';
import type { Surroundings } from './connection';

/** Pipeline variables that say where the code of a run comes from and who asked for it. */
export type Lineage = Readonly<Record<string, string>>;

/**
 * Taken from Git and from the caller's name, unless a pipeline around us has said it already.
 * @returns uncommitted: true when the work tree is not what its commit says
 */
export function lineageOf({ env, cwd }: Surroundings): { lineage: Lineage; uncommitted: boolean } {
  if (env['BUILD_SOURCEVERSION']) return { lineage: {}, uncommitted: false };
  const git = (...args: string[]): string => {
    try {
      return execFileSync('git', ['-C', cwd, ...args], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      }).trim();
    } catch {
      return '';
    }
  };
  const lineage = {
    'Build.SourceVersion': git('rev-parse', '--verify', 'HEAD'),
    'Build.SourceBranch': git('symbolic-ref', '--quiet', 'HEAD'),
    'Build.Repository.Uri': git('config', '--get', 'remote.origin.url'),
    'Build.RequestedFor': git('config', '--get', 'user.name') || userInfo().username,
  };
  return { lineage, uncommitted: lineage['Build.SourceVersion'] !== '' && git('status', '--porcelain') !== '' };
}
