import { start } from '../processes';

/** Runs a program to its end, quietly. `output` is both streams; a program that cannot be started gives code null. Killed when `signal` aborts. */
export async function run(
  command: string,
  args: string[],
  options: { signal?: AbortSignal | undefined; env?: NodeJS.ProcessEnv },
): Promise<{ code: number | null; output: string }> {
  options.signal?.throwIfAborted();
  let child;
  try {
    child = start(command, args, { env: { ...process.env, ...options.env } });
  } catch (error) {
    return { code: null, output: error instanceof Error ? error.message : String(error) };
  }
  const running = child;
  const { stdin, stdout, stderr, exit } = running;
  let output = '';
  for (const stream of [stdout, stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  stdin.end();
  const onAbort = (): void => void running.kill(0);
  options.signal?.addEventListener('abort', onAbort, { once: true });
  const { code } = await exit;
  options.signal?.removeEventListener('abort', onAbort);
  options.signal?.throwIfAborted();
  return { code, output };
}
