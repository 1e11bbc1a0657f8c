import type { ServiceConnection, TaskHost } from '../../lib/host/task-host';
import { assetName, TaskInputs } from '../../lib/host/task-inputs';

export interface Inputs {
  readonly connection: ServiceConnection;
  readonly resourceGroup: string;
  readonly workspaceName: string;
  readonly modelName: string;
  readonly source: ModelSource;
  readonly modelType: 'custom_model' | 'mlflow_model' | 'triton_model';
  readonly description: string | undefined;
  readonly tags: Readonly<Record<string, string>>;
  readonly whatIf: boolean;
}

export type ModelSource =
  /** `path` is inside the job's artifacts, without slashes at its ends. */
  | { readonly kind: 'jobOutput'; readonly jobName: string; readonly path: string }
  | { readonly kind: 'localPath'; readonly path: string }
  | { readonly kind: 'uri'; readonly uri: string };

export function readInputs(host: TaskHost): Inputs {
  const inputs = new TaskInputs(host);
  const read: Inputs = {
    connection: inputs.requiredConnection('azureSubscription'),
    resourceGroup: inputs.required('resourceGroup'),
    workspaceName: inputs.required('workspaceName'),
    modelName: inputs.required('modelName', assetName),
    source: readSource(inputs),
    modelType: inputs.choice('modelType', ['custom_model', 'mlflow_model', 'triton_model'], 'custom_model'),
    description: inputs.optional('description'),
    tags: inputs.pairs('tags'),
    whatIf: inputs.boolean('whatIf', false),
  };
  inputs.finish();
  return read;
}

function readSource(inputs: TaskInputs): ModelSource {
  switch (inputs.choice('modelSource', ['jobOutput', 'localPath', 'uri'], 'jobOutput')) {
    case 'jobOutput':
      return {
        kind: 'jobOutput',
        jobName: inputs.required('jobName'),
        path: (inputs.optional('modelPath') ?? 'outputs/model').replace(/^\/+|\/+$/g, ''),
      };
    case 'localPath':
      return { kind: 'localPath', path: inputs.requiredPath('localPath') };
    case 'uri':
      return {
        kind: 'uri',
        uri: inputs.required('modelUri', {
          pattern: /^(azureml:\/\/|https:\/\/|runs:\/)/,
          says: 'an azureml://, https:// or runs:/ URI',
        }),
      };
  }
}
