/** What clients ask for when they submit a job, as it is kept: in the service's words and with its defaults. */

export interface JobInput {
  jobInputType: string;
  description: string | null;
  /** Of a literal. */
  value?: string;
  uri?: string;
  mode?: string;
}

export interface JobOutput {
  jobOutputType: string;
  description: string | null;
  mode: string;
  /** Where the client wants it; without one it goes below the job's own folder of the default datastore. */
  uri?: string;
  /** Registered under this name, and version, when the job completes. */
  assetName?: string;
  assetVersion?: string;
}

export interface Distribution {
  distributionType: 'PyTorch' | 'TensorFlow' | 'Mpi';
  /** Of PyTorch and MPI. */
  processCountPerInstance?: number;
  /** Of TensorFlow. */
  workerCount?: number;
  parameterServerCount?: number;
}

export interface JobResources {
  instanceCount: number;
  instanceType: string | null;
  shmSize: string | null;
  dockerArgs: string | null;
  properties: unknown;
}

/** What runs: a command job has it itself, a sweep as its trial. */
export interface CommandSpec {
  command: string;
  environmentId: string;
  codeId: string | null;
  environmentVariables: Record<string, string>;
  resources: JobResources;
  distribution: Distribution | null;
}

/** What all kinds of jobs have. */
export interface JobCommon {
  experimentName: string;
  description: string | null;
  computeId: string | null;
  componentId: string | null;
  properties: Record<string, string>;
  inputs: Record<string, JobInput>;
  outputs: Record<string, JobOutput>;
  /** Kept and shown as they came; nothing here acts on them. */
  identity: Record<string, unknown> | null;
  queueSettings: Record<string, unknown> | null;
  notificationSetting: Record<string, unknown> | null;
  services: Record<string, Record<string, unknown>>;
}

export interface CommandRequest extends JobCommon, CommandSpec {
  jobType: 'Command';
  limits: { jobLimitsType: 'Command'; timeout: string | null } | null;
}

/** A distribution of the search space: its name and its parameters, as clients send them. */
export interface SearchRange {
  kind: string;
  parameters: unknown[];
}

export interface SweepRequest extends JobCommon {
  jobType: 'Sweep';
  trial: CommandSpec;
  searchSpace: Record<string, SearchRange>;
  samplingAlgorithm:
    | { samplingAlgorithmType: 'Grid' }
    | { samplingAlgorithmType: 'Random'; seed: number | null; rule: 'Random' | 'Sobol' };
  /** What random sampling really starts from: the client's seed, else one that was drawn when the job was submitted. */
  drawnSeed: number;
  objective: { goal: 'Minimize' | 'Maximize'; primaryMetric: string };
  earlyTermination: EarlyTermination | null;
  limits: {
    jobLimitsType: 'Sweep';
    maxTotalTrials: number;
    maxConcurrentTrials: number;
    timeout: string | null;
    trialTimeout: string | null;
  };
}

export interface EarlyTermination {
  policyType: 'Bandit' | 'MedianStopping' | 'TruncationSelection';
  evaluationInterval: number;
  delayEvaluation: number;
  slackFactor?: number;
  slackAmount?: number;
  truncationPercentage?: number;
}

/** One command step of a pipeline job; its values may hold `${{parent.…}}`. */
export interface PipelineStep {
  displayName: string | null;
  computeId: string | null;
  componentId: string | null;
  spec: CommandSpec;
  limits: CommandRequest['limits'];
  inputs: Record<string, JobInput>;
  /** `binding` = the pipeline's output that this is. */
  outputs: Record<string, JobOutput & { binding?: string }>;
  tags: Record<string, string>;
  properties: Record<string, string>;
}

export interface PipelineRequest extends JobCommon {
  jobType: 'Pipeline';
  steps: Record<string, PipelineStep>;
  /** `jobs` and `settings` as they came: what GET answers. */
  jobs: Record<string, Record<string, unknown>>;
  settings: Record<string, unknown>;
  continueOnStepFailure: boolean;
}

export type JobRequest = CommandRequest | SweepRequest | PipelineRequest;
