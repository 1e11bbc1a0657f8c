import { isSuccess, type TaskResult } from '../agent/task-result';
import { AgentPool } from './agent-pool';
import { evaluateVariables } from './evaluate-variables';
import { evaluate } from './expressions/evaluate';
import { objectValue, toBoolean, type ObjectValue, type Value } from './expressions/values';
import type { Condition, Job, Pipeline, Stage, VariableEntry } from './model';
import type { Position } from './pipeline-error';
import type { RunContext } from './run-context';
import { runGraph, type Before } from './run-graph';
import { runJob } from './run-job';
import { combined, type JobRun, type StageRun } from './run-record';
import { runtimeContext, type RuntimeValues } from './runtime-context';

/** A job with all legs of its matrix. */
interface FinishedJob {
  job: Job;
  result: TaskResult;
  runs: JobRun[];
}

interface FinishedStage {
  stage: Stage;
  result: TaskResult;
  jobs: FinishedJob[];
}

export async function runStages(pipeline: Pipeline, run: RunContext): Promise<StageRun[]> {
  const stages = await runGraph<Stage, FinishedStage>(pipeline.stages, (stage, before) => runStage(stage, before, run));
  return stages.map(({ stage, result, jobs }) => ({ name: stage.name, result, jobs: jobs.flatMap(job => job.runs) }));
}

async function runStage(stage: Stage, before: Before<FinishedStage>, run: RunContext): Promise<FinishedStage> {
  const dependencies = objectValue([...before.direct].map(([name, done]) => [name, stageValue(done)]));
  const stageDependencies = objectValue([...before.direct].map(([name, done]) => [name, jobsValue(done)]));
  const values = (): RuntimeValues => ({
    variables: conditionVariables(run, [...stage.variables], dependencies, stageDependencies),
    dependencies,
    stageDependencies,
  });
  const results = new Map(before.all.map(done => [done.stage.name, done.result]));
  const verdict = conditionVerdict(stage.condition, values, results, run, stage.at);
  if (verdict !== 'run') return { stage, result: verdict, jobs: stage.jobs.map(job => notRun(job, verdict)) };
  run.onEvent({ type: 'stageStarted', stage: stage.name });
  const jobs = await runGraph<Job, FinishedJob>(stage.jobs, (job, earlier) =>
    runJobOrSkip(stage, job, earlier, stageDependencies, run),
  );
  const result = combined(jobs.map(job => job.result));
  run.onEvent({ type: 'stageFinished', stage: stage.name, result });
  return { stage, result, jobs };
}

async function runJobOrSkip(
  stage: Stage,
  job: Job,
  before: Before<FinishedJob>,
  stageDependencies: ObjectValue,
  run: RunContext,
): Promise<FinishedJob> {
  const dependencies = objectValue([...before.direct].map(([name, done]) => [name, jobValue(done)]));
  const values = (): RuntimeValues => ({
    variables: conditionVariables(run, [...stage.variables, ...job.variables], dependencies, stageDependencies),
    dependencies,
    stageDependencies,
  });
  const results = new Map(before.all.map(done => [done.job.name, done.result]));
  const verdict = conditionVerdict(job.condition, values, results, run, job.at);
  if (verdict !== 'run') return notRun(job, verdict);
  const legs = job.matrix === undefined ? [[undefined, {}] as const] : [...job.matrix];
  const pool = new AgentPool(job.maxParallel > 0 ? job.maxParallel : legs.length);
  const runs = await Promise.all(
    legs.map(([leg, legVariables]) =>
      pool.run(() =>
        run.agents.run(async () => {
          try {
            return await runJob(run, { stage, job, leg, legVariables, dependencies, stageDependencies });
          } catch (error) {
            // The other jobs go on: what went wrong with this one is its result.
            run.onLine(run.masker.mask(`##[error]${stage.name}.${job.name}: ${messageOf(error)}`));
            return { name: job.name, leg, result: 'Failed' as const, steps: [], outputs: {} };
          }
        }),
      ),
    ),
  );
  return { job, result: combined(runs.map(done => done.result)), runs };
}

function notRun(job: Job, result: 'Skipped' | 'Canceled' | 'Failed'): FinishedJob {
  return { job, result, runs: [{ name: job.name, leg: undefined, result, steps: [], outputs: {} }] };
}

/** Whether a stage or job runs, or how it ends without: Failed when its condition cannot be evaluated. */
function conditionVerdict(
  condition: Condition | undefined,
  values: () => RuntimeValues,
  results: Map<string, TaskResult>,
  run: RunContext,
  at: Position,
): 'run' | 'Skipped' | 'Canceled' | 'Failed' {
  const canceled = run.signal.aborted;
  try {
    const context = runtimeContext.ofCondition(values(), { canceled, results: names => resultsOf(names, results) });
    const succeeded = !canceled && [...results.values()].every(isSuccess);
    const holds = condition === undefined ? succeeded : toBoolean(evaluate(condition.expression, context));
    return holds ? 'run' : canceled ? 'Canceled' : 'Skipped';
  } catch (error) {
    run.onLine(run.masker.mask(`##[error]${at.file}:${at.line}:${at.column}: ${messageOf(error)}`));
    return 'Failed';
  }
}

/** @throws Error for a name that does not come before. */
function resultsOf(names: string[], results: Map<string, TaskResult>): TaskResult[] {
  if (names.length === 0) return [...results.values()];
  return names.map(name => {
    const found = [...results].find(([known]) => known.toLowerCase() === name.toLowerCase());
    if (found) return found[1];
    const known = [...results.keys()].join(', ') || 'none';
    throw new Error(`The condition names '${name}', which does not come before. Before come: ${known}.`);
  });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Variables as conditions of jobs and stages see them: what the pipeline says, without what agents add. */
function conditionVariables(
  run: RunContext,
  own: VariableEntry[],
  dependencies: ObjectValue,
  stageDependencies: ObjectValue,
): ObjectValue {
  const evaluated = evaluateVariables([...run.rootVariables, ...own], run.predefined, dependencies, stageDependencies);
  return objectValue([...run.predefined, ...evaluated].map(({ name, value }) => [name, value]));
}

/** `dependencies.JOB` */
function jobValue(done: FinishedJob): ObjectValue {
  return objectValue([
    ['result', done.result],
    ['outputs', objectValue(outputsOf(done))],
  ]);
}

/** Outputs by `step.variable`; with the job's name before them for a deployment, with the leg's for a matrix. */
function outputsOf({ job, runs }: FinishedJob): [string, Value][] {
  return runs.flatMap(({ leg, outputs }) => {
    const prefix = leg === undefined ? (job.kind === 'deployment' ? `${job.name}.` : '') : `${leg}.`;
    return Object.entries(outputs).map(([name, value]): [string, Value] => [`${prefix}${name}`, value]);
  });
}

/** `dependencies.STAGE`: outputs by `job.step.variable`. */
function stageValue(done: FinishedStage): ObjectValue {
  return objectValue([
    ['result', done.result],
    [
      'outputs',
      objectValue(
        done.jobs.flatMap(job =>
          outputsOf(job).map(([name, value]): [string, Value] => [`${job.job.name}.${name}`, value]),
        ),
      ),
    ],
  ]);
}

/** `stageDependencies.STAGE` */
function jobsValue(done: FinishedStage): ObjectValue {
  return objectValue(done.jobs.map(job => [job.job.name, jobValue(job)]));
}
