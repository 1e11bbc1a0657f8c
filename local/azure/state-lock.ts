import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
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
  for (let attempt = 0; ; attempt += 1) {
    try {
      const descriptor = openSync(file, 'wx');
      writeSync(descriptor, `${process.pid}\n`);
      closeSync(descriptor);
      return () => rmSync(file, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      const owner = Number(readFileSync(file, 'utf8'));
      if (attempt > 0 || (Number.isInteger(owner) && owner > 0 && isRunning(owner))) {
        throw new Error(
          `The state folder ${stateDir} is in use by process ${owner}. Stop that one, or give another folder with --state. (If no local Azure runs there, delete ${file}.)`,
          { cause: error },
        );
      }
      rmSync(file, { force: true });
    }
  }
}
