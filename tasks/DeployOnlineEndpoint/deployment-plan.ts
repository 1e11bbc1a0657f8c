import { createHash } from 'node:crypto';
import type { DeploymentProperties, OnlineDeployment } from '../../lib/azureml/online-deployments';
import { deploymentName, type Role } from '../../lib/release/deployments';
import { currentRevision } from '../../lib/release/revisions';
import { owner, tag, tagValue, type Tags } from '../../lib/release/tags';
import { allTo, challengerTraffic, without, type Traffic } from '../../lib/release/traffic';
import { defaultInstanceType } from './deployment-settings';
import type { EndpointState } from './endpoint-state';
import type { DeployInputs } from './inputs';

/** The model version to deploy. */
export interface ModelToDeploy {
  readonly id: string;
  readonly name: string;
  readonly version: string;
  /** custom_model, mlflow_model or triton_model. */
  readonly type: string;
  /** Where its files lie. */
  readonly uri: string;
  /** sha256 of its files, when it was registered by RegisterModel. */
  readonly digest: string | undefined;
  readonly tags: Tags;
}

/** What the model runs in. */
export interface RunsIn {
  /** ARM id; undefined: what Azure makes of an MLflow model. */
  readonly environmentId: string | undefined;
  /** A scoring script of the user's. */
  readonly codeConfiguration: { readonly codeId: string; readonly scoringScript: string } | undefined;
}

export interface DeploymentPlan {
  readonly name: string;
  readonly model: ModelToDeploy;
  readonly properties: DeploymentProperties;
  readonly role: Role;
  readonly instanceCount: number;
  readonly tags: Tags;
  /** Live traffic that it is to end with. */
  readonly traffic: Traffic;
  /** What has this name now; by the name's making it has the same content. */
  readonly existing: OnlineDeployment | undefined;
}

/** Such as `3 x Standard_DS3_v2`. */
export function sizeOf({ instanceCount, properties }: DeploymentPlan): string {
  return `${instanceCount} x ${properties.instanceType ?? 'the default instance type'}`;
}

/** Instances when the pipeline does not say. */
const championInstances = 3;
const challengerInstances = 1;

export function planDeployment(
  inputs: DeployInputs,
  state: EndpointState,
  model: ModelToDeploy,
  runs: RunsIn,
): DeploymentPlan {
  const properties = propertiesOf(inputs, state, model, runs);
  const name = deploymentName(model.version, contentHash(properties));
  const existing = state.deployments.find(one => one.name === name);
  const { champion, endpoint } = state;
  // Without a champion there is nobody to challenge, and a champion cannot challenge itself.
  const onTrial = inputs.strategy !== 'allAtOnce' && champion !== undefined && champion.name !== name;
  const role: Role = onTrial ? 'challenger' : 'champion';
  return {
    name,
    model,
    properties,
    role,
    existing,
    instanceCount:
      inputs.instanceCount ?? (isGradual(inputs.strategy) ? championSize(state) : defaultInstances(role, existing)),
    tags: {
      ...inputs.file?.tags,
      ...inputs.tags,
      [tag.owner]: owner,
      [tag.role]: role,
      [tag.model]: tagValue(`${model.name}:${model.version}`),
      [tag.revision]: String(currentRevision(endpoint?.tags ?? {}) + 1),
      ...(model.digest ? { [tag.digest]: model.digest } : {}),
    },
    traffic: trafficFor(inputs, state, name, onTrial),
  };
}

/** Live traffic that a deployment is to end with. */
function trafficFor(
  { strategy, challengerTraffic: percent }: DeployInputs,
  { champion, challenger, live }: EndpointState,
  name: string,
  onTrial: boolean,
): Traffic {
  if (!isTrial(strategy) || !champion) return allTo(name);
  if (!onTrial) return live;
  // A run that was stopped half way may have left it a share.
  if (strategy === 'shadow') return without(live, [name]) ?? live;
  return challengerTraffic(live, name, percent, challenger?.name);
}

/** Whether a strategy ends with the new deployment as champion, after a time on trial. */
export function isGradual(strategy: DeployInputs['strategy']): boolean {
  return strategy === 'blueGreen' || strategy === 'canary';
}

/** Whether a strategy ends with the new deployment beside the champion. */
export function isTrial(strategy: DeployInputs['strategy']): boolean {
  return strategy === 'challenger' || strategy === 'shadow';
}

/** Who is to take over all of the traffic is made as large as the one that it replaces. */
function championSize({ champion }: EndpointState): number {
  return champion?.instanceCount ?? championInstances;
}

/** One that has its role already keeps its size, which somebody may have changed by hand. */
function defaultInstances(role: Role, existing: OnlineDeployment | undefined): number {
  if (existing && existing.tags[tag.role] === role && existing.instanceCount > 0) return existing.instanceCount;
  return role === 'champion' ? championInstances : challengerInstances;
}

function propertiesOf(
  { settings, newEndpoint }: DeployInputs,
  { endpoint }: EndpointState,
  model: ModelToDeploy,
  { environmentId, codeConfiguration }: RunsIn,
): DeploymentProperties {
  const { instanceType, ...others } = settings;
  const isKubernetes = Boolean(endpoint ? endpoint.resource.properties.compute : newEndpoint.compute);
  return {
    ...others,
    endpointComputeType: isKubernetes ? 'Kubernetes' : 'Managed',
    // Where nothing is said, a cluster has an instance type of its own.
    ...(instanceType === undefined || (isKubernetes && instanceType === defaultInstanceType) ? {} : { instanceType }),
    model: model.id,
    ...(environmentId === undefined ? {} : { environmentId }),
    ...(codeConfiguration === undefined ? {} : { codeConfiguration }),
    environmentVariables: {
      GUARDIAN_MODEL_NAME: model.name,
      GUARDIAN_MODEL_VERSION: model.version,
      ...(model.digest ? { GUARDIAN_MODEL_DIGEST: model.digest } : {}),
      ...settings.environmentVariables,
    },
  };
}

/** Equal for equal content, whatever the order in which it was written down. Size and tags can change in place. */
function contentHash(properties: DeploymentProperties): string {
  return createHash('sha256')
    .update(JSON.stringify(sorted(properties)))
    .digest('hex');
}

function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, inner]) => [key, sorted(inner)]));
}
