import type { ServiceConnection, TaskHost } from '../../lib/host/task-host';
import { TaskInputs } from '../../lib/host/task-inputs';
import { parseGate, type Gate } from '../../lib/release/gates';
import type { Reuse } from './submit-once';

export interface Inputs {
  readonly connection: ServiceConnection;
  readonly resourceGroup: string;
  readonly workspaceName: string;
  readonly source:
    | { readonly kind: 'file'; readonly jobFile: string }
    | { readonly kind: 'inline'; readonly job: InlineJob }
    | { readonly kind: 'existing'; readonly jobName: string };
  /** `path=value` lines that override the job, whichever source it has. */
  readonly set: Readonly<Record<string, string>>;
  readonly displayName: string | undefined;
  readonly wait: boolean;
  /** 0 = no limit of the task's own. */
  readonly timeoutMinutes: number;
  readonly onCancel: 'cancel' | 'leave';
  /** Without the job's own log. */
  readonly quiet: boolean;
  readonly reuse: Reuse;
  readonly gates: readonly Gate[];
  /** How many values of a metric there must be for its last one to count. */
  readonly minimumSteps: number;
  readonly onInconclusive: 'fail' | 'warn';
  /** Output, or path inside one, to the folder that it is downloaded to. */
  readonly downloadOutputs: Readonly<Record<string, string>>;
  readonly whatIf: boolean;
}

/** The common command job, field by field; names as in the job file. */
export interface InlineJob {
  readonly command: string;
  readonly code: string | undefined;
  readonly environment: string;
  readonly compute: string;
  readonly experiment_name: string | undefined;
  readonly inputs: Readonly<Record<string, string>>;
  readonly environment_variables: Readonly<Record<string, string>>;
  readonly resources: { readonly instance_count: number };
}

export function readInputs(host: TaskHost): Inputs {
  const inputs = new TaskInputs(host);
  const jobSource = inputs.choice('jobSource', ['file', 'inline', 'existing'], 'file');
  const read: Inputs = {
    connection: inputs.requiredConnection('azureSubscription'),
    resourceGroup: inputs.required('resourceGroup'),
    workspaceName: inputs.required('workspaceName'),
    source: readSource(jobSource, inputs),
    set: inputs.pairs('set'),
    displayName: inputs.optional('displayName'),
    wait: inputs.boolean('wait', true),
    timeoutMinutes: inputs.integer('timeoutInMinutes', { min: 0, max: 43_200 }) ?? 0,
    onCancel: inputs.choice('onCancel', ['cancel', 'leave'], 'cancel'),
    quiet: inputs.boolean('quiet', false),
    reuse: inputs.choice('reuse', ['never', 'completed'], 'never'),
    gates: readGates(inputs),
    minimumSteps: inputs.integer('minimumSteps', { min: 1, max: 1_000_000 }) ?? 1,
    onInconclusive: inputs.choice('onInconclusive', ['fail', 'warn'], 'fail'),
    downloadOutputs: inputs.pairs('downloadOutputs'),
    whatIf: inputs.boolean('whatIf', false),
  };
  inputs.finish();
  return read;
}

function readSource(kind: 'file' | 'inline' | 'existing', inputs: TaskInputs): Inputs['source'] {
  switch (kind) {
    case 'file':
      return { kind, jobFile: inputs.requiredPath('jobFile') };
    case 'inline':
      return { kind, job: readInlineJob(inputs) };
    case 'existing':
      return { kind, jobName: inputs.required('jobName') };
  }
}

function readGates(inputs: TaskInputs): Gate[] {
  return inputs.lines('metricGates').flatMap(line => {
    const gate = parseGate(line, ['best']);
    if (typeof gate !== 'string') return [gate];
    inputs.problem('metricGates', `has the line "${line}", ${gate}`);
    return [];
  });
}

function readInlineJob(inputs: TaskInputs): InlineJob {
  return {
    command: inputs.required('command'),
    code: inputs.optionalPath('codePath'),
    environment: inputs.required('environment'),
    compute: inputs.required('compute'),
    experiment_name: inputs.optional('experimentName'),
    inputs: inputs.pairs('jobInputs'),
    environment_variables: inputs.pairs('environmentVariables'),
    resources: { instance_count: inputs.integer('instanceCount', { min: 1, max: 1000 }) ?? 1 },
  };
}
