import { readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { isRunning } from '../processes';

const pollMilliseconds = 250;
/** The owner touches its lock this often; one that was not touched for three times as long belongs to nobody. */
const touchMilliseconds = 10_000;

/**
 * Runs `action` while no other process, and nothing else in this one, holds the lock `file`. The lock of a process that was killed is
 * taken over. `onWait` is called once when there is something to wait for. Rejects when `signal` aborts meanwhile.
 */
export async function withLock<T>(
  file: string,
  options: { onWait: () => void; signal?: AbortSignal | undefined },
  action: () => Promise<T>,
): Promise<T> {
  let waited = false;
  while (!(await take(file))) {
    if (!waited) options.onWait();
    waited = true;
    await clearAbandoned(file);
    await pause(pollMilliseconds, undefined, options.signal ? { signal: options.signal } : {});
  }
  const touching = setInterval(
    () => void utimes(file, new Date(), new Date()).catch(() => undefined),
    touchMilliseconds,
  );
  touching.unref();
  try {
    return await action();
  } finally {
    clearInterval(touching);
    await rm(file, { force: true });
  }
}

async function take(file: string): Promise<boolean> {
  try {
    await writeFile(file, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

async function clearAbandoned(file: string): Promise<void> {
  try {
    const owner = await readFile(file, 'utf8');
    const age = Date.now() - (await stat(file)).mtimeMs;
    if (age < 3 * touchMilliseconds && (owner === '' || isRunning(Number(owner)))) return;
    // Two that wait may come here at once: what was moved away must be what was looked at, else it goes back.
    const aside = `${file}.${process.pid}-${String(Math.random()).slice(2)}`;
    await rename(file, aside);
    if ((await readFile(aside, 'utf8')) === owner) await rm(aside, { force: true });
    else await rename(aside, file);
  } catch (error) {
    // Given back meanwhile.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
