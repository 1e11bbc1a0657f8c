import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isRunning } from '../processes';

/**
 * Takes the state folder for this process. Two servers on one folder would write into one journal.
 * @returns a function that gives the folder back.
 * @throws Error naming the process that has it. A lock left by a process that is gone is taken over.
 */
export function lockStateDir(stateDir: string): () => void {
  mkdirSync(stateDir, { recursive: true });
  const file = join(stateDir, 'lock');
  // Written first and then linked: nobody ever sees a lock without its owner.
  const own = `${file}.${process.pid}`;
  writeFileSync(own, `${process.pid} ${startOf(process.pid)}\n`);
  try {
    takeLock(stateDir, file, own);
  } finally {
    rmSync(own, { force: true });
  }
  return () => rmSync(file, { force: true });
}

function takeLock(stateDir: string, file: string, own: string): void {
  for (let attempt = 0; ; attempt += 1) {
    try {
      linkSync(own, file);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      const held = readLock(file);
      const [owner = '', start = ''] = held.trim().split(' ');
      if (attempt > 9 || isHeldBy(Number(owner), start)) {
        throw new Error(
          `The state folder ${stateDir} is in use by process ${owner}. Stop that one, or give another folder with --state. (If no local Azure runs there, delete ${file}.)`,
          { cause: error },
        );
      }
      removeStale(file, held);
    }
  }
}

/** Whether the process that wrote the lock still runs; another one may have its number by now, in a container even this one. */
function isHeldBy(owner: number, start: string): boolean {
  if (!Number.isInteger(owner) || owner <= 0 || !isRunning(owner)) return false;
  const now = startOf(owner);
  return start === '' || now === '' || now === start;
}

/** When a process started, in clock ticks since the machine did; empty where the system does not say. */
function startOf(pid: number): string {
  try {
    // The second field is the program's name in parentheses and may hold blanks; the start is the twentieth after it.
    return (
      readFileSync(`/proc/${pid}/stat`, 'latin1')
        .replace(/^.*\) /s, '')
        .split(' ')[19] ?? ''
    );
  } catch {
    return '';
  }
}

function readLock(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}

/** Removes the lock that was read. When another process was faster and the file is its new lock, that one gets it back. */
function removeStale(file: string, held: string): void {
  const aside = `${file}.${process.pid}.stale`;
  try {
    renameSync(file, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  if (readLock(aside) === held) rmSync(aside, { force: true });
  else renameSync(aside, file);
}
