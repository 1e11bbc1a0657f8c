import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectionVariables } from '../local/agent/connection';
import { Masker } from '../local/agent/masker';
import { readLines } from '../local/agent/step-process';
import { environmentName } from '../local/agent/variables';
import { AgentOutput } from './agent-output';
import type { Connection, Surroundings } from './connection';
import type { Lineage } from './lineage';
import type { Task } from './task-manifests';

export interface TaskRun {
  readonly result: 'succeeded' | 'succeededWithIssues' | 'failed' | 'canceled';
  /** By name, as a pipeline's later steps would get them. */
  readonly outputs: Readonly<Record<string, string>>;
  readonly errors: readonly { readonly code: string | undefined; readonly message: string }[];
  readonly warnings: readonly string[];
}

export interface RunTaskOptions {
  readonly task: Task;
  /** By the names of task.json; connections by their ids. */
  readonly inputs: Readonly<Record<string, string>>;
  readonly connections: readonly Connection[];
  readonly lineage: Lineage;
  readonly surroundings: Surroundings;
  readonly debug: boolean;
  /** Folder for summaries, records and attachments; they are not kept without one. */
  readonly records: string | undefined;
  readonly onLine: (line: string) => void;
}

/** As the agent: SIGINT, SIGTERM after 7.5 s, killed 2.5 s later. */
const grace = { terminate: 7500, kill: 10_000 };

/** Launches a task's bundle by itself, as an agent would, and cancels it as an agent would when this process is told to stop. */
export async function runTask(o: RunTaskOptions): Promise<TaskRun> {
  const temp = mkdtempSync(join(tmpdir(), 'guardian-'));
  try {
    const masker = new Masker();
    const output = new AgentOutput({ masker, debug: o.debug, records: o.records, onLine: o.onLine });
    const child = spawn(process.execPath, [join(o.task.folder, o.task.target)], {
      cwd: o.surroundings.cwd,
      env: taskEnvironment(o, temp),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    readLines(child.stdout, line => output.line(line));
    readLines(child.stderr, line => output.line(line));
    const cancellation = cancelOnSignals(signal => child.kill(signal), o.onLine);
    const exitCode = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', resolve);
    }).finally(() => cancellation.end());
    const result = cancellation.requested() ? 'canceled' : exitCode === 0 ? output.result : 'failed';
    return { result, outputs: output.outputs, errors: output.errors, warnings: output.warnings };
  } finally {
    rmSync(temp, { recursive: true, force: true });
  }
}

/** A second Ctrl-C does not wait for the task to undo what it began. */
function cancelOnSignals(
  kill: (signal: NodeJS.Signals) => void,
  say: (line: string) => void,
): { requested(): boolean; end(): void } {
  const timers: NodeJS.Timeout[] = [];
  const onSignal = (): void => {
    if (timers.length > 0) {
      kill('SIGKILL');
      return;
    }
    say('Cancelling: the task has ten seconds to undo what it began. Ctrl-C again ends it at once.');
    kill('SIGINT');
    timers.push(
      setTimeout(() => kill('SIGTERM'), grace.terminate),
      setTimeout(() => kill('SIGKILL'), grace.kill),
    );
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return {
    requested: () => timers.length > 0,
    end: () => {
      timers.forEach(clearTimeout);
      process.off('SIGINT', onSignal);
      process.off('SIGTERM', onSignal);
    },
  };
}

/** What an agent passes, besides the caller's own environment, which the caller's logins need. */
function taskEnvironment(o: RunTaskOptions, temp: string): NodeJS.ProcessEnv {
  const { cwd, env } = o.surroundings;
  const own: Record<string, string> = {
    AGENT_TEMPDIRECTORY: temp,
    AGENT_WORKFOLDER: temp,
    BUILD_SOURCESDIRECTORY: cwd,
    SYSTEM_DEFAULTWORKINGDIRECTORY: cwd,
    SYSTEM_CULTURE: 'en-US',
    SYSTEM_DEBUG: String(o.debug),
  };
  for (const [name, value] of Object.entries(o.lineage)) if (value) own[environmentName(name)] = value;
  for (const [name, value] of Object.entries(o.inputs)) own[`INPUT_${environmentName(name)}`] = value;
  for (const connection of o.connections) Object.assign(own, connectionVariables(connection));
  // Of the pipeline that this may run in, only what says where the code comes from is the task's business.
  const inherited = Object.entries(env).filter(
    ([name]) => !/^(INPUT|ENDPOINT|SECRET|VSTS)_|^SYSTEM_HOSTTYPE$/.test(name),
  );
  return { ...Object.fromEntries(inherited), ...own };
}
