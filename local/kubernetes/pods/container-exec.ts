import { start } from '../../processes';

/** What hooks and exec probes of a container run in: its folder and its variables. */
export interface ContainerSurroundings {
  cwd: string;
  env: Record<string, string>;
}

/** As much of a command's output as an event shows. */
const shownCharacters = 1024;

/**
 * Runs a command beside a container's program, and ends it when it takes longer than `timeoutMilliseconds`.
 * @returns undefined when it ended with 0, else what it printed or how it ended
 */
export async function execute(
  [command = '', ...args]: readonly string[],
  { cwd, env }: ContainerSurroundings,
  timeoutMilliseconds: number,
): Promise<string | undefined> {
  let output = '';
  try {
    const child = start(command, args, { cwd, env, endWithParent: true });
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (part: Buffer) => (output = (output + part.toString()).slice(0, shownCharacters)));
    }
    const tooLong = new AbortController();
    const timer = setTimeout(() => {
      tooLong.abort();
      void child.kill(0);
    }, timeoutMilliseconds);
    const { code } = await child.exit;
    clearTimeout(timer);
    if (tooLong.signal.aborted)
      return `command timed out: "${[command, ...args].join(' ')}" timed out after ${timeoutMilliseconds / 1000}s`;
    if (code === 0) return undefined;
    return output.trim() || `command "${[command, ...args].join(' ')}" exited with ${code ?? 'a signal'}`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
