import { randomUUID } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { secretsOf } from '../agent/connection';
import { Masker } from '../agent/masker';
import { RunRecords } from '../agent/run-records';
import type { Variable } from '../agent/variables';
import type { Project } from '../project';
import { AgentPool } from './agent-pool';
import { readSourceFacts, type SourceFacts } from './git-source';
import type { Pipeline, VariableEntry } from './model';
import { runVariables, type RunIdentity } from './predefined-variables';
import { readPipeline } from './read-pipeline';
import { runName } from './run-name';
import { combined, type PipelineEvent, type PipelineRun, type StageRun } from './run-record';
import { runStages } from './run-stages';
import { TaskCatalog } from './task-catalog';

export type { PipelineEvent, PipelineRun } from './run-record';

export interface RunOptions {
  /** The pipeline's or release definition's file. */
  file: string;
  project: Project;
  /** Folder for logs, summaries, artifacts and the jobs' work; made when it is missing. */
  runDir: string;
  /** Cancels the run: running steps get SIGINT, then those with always() or canceled() still run. */
  signal?: AbortSignal;
  /** Each line of the log, masked; with the job's name before it when there are several. */
  onLine: (line: string) => void;
  onEvent?: (event: PipelineEvent) => void;
  /** Jobs at the same time; 2 unless given. */
  agents?: number;
  /** Node.js for the tasks; the one that runs this unless given. */
  nodePath?: string;
  /** How long a second and a minute of timeouts and retries last, in milliseconds: tests shorten them. */
  time?: { second: number; minute: number };
}

export interface RunPipelineOptions extends RunOptions {
  /** Run-time parameters as plain data. */
  parameters?: Record<string, unknown>;
  /** Variables of this run: they win over those of the pipeline's root. */
  variables?: Record<string, string>;
}

/** What is to be run, and as what: it has been read and checked. */
export interface ReadyRun {
  kind: 'build' | 'release';
  pipeline: Pipeline;
  tasks: TaskCatalog;
  id: number;
  /** The build's number or the release's name. */
  number: string;
  /** The pipeline's name. */
  definition: string;
  sources: SourceFacts;
  predefined: Variable[];
  given: VariableEntry[];
}

/**
 * Runs one Azure Pipelines file as the service and its agents do. Resolves with the result, whatever it is.
 * @throws PipelineError (`file:line:column: text`) before anything runs when the file holds what is wrong or not supported here.
 */
export async function runPipeline(o: RunPipelineOptions): Promise<PipelineRun> {
  const { project } = o;
  const identity: RunIdentity = {
    buildId: 0,
    buildNumber: '',
    file: o.file,
    sources: await readSourceFacts(project.sourcesDir),
  };
  const tasks = new TaskCatalog(project.taskDirs);
  const given = givenVariables(o.variables ?? {}, o.file);
  const read = (predefined: Variable[]): Pipeline =>
    readPipeline(o.file, o.parameters ?? {}, {
      project,
      tasks,
      known: [...predefined.map(item => entryOf(item, o.file)), ...given],
      overrides: given,
    });
  // Read once without a number, so that a file that is wrong uses none up and the format of the number is known.
  const { runName: format } = read(runVariables(project, identity));
  identity.buildId = project.nextBuildId();
  identity.buildNumber = numberOf(format, project, identity, given);
  const predefined = runVariables(project, identity);
  const { buildId: id, buildNumber: number, sources } = identity;
  const definition = basename(o.file).replace(/\.ya?ml$/, '');
  const pipeline = read(predefined);
  return await executeRun(o, { kind: 'build', pipeline, tasks, id, number, definition, sources, predefined, given });
}

/** Runs what was read, with a folder for its records. Resolves with the result, whatever it is. */
export async function executeRun(o: RunOptions, ready: ReadyRun): Promise<PipelineRun> {
  const { project } = o;
  const { kind, pipeline, tasks, id, number, definition, sources, predefined, given } = ready;
  const runDir = resolve(o.runDir);
  mkdirSync(runDir, { recursive: true });
  const planId = randomUUID();
  // A release is no build, which is what the service shows.
  const openRun = kind === 'build' ? project.openRun : undefined;
  const feed = openRun?.({
    id,
    buildNumber: number,
    planId,
    definition,
    sourceBranch: sources.branch,
    sourceVersion: sources.version,
    repositoryId: sources.repositoryName,
  });
  const records = new RunRecords(runDir, feed);
  const masker = new Masker();
  masker.add(project.accessToken);
  for (const secret of project.connections.flatMap(secretsOf)) masker.add(secret);
  const jobs = pipeline.stages.flatMap(stage => stage.jobs.flatMap(job => [...(job.matrix?.keys() ?? ['one'])]));
  if (given.some(item => item.name.toLowerCase() === 'system.debug' && item.value.toLowerCase() === 'true')) {
    for (const section of pipeline.ignored) o.onLine(`##[debug]${section}: without effect on this machine.`);
  }
  const stages = await runStages(pipeline, {
    kind,
    project,
    tasks,
    records,
    masker,
    agents: new AgentPool(o.agents ?? 2),
    planId,
    predefined,
    rootVariables: [...pipeline.variables, ...given],
    workDir: join(runDir, 'work'),
    nodePath: o.nodePath ?? process.execPath,
    time: o.time ?? { second: 1000, minute: 60_000 },
    signal: o.signal ?? new AbortController().signal,
    onLine: o.onLine,
    onEvent: event => {
      feed?.event(event);
      o.onEvent?.(event);
    },
    manyJobs: jobs.length > 1,
    manyStages: pipeline.stages.length > 1,
  });
  const run: PipelineRun = {
    result: o.signal?.aborted ? 'Canceled' : combined(stages.map(stage => stage.result)),
    buildId: id,
    buildNumber: records.buildNumber ?? number,
    stages,
    outputs: outputsOf(stages, masker),
    summaries: records.summaries,
    artifacts: records.artifacts,
    artifactsDir: records.artifactsDir,
    // Those that steps added through the service as well.
    buildTags: feed?.tags() ?? records.buildTags,
    runDir,
  };
  feed?.finish(run.result, run.buildNumber);
  writeFileSync(
    join(runDir, 'run.json'),
    `${masker.mask(JSON.stringify({ ...run, summaries: undefined }, null, 2))}\n`,
  );
  return run;
}

function givenVariables(variables: Record<string, string>, file: string): VariableEntry[] {
  return Object.entries(variables).map(([name, value]) => entryOf({ name, value }, file));
}

function entryOf({ name, value, isReadOnly }: Variable, file: string): VariableEntry {
  return { name, value, isSecret: false, isReadOnly: isReadOnly === true, at: { file, line: 1, column: 1 } };
}

function numberOf(format: string | undefined, project: Project, identity: RunIdentity, given: VariableEntry[]): string {
  const known = [...runVariables(project, identity), ...given];
  const aliases: Record<string, string> = {
    buildid: 'Build.BuildId',
    builddefinitionname: 'Build.DefinitionName',
    sourcebranchname: 'Build.SourceBranchName',
    teamproject: 'System.TeamProject',
  };
  return runName(format, {
    now: new Date(),
    revision: identity.buildId,
    variable: name => {
      const wanted = (aliases[name.toLowerCase()] ?? name).toLowerCase();
      return known.find(item => item.name.toLowerCase() === wanted)?.value;
    },
  });
}

function outputsOf(stages: StageRun[], masker: Masker): Record<string, string> {
  const outputs: Record<string, string> = {};
  for (const stage of stages) {
    for (const job of stage.jobs) {
      const path = [stage.name, job.name, job.leg].filter(part => part !== undefined).join('.');
      for (const [name, value] of Object.entries(job.outputs)) outputs[`${path}.${name}`] = masker.mask(value);
    }
  }
  return outputs;
}
