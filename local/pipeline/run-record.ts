import type { StoredArtifact } from '../agent/run-records';
import type { Issue } from '../agent/step-context';
import type { TaskResult } from '../agent/task-result';

export interface StepRun {
  /** The step's `name:`; empty without one. */
  name: string;
  displayName: string;
  /** RegisterModel@1, or the kind of step: script, bash, pwsh, checkout, publish, download. */
  task: string;
  result: TaskResult;
  outputs: Record<string, string>;
  issues: Issue[];
  /** ISO 8601; undefined when it was skipped. */
  startedAt: string | undefined;
  finishedAt: string | undefined;
  seconds: number;
  /** Null when no process ran or a signal ended it. */
  exitCode: number | null;
  /** Log file, relative to the run's folder. */
  log: string;
}

export interface JobRun {
  name: string;
  /** Of a matrix; undefined otherwise. */
  leg: string | undefined;
  result: TaskResult;
  steps: StepRun[];
  /** By `step.variable`, as later jobs see them. */
  outputs: Record<string, string>;
}

export interface StageRun {
  name: string;
  result: TaskResult;
  jobs: JobRun[];
}

export interface PipelineRun {
  result: TaskResult;
  buildId: number;
  buildNumber: string;
  stages: StageRun[];
  /** By `stage.job.step.variable`; secret ones are masked. */
  outputs: Record<string, string>;
  /** Markdown texts, in the order in which the steps gave them. */
  summaries: string[];
  artifacts: StoredArtifact[];
  artifactsDir: string;
  buildTags: string[];
  /** Folder with logs, summaries, attachments, artifacts and run.json. */
  runDir: string;
}

/** Progress of a run, for people who watch it. */
export type PipelineEvent =
  | { type: 'stageStarted' | 'stageFinished'; stage: string; result?: TaskResult }
  | { type: 'jobStarted' | 'jobFinished'; stage: string; job: string; result?: TaskResult }
  | {
      type: 'stepStarted' | 'stepFinished';
      stage: string;
      job: string;
      step: string;
      name: string;
      task: string;
      /** By what the records call the step. */
      record: string;
      result?: TaskResult;
      seconds?: number;
    };

/** The result of several that ran beside one another; Skipped when all of them were. */
export function combined(results: TaskResult[]): TaskResult {
  for (const result of ['Canceled', 'Failed', 'SucceededWithIssues', 'Succeeded'] as const) {
    if (results.includes(result)) return result;
  }
  return results.length === 0 ? 'Succeeded' : 'Skipped';
}
