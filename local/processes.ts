import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';

const defaultGraceMilliseconds = 5000;

export interface ChildExit {
  /** Null when a signal ended it. */
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** A child process that leads a process group of its own. */
export interface Child {
  pid: number;
  /** Resolves when the leader has ended and its output has been read; never rejects. */
  exit: Promise<ChildExit>;
  stdin: Writable;
  stdout: Readable;
  stderr: Readable;
  /**
   * Ends the whole group: SIGTERM, then SIGKILL once `graceMilliseconds` (5000 unless given) have passed. Resolves when the group is empty.
   * Harmless when everything has ended.
   */
  kill(graceMilliseconds?: number): Promise<void>;
}

export interface StartOptions {
  cwd?: string;
  /** The complete environment: nothing of this process is added. */
  env: NodeJS.ProcessEnv;
  /**
   * For programs that do not watch their standard input: the group gets SIGKILL when this process is gone, even if it was killed itself,
   * and when the leader has ended, what it left running is ended too. Standard input of the program is then empty.
   */
  endWithParent?: boolean;
}

/**
 * Runs "$@" as leader of the group beside a watcher that waits for the end of the pipe from this process (which comes with its end, however it ends)
 * and then kills the group.
 */
const watchedProgram = 'exec 3<&0 </dev/null; (cat <&3; kill -KILL 0) >/dev/null 2>&1 & exec 3<&-; exec "$@"';

// The groups that run now. The one module state of this file: the exit hook of the process needs it.
const runningGroups = new Set<number>();
let exitHookInstalled = false;

/**
 * Starts a program as leader of a new process group, so that it can be ended together with everything it starts.
 * When this process exits, groups that are left get SIGKILL.
 * @throws Error that names the command when it cannot be started (not found, not executable, folder missing).
 */
export function start(command: string, args: string[], options: StartOptions): Child {
  const watched = options.endWithParent === true;
  const [program, programArgs] = watched
    ? ['/bin/sh', ['-c', watchedProgram, command, command, ...args]]
    : [command, args];
  const child = spawn(program, programArgs, {
    env: options.env,
    stdio: ['pipe', 'pipe', 'pipe'],
    detached: true,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  const pid = child.pid;
  if (pid === undefined) {
    // The reason comes as an event after this turn; without a listener it would end the process.
    child.on('error', () => undefined);
    throw new Error(
      `Could not start ${command}${options.cwd === undefined ? '' : ` in ${options.cwd}`}: not found, not executable, or the folder does not exist.`,
    );
  }
  installExitHook();
  runningGroups.add(pid);
  // A child that ends while we write to it must not end us.
  child.stdin.on('error', () => undefined);
  const exit = whenEnded(child, pid, watched);
  return {
    pid,
    exit,
    stdin: child.stdin,
    stdout: child.stdout,
    stderr: child.stderr,
    kill: (graceMilliseconds = defaultGraceMilliseconds) => endGroup(pid, exit, graceMilliseconds),
  };
}

/** Whether a process of this id runs, of whatever user. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function whenEnded(child: ChildProcess, pid: number, watched: boolean): Promise<ChildExit> {
  return new Promise(resolve => {
    let settled = false;
    const settle = (code: number | null, signal: NodeJS.Signals | null): void => {
      if (settled) return;
      settled = true;
      if (!groupExists(pid)) runningGroups.delete(pid);
      resolve({ code, signal });
    };
    // 'close' comes after the pipes have been read to their end; a grandchild that holds a pipe open would delay it for ever.
    child.once('close', settle);
    child.once('exit', (code, signal) => {
      if (watched) signalGroup(pid, 'SIGKILL');
      setTimeout(() => settle(code, signal), 2000).unref();
    });
    child.once('error', () => settle(null, null));
  });
}

async function endGroup(pid: number, exit: Promise<ChildExit>, graceMilliseconds: number): Promise<void> {
  if (signalGroup(pid, 'SIGTERM')) {
    let leaderEnded = false;
    void exit.then(() => (leaderEnded = true));
    const deadline = Date.now() + graceMilliseconds;
    while (groupRuns(pid, leaderEnded) && Date.now() < deadline) await pause(20);
    // SIGKILL cannot be refused, only delayed while a process is in the kernel: waited for, but not for ever.
    signalGroup(pid, 'SIGKILL');
    const giveUp = Date.now() + 2000;
    while (groupRuns(pid, true) && Date.now() < giveUp) await pause(20);
  }
  runningGroups.delete(pid);
  await exit;
}

function pause(milliseconds: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, milliseconds));
}

/** False when no process of the group is left. */
function signalGroup(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(-pid, signal);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

function groupExists(pid: number): boolean {
  return signalGroup(pid, 0);
}

/**
 * Whether a process of the group still runs. Ended members whose parent has not waited for them (a container without an init process
 * leaves them so for ever) count as members for the kernel; on Linux they are told apart once the leader has ended.
 */
function groupRuns(pid: number, leaderEnded: boolean): boolean {
  if (!groupExists(pid)) return false;
  if (process.platform !== 'linux' || !leaderEnded) return true;
  return readdirSync('/proc').some(entry => /^\d+$/.test(entry) && isRunningMember(entry, pid));
}

function isRunningMember(entry: string, group: number): boolean {
  try {
    // proc(5): "pid (name) state ppid pgrp …"; the name may hold blanks and brackets, so read behind the last one.
    const stat = readFileSync(`/proc/${entry}/stat`, 'latin1');
    const [state, , processGroup] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return processGroup === String(group) && state !== 'Z' && state !== 'X';
  } catch {
    // Ended between the listing and the read.
    return false;
  }
}

function installExitHook(): void {
  if (exitHookInstalled) return;
  exitHookInstalled = true;
  process.on('exit', () => {
    for (const pid of runningGroups) {
      try {
        process.kill(-pid, 'SIGKILL');
      } catch {
        // Ended by itself meanwhile.
      }
    }
  });
}
