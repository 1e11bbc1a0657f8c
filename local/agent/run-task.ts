import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { agentVariables } from './agent-variables';
import { secretsOf, type Connection } from './connection';
import { agentEnvironment, type JobContext } from './job-context';
import { endJob } from './job-end';
import type { LoggingCommand } from './logging-command';
import type { Masker } from './masker';
import { RunRecords, type StoredArtifact } from './run-records';
import { runStep, runTaskHandler } from './run-step';
import { StepContext, type Issue } from './step-context';
import { readTaskDefinition } from './task-definition';
import type { TaskResult } from './task-result';
import { Variables, type Variable } from './variables';

export interface RunTaskOptions {
  /** Node.js that runs the handler; the one that runs this unless given. */
  nodePath?: string;
  /** Folder with task.json and the bundle. */
  taskDir: string;
  /** As written in YAML: by name or alias, connections by name or id. */
  inputs: Record<string, string>;
  connections: Connection[];
  variables: Variable[];
  /** Working directory, and the folder that relative file inputs belong to. */
  workDir: string;
  /** Agent.TempDirectory. */
  tempDir: string;
  /** Further environment of the agent's machine, such as NODE_EXTRA_CA_CERTS. */
  env?: Record<string, string>;
  signal?: AbortSignal;
  /** Each line as the log shows it, masked. */
  onLine: (line: string) => void;
  masker: Masker;
  timeoutMs?: number;
  /** URL of Azure DevOps and the job's token, for tasks that talk to it. */
  system?: { url: string; accessToken: string };
  /** Folder for summaries, attachments and artifacts; `records` in tempDir unless given. */
  recordsDir?: string;
}

export interface TaskRun {
  result: TaskResult;
  outputs: Record<string, string>;
  issues: Issue[];
  /** Markdown texts. */
  summaries: string[];
  artifacts: StoredArtifact[];
  buildTags: string[];
  /** Null when a signal ended the process, or when it was not started. */
  exitCode: number | null;
  commands: LoggingCommand[];
  /** The log. */
  lines: string[];
  /** The job's variables afterwards, without those that it started with. */
  variables: Record<string, string>;
  progress: number;
}

/** Runs one task by itself, in a job of its own, as the agent does. Rejects only when the task's folder is none. */
export async function runTaskProcess(o: RunTaskOptions): Promise<TaskRun> {
  const task = readTaskDefinition(resolve(o.taskDir));
  for (const folder of [o.workDir, o.tempDir]) mkdirSync(folder, { recursive: true });
  const initial = [...agentVariables({ tempDir: resolve(o.tempDir), workDir: resolve(o.workDir) }), ...o.variables];
  const system = o.system ?? { url: 'https://dev.azure.invalid/local/', accessToken: randomUUID() };
  o.masker.add(system.accessToken);
  for (const secret of o.connections.flatMap(secretsOf)) o.masker.add(secret);
  const job: JobContext = {
    variables: new Variables(initial, o.masker),
    masker: o.masker,
    connections: new Map(o.connections.map(item => [item.id.toLowerCase(), structuredClone(item)])),
    system,
    prependPath: [],
    records: new RunRecords(o.recordsDir ?? join(o.tempDir, 'records')),
    environment: agentEnvironment(o.env ?? {}),
    lookupId: `vsts_${randomUUID()}`,
    leftovers: [],
  };
  const { outputNames, restrictions } = task;
  const step = new StepContext(
    job,
    { refName: task.name, recordName: task.name, displayName: task.friendlyName, outputNames, restrictions },
    o.onLine,
  );
  const before = new Set(initial.map(variable => variable.name.toLowerCase()));
  const { signal, timeoutMs } = o;
  const result = await runStep(
    step,
    { ...(signal ? { signal } : {}), ...(timeoutMs === undefined ? {} : { timeoutMs }) },
    stop =>
      runTaskHandler(
        step,
        { task, inputs: o.inputs, env: {}, root: resolve(o.workDir), nodePath: o.nodePath ?? process.execPath },
        stop,
      ),
  );
  await endJob(job);
  return {
    result,
    outputs: step.outputs,
    issues: step.issues,
    summaries: job.records.summaries,
    artifacts: job.records.artifacts,
    buildTags: job.records.buildTags,
    exitCode: step.exitCode,
    commands: step.commands,
    lines: step.lines,
    variables: Object.fromEntries(
      job.variables
        .all()
        .filter(variable => !before.has(variable.name.toLowerCase()))
        .map(variable => [variable.name, variable.value]),
    ),
    progress: step.progress,
  };
}
