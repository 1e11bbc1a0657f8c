import type { Expression } from './expressions/parse-expression';
import type { Position } from './pipeline-error';

/** A pipeline with all templates put in and all template expressions evaluated. */
export interface Pipeline {
  /** Format of the run's number (`name:`). */
  runName: string | undefined;
  variables: VariableEntry[];
  stages: Stage[];
  /** Sections of the file that change nothing on this machine. */
  ignored: string[];
}

/** One variable, in the order in which later ones override earlier ones. */
export interface VariableEntry {
  name: string;
  value: string;
  isSecret: boolean;
  isReadOnly: boolean;
  /** Of a value `$[ ]`: evaluated when the job starts. */
  expression?: Expression;
  at: Position;
}

export interface Stage {
  name: string;
  displayName: string;
  dependsOn: string[];
  condition: Condition | undefined;
  variables: VariableEntry[];
  jobs: Job[];
  at: Position;
}

export interface Job {
  kind: 'job' | 'deployment';
  name: string;
  displayName: string;
  dependsOn: string[];
  condition: Condition | undefined;
  continueOnError: boolean;
  /** 0 = no limit. */
  timeoutInMinutes: number;
  /** How long steps that run in spite of a cancellation may take. */
  cancelTimeoutInMinutes: number;
  variables: VariableEntry[];
  /** Legs of a matrix with the variables that each adds; undefined without a matrix. */
  matrix: Map<string, Record<string, string>> | undefined;
  /** How many legs run at the same time; 0 = as many as there are agents. */
  maxParallel: number;
  /** Of a deployment job. */
  environment: string | undefined;
  steps: Step[];
  at: Position;
}

export interface Condition {
  text: string;
  expression: Expression;
}

export interface StepBase {
  /** Empty unless given: outputs cannot be referred to then. */
  name: string;
  displayName: string;
  condition: Condition | undefined;
  continueOnError: boolean;
  enabled: boolean;
  timeoutInMinutes: number;
  retryCount: number;
  env: Record<string, string>;
  at: Position;
}

export interface TaskStep extends StepBase {
  kind: 'task';
  /** As written, such as RegisterModel@1. */
  task: string;
  inputs: Record<string, string>;
}

export interface ScriptStep extends StepBase {
  kind: 'script';
  shell: 'script' | 'bash' | 'pwsh';
  script: string;
  workingDirectory: string | undefined;
  failOnStderr: boolean;
}

export interface CheckoutStep extends StepBase {
  kind: 'checkout';
  repository: 'self' | 'none';
  /** Folder below the build directory; `s` unless given. */
  path: string;
}

export interface PublishStep extends StepBase {
  kind: 'publish';
  path: string;
  /** Empty: named after the job. */
  artifact: string;
}

export interface DownloadStep extends StepBase {
  kind: 'download';
  source: 'current' | 'none';
  /** Empty: all artifacts of the run. */
  artifact: string;
  patterns: string;
  /** Undefined: the job's workspace. */
  path: string | undefined;
}

/** What a classic release downloads before its tasks: here always the project's repository, into a folder named after the artifact. */
export interface ArtifactStep extends StepBase {
  kind: 'artifact';
  alias: string;
}

export type Step = TaskStep | ScriptStep | CheckoutStep | PublishStep | DownloadStep | ArtifactStep;
