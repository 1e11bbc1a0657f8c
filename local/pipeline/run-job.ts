import { mkdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { agentVariables } from '../agent/agent-variables';
import { agentEnvironment, type JobContext } from '../agent/job-context';
import { endJob } from '../agent/job-end';
import { mergeResults, type TaskResult } from '../agent/task-result';
import { Variables, type Variable } from '../agent/variables';
import { evaluateVariables } from './evaluate-variables';
import type { ObjectValue } from './expressions/values';
import { JobCancellation } from './job-cancellation';
import type { Job, Stage } from './model';
import { jobVariables } from './predefined-variables';
import type { RunContext } from './run-context';
import type { JobRun, StepRun } from './run-record';
import { runJobStep } from './run-job-step';

export interface JobPlan {
  stage: Stage;
  job: Job;
  /** Of a matrix. */
  leg: string | undefined;
  legVariables: Record<string, string>;
  /** Outputs and results of what came before. */
  dependencies: ObjectValue;
  stageDependencies: ObjectValue;
}

/** A job while it runs. */
export interface RunningJob {
  run: RunContext;
  plan: JobPlan;
  context: JobContext;
  cancellation: JobCancellation;
  /** The job's result so far, which conditions of steps ask for. */
  result: TaskResult | undefined;
}

/** Runs one job on an agent of its own: folders, variables, steps, and the end of every process that it started. */
export async function runJob(run: RunContext, plan: JobPlan): Promise<JobRun> {
  const { stage, job, leg } = plan;
  const folder = join(run.workDir, [stage.name, job.name, leg].filter(part => part !== undefined).join('.'));
  const folders = { buildDir: join(folder, '1'), workDir: join(folder, '1', 's'), tempDir: join(folder, '_temp') };
  for (const path of [folders.workDir, folders.tempDir, join(folders.buildDir, 'a'), join(folders.buildDir, 'b')]) {
    mkdirSync(path, { recursive: true });
  }
  const { project } = run;
  const fixed = [
    ...agentVariables(folders),
    ...run.predefined,
    ...jobVariables({ kind: run.kind, project, planId: run.planId, stage, job, leg, sourcesDir: folders.workDir }),
  ];
  const context: JobContext = {
    variables: new Variables([...fixed, ...userVariables(run, plan, fixed)], run.masker),
    masker: run.masker,
    connections: new Map(project.connections.map(item => [item.id, structuredClone(item)])),
    system: { url: project.collectionUri, accessToken: project.accessToken },
    prependPath: [],
    records: run.records,
    environment: agentEnvironment(project.environmentVariables),
    lookupId: `vsts_${randomUUID()}`,
    leftovers: [],
  };
  const running: RunningJob = {
    run,
    plan,
    context,
    cancellation: new JobCancellation(run.signal, job, run.time.minute),
    result: undefined,
  };
  const event = { stage: stage.name, job: leg === undefined ? job.name : `${job.name} ${leg}` };
  run.onEvent({ type: 'jobStarted', ...event });
  const steps: StepRun[] = [];
  try {
    for (const [index, step] of job.steps.entries()) {
      if (!step.enabled) continue;
      const done = await runJobStep(running, step, index + 1);
      steps.push(done);
      if (running.cancellation.isCanceled) running.result = 'Canceled';
      else if (done.result === 'Failed' || done.result === 'SucceededWithIssues') {
        running.result = mergeResults(running.result, done.result);
      }
    }
  } finally {
    running.cancellation.dispose();
    await endJob(context);
  }
  const result = running.result ?? 'Succeeded';
  // What a failed job worked on is kept for people to look at.
  if (result === 'Succeeded' || result === 'SucceededWithIssues') await rm(folder, { recursive: true, force: true });
  run.onEvent({ type: 'jobFinished', ...event, result });
  const outputs = Object.fromEntries(
    steps.flatMap(step =>
      step.name === '' ? [] : Object.entries(step.outputs).map(([name, value]) => [`${step.name}.${name}`, value]),
    ),
  ) as Record<string, string>;
  return {
    name: job.name,
    leg,
    result: result === 'Failed' && job.continueOnError ? 'SucceededWithIssues' : result,
    steps,
    outputs,
  };
}

/** Variables of the pipeline, stage and job, the later before the earlier, with `$[ ]` evaluated. */
function userVariables(run: RunContext, plan: JobPlan, fixed: Variable[]): Variable[] {
  const entries = [...run.rootVariables, ...plan.stage.variables, ...plan.job.variables];
  const evaluated = evaluateVariables(entries, fixed, plan.dependencies, plan.stageDependencies);
  return [...evaluated, ...Object.entries(plan.legVariables).map(([name, value]) => ({ name, value }))];
}
