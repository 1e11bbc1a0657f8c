import type { ServiceConnection, TaskHost } from '../../lib/host/task-host';
import { assetName, endpointName, TaskInputs } from '../../lib/host/task-inputs';
import { parseGate, type Gate } from '../../lib/release/gates';
import { parseSteps } from '../../lib/release/rollout-steps';
import { isGradual } from './deployment-plan';
import { agreementNames, goldenNames, isGolden, isOneOf, replayNames, trafficNames, type Analysis } from './analysis';
import type { DeploymentSettings } from '../../lib/azureml/online-deployments';
import type { EnvironmentSpec } from '../../lib/azureml/environment-spec';
import { readDeploymentFile, type DeploymentFile } from './deployment-file';
import { readSettings } from './deployment-settings';
import { readEndpointFile, type EndpointFile } from './endpoint-file';
import type { NewEndpoint } from '../../lib/azureml/online-endpoints';

export type Strategy = 'allAtOnce' | 'blueGreen' | 'canary' | 'challenger' | 'shadow';

export interface Target {
  readonly connection: ServiceConnection;
  readonly resourceGroup: string;
  readonly workspaceName: string;
  readonly endpointName: string;
  /** Whether a build of a pull request says there what came of it. */
  readonly pullRequestComment: boolean;
  readonly whatIf: boolean;
}

export interface DeployInputs extends Target {
  readonly action: 'deploy';
  /** Empty when the release record names it. */
  readonly modelName: string;
  readonly modelVersion: string;
  /** File or folder with the record of an earlier stage, which names the model. */
  readonly releaseRecord: string | undefined;
  /** Registry that the model is taken from; undefined: the workspace. */
  readonly registryName: string | undefined;
  readonly strategy: Strategy;
  readonly rollout: {
    /** Shares that the new deployment gets one after the other; the last is 100. */
    readonly steps: readonly number[];
    /** How long each step is watched. */
    readonly bakeMinutes: number;
    readonly analysis: Analysis;
    /** What becomes of the new deployment when the rollout fails. */
    readonly onFailure: 'remove' | 'keep';
  };
  /** Folder with one folder a label. */
  readonly goldenSet: string | undefined;
  /** Folder of requests that were made before. */
  readonly replay: string | undefined;
  /** How many of them are sent at most. */
  readonly replayRequests: number;
  /** Percent of live traffic. */
  readonly challengerTraffic: number;
  /** Percent of the live requests of which a shadow gets copies. */
  readonly mirrorPercent: number;
  /** What the endpoint gets when this run creates it, and the tags of its file. */
  readonly newEndpoint: NewEndpoint;
  readonly endpointTags: Readonly<Record<string, string>>;
  /** Undefined: the bundled scoring runtime; `mlflow`: what Azure makes of an MLflow model. */
  readonly environment: EnvironmentSpec | undefined;
  /** Where relative paths of `environment` start from, and the scoring script that it runs. */
  readonly file: Pick<DeploymentFile, 'folder' | 'code' | 'tags'> | undefined;
  /** What the files say and this task decides otherwise, for the log. */
  readonly notes: readonly string[];
  readonly settings: DeploymentSettings;
  /** Undefined: 3 as champion, 1 as challenger. */
  readonly instanceCount: number | undefined;
  readonly smokeTestFile: string | undefined;
  /** Whether the core quota is looked at before anything is created. */
  readonly checkQuota: boolean;
  readonly keepPrevious: boolean;
  /** What to do while another run is at work on the endpoint. */
  readonly whenBusy: { readonly kind: 'refuse' } | { readonly kind: 'wait'; readonly minutes: number };
  readonly tags: Readonly<Record<string, string>>;
}

export interface PromoteInputs extends Target {
  readonly action: 'promote';
  /** Undefined: as many as the champion has. */
  readonly instanceCount: number | undefined;
  readonly keepPrevious: boolean;
}

export interface AbortInputs extends Target {
  readonly action: 'abort';
}

export type Inputs = DeployInputs | PromoteInputs | AbortInputs;

/** The most that Azure takes; what a subscription may use is less, and Azure says so. */
const maxInstances = 500;

export function readInputs(host: TaskHost): Inputs {
  const inputs = new TaskInputs(host);
  const action = inputs.choice('action', ['deploy', 'promote', 'abort'], 'deploy');
  const file = action === 'deploy' ? ofPath(inputs.optionalPath('deploymentFile'), readDeploymentFile) : undefined;
  const endpointFile = ofPath(inputs.optionalPath('endpointFile'), readEndpointFile);
  const named = inputs.optional('endpointName', endpointName) ?? endpointFile?.endpointName ?? file?.endpointName;
  if (named === undefined) inputs.problem('endpointName', 'is required and was not given');
  const target: Target = {
    connection: inputs.requiredConnection('azureSubscription'),
    resourceGroup: inputs.required('resourceGroup'),
    workspaceName: inputs.required('workspaceName'),
    endpointName: named ?? '',
    pullRequestComment: inputs.boolean('pullRequestComment', true),
    whatIf: inputs.boolean('whatIf', false),
  };
  const read = readAction(inputs, action, target, { file, endpointFile });
  inputs.finish();
  return read;
}

interface Files {
  readonly file: DeploymentFile | undefined;
  readonly endpointFile: EndpointFile | undefined;
}

function notesOn({ file, endpointFile }: Files): string[] {
  return [
    ...(file?.deploymentName === undefined
      ? []
      : [
          `The file calls the deployment ${file.deploymentName}; here its name is made of the model's version and its content, so that each release is a deployment of its own.`,
        ]),
    ...(endpointFile?.ignored ?? []).map(
      key => `${key} of the endpoint file is not used: the strategy decides who gets which share.`,
    ),
  ];
}

function ofPath<T>(path: string | undefined, read: (path: string) => T): T | undefined {
  return path === undefined ? undefined : read(path);
}

function readAction(
  inputs: TaskInputs,
  action: Inputs['action'],
  target: Target,
  { file, endpointFile }: Files,
): Inputs {
  if (action === 'abort') return { action, ...target };
  const instanceCount = inputs.integer('instanceCount', { min: 1, max: maxInstances });
  const keepPrevious = inputs.boolean('keepPrevious', true);
  if (action === 'promote') return { action, ...target, instanceCount, keepPrevious };
  const strategy = inputs.choice('strategy', ['allAtOnce', 'blueGreen', 'canary', 'challenger', 'shadow'], 'allAtOnce');
  const goldenSet = inputs.optionalPath('goldenSet');
  const replay = inputs.optionalPath('replay');
  const smokeTestFile = inputs.optionalPath('smokeTestFile');
  const newEndpoint = endpointFile?.newEndpoint ?? readNewEndpoint(inputs);
  for (const [name, value] of Object.entries({ goldenSet, replay, smokeTestFile })) {
    if (value !== undefined && newEndpoint.authMode !== 'Key')
      inputs.problem(name, 'is sent with the key of the endpoint, so authMode must be key');
  }
  const tags = inputs.pairs('tags');
  const endpointTags = endpointFile?.tags ?? {};
  for (const name of Object.keys({ ...tags, ...endpointTags, ...file?.tags }).filter(one =>
    one.toLowerCase().startsWith('guardian.'),
  )) {
    inputs.problem('tags', `names ${name}, but names that start with guardian. belong to this extension`);
  }
  return {
    action,
    ...target,
    ...readModel(inputs, file),
    strategy,
    rollout: readRollout(inputs, strategy, { goldenSet, replay }),
    goldenSet,
    replay,
    replayRequests: inputs.integer('replayRequests', { min: 1, max: 100_000 }) ?? 500,
    challengerTraffic: inputs.integer('challengerTraffic', { min: 0, max: 99 }) ?? 10,
    // Azure mirrors at most half of the requests, to one deployment.
    mirrorPercent: inputs.integer('mirrorPercent', { min: 1, max: 50 }) ?? 10,
    newEndpoint,
    endpointTags,
    environment:
      inputs.optional('environment', {
        pattern: /^(azureml:|mlflow$)/,
        says: 'empty, mlflow, or of the form azureml:name:version, azureml:name@latest or azureml://registries/…',
      }) ?? file?.environment,
    file,
    notes: notesOn({ file, endpointFile }),
    settings: readSettings(inputs, file?.settings),
    instanceCount: instanceCount ?? file?.instanceCount,
    smokeTestFile,
    checkQuota: inputs.boolean('checkQuota', true),
    keepPrevious,
    whenBusy: readWhenBusy(inputs),
    tags,
  };
}

function readWhenBusy(inputs: TaskInputs): DeployInputs['whenBusy'] {
  const minutes = inputs.integer('busyTimeoutInMinutes', { min: 1, max: 1440 }) ?? 60;
  const kind = inputs.choice('whenBusy', ['refuse', 'wait'], 'refuse');
  return kind === 'wait' ? { kind, minutes } : { kind };
}

const inputAuthModes = { key: 'Key', amlToken: 'AMLToken', aadToken: 'AADToken' } as const;

function readNewEndpoint(inputs: TaskInputs): NewEndpoint {
  const userAssignedIdentity = inputs.optional('userAssignedIdentity', {
    pattern:
      /^\/subscriptions\/[^/]+\/resourceGroups\/[^/]+\/providers\/Microsoft\.ManagedIdentity\/userAssignedIdentities\/[^/]+$/i,
    says: 'empty, or the resource id /subscriptions/…/providers/Microsoft.ManagedIdentity/userAssignedIdentities/NAME',
  });
  return {
    authMode: inputAuthModes[inputs.choice('authMode', ['key', 'amlToken', 'aadToken'], 'key')],
    publicNetworkAccess:
      inputs.choice('publicNetworkAccess', ['enabled', 'disabled'], 'enabled') === 'enabled' ? 'Enabled' : 'Disabled',
    userAssignedIdentity,
    compute: inputs.optional('compute'),
    description: undefined,
    properties: undefined,
  };
}

type NamedModel = Pick<DeployInputs, 'modelName' | 'modelVersion' | 'releaseRecord' | 'registryName'>;

/** What the inputs name goes before what the file does: a pipeline deploys the version that it has just registered. */
function readModel(inputs: TaskInputs, file: DeploymentFile | undefined): NamedModel {
  const registryName = inputs.optional('registryName', assetName);
  const releaseRecord = inputs.optionalPath('releaseRecord');
  const modelVersion = readModelVersion(inputs);
  if (releaseRecord === undefined) {
    const modelName = inputs.optional('modelName', assetName);
    if (modelName !== undefined) return { modelName, modelVersion, releaseRecord, registryName };
    if (!file?.model) inputs.problem('modelName', 'is required and was not given');
    const { name = '', version = '', registry } = file?.model ?? {};
    // The agent fills in `latest` where the pipeline says nothing.
    return {
      modelName: name,
      modelVersion: modelVersion === 'latest' ? version : modelVersion,
      releaseRecord,
      registryName: registryName ?? registry,
    };
  }
  if (modelVersion !== 'latest')
    inputs.problem('modelVersion', `is ${modelVersion}, but the release record names the version: give one of the two`);
  return { modelName: inputs.optional('modelName', assetName) ?? '', modelVersion, releaseRecord, registryName };
}

/** Aliases are the workspace's own. */
function readModelVersion(inputs: TaskInputs): string {
  const version = inputs.optional('modelVersion') ?? 'latest';
  if (version.startsWith('@') && inputs.optional('registryName') !== undefined)
    inputs.problem(
      'modelVersion',
      `is the alias ${version}, but models of a registry have none: give a number or latest`,
    );
  return version;
}

/** What is watched when a rollout is to be watched and nothing else is said. */
const defaultCondition = 'errorRate <= 1%';

function readRollout(inputs: TaskInputs, strategy: Strategy, asked: Asked): DeployInputs['rollout'] {
  const lines = inputs.lines('analysis');
  const steps = parseSteps(inputs.optional('steps') ?? '5,25,50,100');
  if (typeof steps === 'string')
    inputs.problem('steps', `is "${inputs.optional('steps') ?? ''}", but must be ${steps}`);
  return {
    steps: strategy === 'canary' && typeof steps !== 'string' ? steps : [100],
    bakeMinutes: inputs.number('bakeMinutes', { min: 0, max: 1440 }) ?? 5,
    analysis: {
      gates: (lines.length > 0 ? lines : isGradual(strategy) ? [defaultCondition] : []).flatMap(line =>
        readGate(inputs, line, strategy, asked),
      ),
      minimumRequests: inputs.integer('minimumRequests', { min: 0, max: 1_000_000_000 }) ?? 0,
      onInconclusive: inputs.choice('onInconclusive', ['pause', 'fail', 'continue'], 'pause'),
      dryRun: inputs.boolean('analysisDryRun', false),
    },
    onFailure: inputs.choice('onFailedRollout', ['remove', 'keep'], 'remove'),
  };
}

/** What the deployment is asked before it gets traffic. */
type Asked = Pick<DeployInputs, 'goldenSet' | 'replay'>;

function readGate(inputs: TaskInputs, line: string, strategy: Strategy, { goldenSet, replay }: Asked): Gate[] {
  const gate = parseGate(line, ['champion']);
  if (typeof gate === 'string') {
    inputs.problem('analysis', `has the line "${line}", ${gate}`);
    return [];
  }
  const names: readonly string[] = [...trafficNames, ...goldenNames, ...replayNames, ...agreementNames];
  if (!names.includes(gate.metric))
    inputs.problem('analysis', `asks for "${gate.metric}", but knows only ${names.join(', ')}`);
  else if (isOneOf(goldenNames, gate) && !goldenSet)
    inputs.problem('analysis', `asks for ${gate.metric}, which a golden set gives: name its folder as goldenSet`);
  else if (isOneOf(replayNames, gate) && !replay)
    inputs.problem('analysis', `asks for ${gate.metric}, which replayed requests give: name their folder as replay`);
  else if (isOneOf(agreementNames, gate) && !goldenSet && !replay)
    inputs.problem(
      'analysis',
      `asks for ${gate.metric}, which a golden set or replayed requests give: name a folder as goldenSet or replay`,
    );
  else if (!isGolden(gate) && !isGradual(strategy) && strategy !== 'shadow')
    inputs.problem(
      'analysis',
      `asks for ${gate.metric}, which only the strategies canary, blueGreen and shadow wait for`,
    );
  return [gate];
}
