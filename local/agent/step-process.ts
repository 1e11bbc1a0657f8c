import { readdirSync, readFileSync } from 'node:fs';
import { StringDecoder } from 'node:string_decoder';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { start, type Child } from '../processes';

export interface StepProcessOptions {
  command: string;
  args: string[];
  cwd: string;
  /** The complete environment. */
  env: Record<string, string>;
  /** A line, and whether it came from standard error. */
  onLine: (line: string, isError: boolean) => void;
  /** Aborted when the step is cancelled or its time is over. */
  signal: AbortSignal;
  /** Resolves when the step has declared itself done and is not waited for any longer. */
  forceCompleted: Promise<void>;
  /** How long the process has after SIGINT, and then after SIGTERM, in milliseconds. */
  grace: { interrupt: number; terminate: number };
  /** Whether SIGINT goes to the process alone, as the agent sends it to a task's node, or to all that a script started. */
  interrupt: 'process' | 'group';
}

export interface StepProcess {
  /** Null when a signal ended it, or when it is not waited for any longer. */
  exitCode: number | null;
  /** Ends what the process left running. */
  endLeftovers: () => Promise<void>;
}

/**
 * Runs one process of a step, and cancels it as the agent does on Linux and macOS: SIGINT, then SIGTERM, then SIGKILL.
 * Resolves when it has ended and its output has been read, however it ended.
 */
export async function runStepProcess(o: StepProcessOptions): Promise<StepProcess> {
  const child = start(o.command, o.args, { cwd: o.cwd, env: o.env });
  child.stdin.end();
  const watcher = killWithParent(child);
  readLines(child.stdout, line => o.onLine(line, false));
  readLines(child.stderr, line => o.onLine(line, true));
  let ended = false;
  const exit = child.exit.then(result => {
    ended = true;
    return result;
  });
  const cancel = (): void => void interrupt(child, exit, () => ended, o);
  if (o.signal.aborted) cancel();
  else o.signal.addEventListener('abort', cancel, { once: true });
  try {
    const result = await Promise.race([exit, o.forceCompleted.then(() => ({ code: null }))]);
    return {
      exitCode: result.code,
      endLeftovers: async () => {
        await child.kill(0);
        await watcher.kill(0);
      },
    };
  } finally {
    o.signal.removeEventListener('abort', cancel);
  }
}

async function interrupt(
  child: Child,
  exit: Promise<unknown>,
  hasEnded: () => boolean,
  { grace, interrupt: target }: StepProcessOptions,
): Promise<void> {
  send(target === 'group' ? -child.pid : child.pid, 'SIGINT');
  await endOr(exit, grace.interrupt);
  if (hasEnded()) return;
  send(child.pid, 'SIGTERM');
  await endOr(exit, grace.terminate);
  if (hasEnded()) return;
  send(child.pid, 'SIGKILL');
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    // It has ended meanwhile.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function endOr(exit: Promise<unknown>, milliseconds: number): Promise<unknown> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise(resolve => (timer = setTimeout(resolve, milliseconds)));
  return Promise.race([exit, timeout]).finally(() => clearTimeout(timer));
}

/**
 * A second process that kills the step's group when this one is gone without having run its exit hooks (SIGKILL). A wrapper around the
 * step itself would not do: sh drops environment variables such as ENDPOINT_URL_<guid> whose names are no shell identifiers.
 */
function killWithParent(child: Child): Child {
  return start('/bin/sh', ['-c', `cat; kill -KILL -${child.pid}`], { env: { PATH: process.env['PATH'] ?? '' } });
}

/** Lines end at LF, CR or both, as for the agent; the rest at the end of the stream is a line too. */
export function readLines(stream: Readable, onLine: (line: string) => void): void {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  stream.on('data', (chunk: Buffer) => {
    rest += decoder.write(chunk);
    // A CR at the end may be the first half of CR LF.
    const lines = rest.split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? '';
    lines.forEach(onLine);
  });
  stream.on('end', () => {
    rest = (rest + decoder.end()).replace(/\r$/, '');
    if (rest !== '') onLine(rest);
  });
  stream.on('error', () => undefined);
}

/**
 * Kills processes that carry a job's mark in their environment, as the agent does at the end of a job: it finds those that left their
 * process group. Resolves when they are gone. Linux only, where /proc tells.
 */
export async function killMarkedProcesses(variable: string, value: string): Promise<void> {
  if (process.platform !== 'linux') return;
  const giveUp = Date.now() + 2000;
  for (;;) {
    const marked = processesWith(`${variable}=${value}`);
    if (marked.length === 0 || Date.now() > giveUp) return;
    for (const pid of marked) send(pid, 'SIGKILL');
    await sleep(10);
  }
}

function processesWith(setting: string): number[] {
  return readdirSync('/proc')
    .filter(entry => /^\d+$/.test(entry) && Number(entry) !== process.pid)
    .filter(entry => {
      try {
        return readFileSync(`/proc/${entry}/environ`, 'latin1').split('\0').includes(setting);
      } catch {
        // Ended meanwhile, or another user's.
        return false;
      }
    })
    .map(Number);
}
