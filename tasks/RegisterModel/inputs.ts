import type { ServiceConnection, TaskHost } from '../../lib/host/task-host';
import { assetName, endpointName, TaskInputs } from '../../lib/host/task-inputs';
import { parseGate } from '../../lib/release/gates';
import type { ChampionGates } from './champion-gates';

export interface Inputs {
  readonly connection: ServiceConnection;
  readonly resourceGroup: string;
  readonly workspaceName: string;
  readonly modelName: string;
  readonly source: ModelSource;
  readonly modelType: 'custom_model' | 'mlflow_model' | 'triton_model';
  readonly description: string | undefined;
  readonly tags: Readonly<Record<string, string>>;
  readonly properties: Readonly<Record<string, string>>;
  readonly stage: string | undefined;
  readonly gating: ChampionGates;
  /** Names that lead to this version from now on, such as `champion`. */
  readonly aliases: readonly string[];
  /** Registry with which the version is shared. */
  readonly registryName: string | undefined;
  /** Whether a build of a pull request says there what came of it. */
  readonly pullRequestComment: boolean;
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
    properties: inputs.pairs('properties'),
    stage: inputs.optional('stage'),
    gating: readGating(inputs),
    aliases: readAliases(inputs),
    registryName: inputs.optional('registryName', assetName),
    pullRequestComment: inputs.boolean('pullRequestComment', true),
    whatIf: inputs.boolean('whatIf', false),
  };
  inputs.finish();
  return read;
}

function readGating(inputs: TaskInputs): ChampionGates {
  const gates = inputs.lines('metricGates').flatMap(line => {
    const gate = parseGate(line, ['champion']);
    if (typeof gate !== 'string') return [gate];
    inputs.problem('metricGates', `has the line "${line}", ${gate}`);
    return [];
  });
  const endpoint = inputs.optional('championEndpoint', endpointName);
  const version = inputs.optional('championVersion');
  if (endpoint !== undefined && version !== undefined)
    inputs.problem('championVersion', 'is given together with championEndpoint: name the champion by one of them');
  const needsChampion = gates.some(({ limit }) => limit.kind === 'champion');
  if (needsChampion && endpoint === undefined && version === undefined)
    inputs.problem(
      'championEndpoint',
      'is empty, but a gate compares with the champion: name the endpoint that it serves',
    );
  return {
    gates,
    champion: endpoint === undefined ? (version === undefined ? undefined : { version }) : { endpoint },
    minimumSample: readSample(inputs),
    onInconclusive: inputs.choice('onInconclusive', ['fail', 'warn'], 'fail'),
    onGateFailure: inputs.choice('onGateFailure', ['refuse', 'registerRejected'], 'refuse'),
  };
}

/** MLflow's rules for aliases: https://mlflow.org/docs/latest/model-registry */
function readAliases(inputs: TaskInputs): string[] {
  const aliases = (inputs.optional('aliases') ?? '').split(/[,\s]+/).filter(Boolean);
  for (const alias of aliases) {
    if (!/^[\w-]+$/.test(alias)) inputs.problem('aliases', `has "${alias}": letters, digits, _ and - make an alias`);
    else if (/^(latest|v\d+)$/i.test(alias))
      inputs.problem('aliases', `has "${alias}", which MLflow keeps for versions themselves`);
  }
  return [...new Set(aliases)];
}

function readSample(inputs: TaskInputs): ChampionGates['minimumSample'] {
  const text = inputs.optional('minimumSample', {
    pattern: /^[^=\s]+\s*=\s*\d+$/,
    says: 'a metric and a number, such as val_samples=500',
  });
  const [metric = '', count = ''] = text?.split('=') ?? [];
  return text === undefined ? undefined : { metric: metric.trim(), count: Number(count) };
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
      return uriSource(
        inputs.required('modelUri', {
          pattern: /^(azureml:\/\/|https:\/\/|runs:\/)/,
          says: 'an azureml://, https:// or runs:/ URI',
        }),
      );
  }
}

/** A URI that names a job's artifacts is a job output: its files can be hashed, and it has metrics. */
function uriSource(uri: string): ModelSource {
  const [, jobName, path] =
    /^(?:runs:\/|azureml:\/\/jobs\/)([^/]+)\/(?:outputs\/artifacts\/paths\/)?(.+?)\/*$/.exec(uri) ?? [];
  return jobName !== undefined && path !== undefined ? { kind: 'jobOutput', jobName, path } : { kind: 'uri', uri };
}
