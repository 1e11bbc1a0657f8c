import { randomUUID } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expandedEnv, runCommand } from './run-step';
import type { StepContext } from './step-context';
import { scriptEnvironment } from './step-environment';

export interface ScriptWork {
  shell: 'script' | 'bash' | 'pwsh';
  /** As written in the pipeline. */
  script: string;
  /** Relative to the default working directory, which it is unless given. */
  workingDirectory: string | undefined;
  failOnStderr: boolean;
  env: Record<string, string>;
}

/** Runs a script as the tasks CmdLine, Bash and PowerShell do on Linux and macOS. @throws Error when it fails. */
export async function runScript(step: StepContext, o: ScriptWork, signal: AbortSignal): Promise<void> {
  const { variables } = step.job;
  const folder = variables.get('System.DefaultWorkingDirectory') ?? '.';
  const cwd = resolve(folder, variables.expand(o.workingDirectory ?? ''));
  if (!existsSync(cwd)) throw new Error(`Not found workingDirectory: ${cwd}`);
  const script = variables.expand(o.script);
  const isPowerShell = o.shell === 'pwsh';
  const file = join(variables.get('Agent.TempDirectory') ?? folder, `${randomUUID()}.${isPowerShell ? 'ps1' : 'sh'}`);
  writeFileSync(file, isPowerShell ? `$ErrorActionPreference = 'Stop'\n${script}` : script);
  let errorLines = 0;
  await runCommand(step, {
    command: isPowerShell ? 'pwsh' : 'bash',
    args: isPowerShell
      ? ['-NoLogo', '-NoProfile', '-NonInteractive', '-Command', `. '${file.replaceAll("'", "''")}'`]
      : ['--noprofile', '--norc', file],
    cwd,
    env: scriptEnvironment(step.job, expandedEnv(step, o.env)),
    // The agent signals the task's node, which ends at once and leaves its script to be killed: from outside, both end together.
    interrupt: 'group',
    signal,
    exitMessage: code => `${isPowerShell ? 'PowerShell' : 'Bash'} exited with code '${code}'.`,
    onErrorLine: () => errorLines++,
  });
  if (o.failOnStderr && errorLines > 0) {
    throw new Error(`${isPowerShell ? 'PowerShell' : 'Bash'} wrote one or more lines to the standard error stream.`);
  }
}
