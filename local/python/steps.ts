import type { Machine } from './machine';

const reportMilliseconds = 15_000;

/** The steps of a set-up: run on a machine, told to a log, ended by a signal. */
export class Steps {
  constructor(
    readonly machine: Machine,
    readonly log: (line: string) => void,
    readonly signal: AbortSignal | undefined,
  ) {}

  run(command: string, args: string[]): Promise<{ code: number | null; output: string }> {
    return this.machine.run(command, args, { signal: this.signal });
  }

  /** @returns what the program printed; @throws Error with its last lines when it fails */
  async checked(what: string, command: string, args: string[]): Promise<string> {
    const { code, output } = await this.run(command, args);
    if (code !== 0) throw new Error(`Could not ${what}: ${lastLines(output, 8) || `exit code ${String(code)}`}`);
    return output;
  }

  /** Says what is done, and every 15 seconds that it is still being done. */
  async reporting<T>(what: string, action: () => Promise<T>): Promise<T> {
    const began = Date.now();
    this.log(what);
    const timer = setInterval(
      () => this.log(`  still at it after ${((Date.now() - began) / 1000).toFixed(0)} s`),
      reportMilliseconds,
    );
    try {
      return await action();
    } finally {
      clearInterval(timer);
    }
  }
}

/** The end of a program's output, with lines cut to a readable length (pip's may list a hundred versions). */
export function lastLines(output: string, count: number): string {
  return output
    .trim()
    .split('\n')
    .slice(-count)
    .map(line => (line.length > 300 ? `${line.slice(0, 300)}...` : line))
    .join('\n');
}
