import { execFileSync } from 'node:child_process';

/** What a process keeps in memory, in whole megabytes. */
export function residentMegabytes(pid: number): number {
  return Math.round(Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' })) / 1024);
}
