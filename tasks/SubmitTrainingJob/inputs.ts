import type { ServiceConnection, TaskHost } from '../../lib/host/task-host';
import { TaskInputs } from '../../lib/host/task-inputs';

export interface Inputs {
  readonly connection: ServiceConnection;
  readonly resourceGroup: string;
  readonly workspaceName: string;
  readonly source:
    { readonly kind: 'file'; readonly jobFile: string } | { readonly kind: 'inline'; readonly job: InlineJob };
  /** `path=value` lines that override the job, whichever source it has. */
  readonly set: Readonly<Record<string, string>>;
  readonly displayName: string | undefined;
  readonly wait: boolean;
  /** 0 = no limit of the task's own. */
  readonly timeoutMinutes: number;
  readonly onCancel: 'cancel' | 'leave';
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
  const jobSource = inputs.choice('jobSource', ['file', 'inline'], 'file');
  const read: Inputs = {
    connection: inputs.requiredConnection('azureSubscription'),
    resourceGroup: inputs.required('resourceGroup'),
    workspaceName: inputs.required('workspaceName'),
    source:
      jobSource === 'file'
        ? { kind: 'file', jobFile: inputs.requiredPath('jobFile') }
        : { kind: 'inline', job: readInlineJob(inputs) },
    set: inputs.pairs('set'),
    displayName: inputs.optional('displayName'),
    wait: inputs.boolean('wait', true),
    timeoutMinutes: inputs.integer('timeoutInMinutes', { min: 0, max: 43_200 }) ?? 0,
    onCancel: inputs.choice('onCancel', ['cancel', 'leave'], 'cancel'),
    whatIf: inputs.boolean('whatIf', false),
  };
  inputs.finish();
  return read;
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
