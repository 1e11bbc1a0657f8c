import type { Masker } from '../agent/masker';
import type { RunRecords } from '../agent/run-records';
import type { Variable } from '../agent/variables';
import type { Project } from '../project';
import type { AgentPool } from './agent-pool';
import type { PipelineEvent } from './run-record';
import type { TaskCatalog } from './task-catalog';
import type { VariableEntry } from './model';

/** What all jobs of one run share. */
export interface RunContext {
  /** A pipeline's run or a classic release: its agents know other variables. */
  kind: 'build' | 'release';
  project: Project;
  tasks: TaskCatalog;
  records: RunRecords;
  masker: Masker;
  agents: AgentPool;
  planId: string;
  /** Predefined variables of the run. */
  predefined: Variable[];
  /** The pipeline's own variables, then those that were given for this run. */
  rootVariables: VariableEntry[];
  /** Where jobs work. */
  workDir: string;
  nodePath: string;
  /** Lengths in milliseconds; a test may shorten them. */
  time: { second: number; minute: number };
  /** Aborted when the run is cancelled. */
  signal: AbortSignal;
  onLine: (line: string) => void;
  onEvent: (event: PipelineEvent) => void;
  /** More than one job: lines then say which one they belong to. */
  manyJobs: boolean;
  manyStages: boolean;
}
