import { coresMissing } from '../../lib/azureml/core-quota';
import { isOnDatastore, pathsBelow } from '../../lib/azureml/datastore-files';
import type { Workspace } from '../../lib/azureml/workspace';
import type { TaskHost } from '../../lib/host/task-host';
import { TaskError } from '../../lib/task-error';
import type { DeploymentPlan, ModelToDeploy } from './deployment-plan';
import type { EndpointState } from './endpoint-state';
import type { DeployInputs } from './inputs';
import type { RuntimeEnvironment } from './runtime-environment';

/** https://learn.microsoft.com/azure/machine-learning/how-to-manage-quotas#azure-machine-learning-online-endpoints-and-batch-endpoints */
const deploymentsPerEndpoint = 20;

/** What the service would refuse only after minutes, or never say: asked before anything is written. @returns every problem found */
export async function checkRoom(
  inputs: DeployInputs,
  workspace: Workspace,
  state: EndpointState,
  plan: DeploymentPlan,
  runtime: RuntimeEnvironment | undefined,
  host: TaskHost,
): Promise<TaskError[]> {
  const isNew = plan.existing === undefined;
  const asked = await Promise.all([
    inputs.checkQuota ? coresFor(workspace, plan, host) : Promise.resolve(undefined),
    isNew && runtime !== undefined ? somethingToServe(workspace, plan.model, host) : Promise.resolve(undefined),
  ]);
  return [placeOnEndpoint(state, plan), noMirror(inputs, plan), ...asked].filter(problem => problem !== undefined);
}

/** https://learn.microsoft.com/azure/machine-learning/how-to-safely-rollout-online-endpoints: mirroring is for managed endpoints. */
function noMirror({ strategy, endpointName }: DeployInputs, { properties }: DeploymentPlan): TaskError | undefined {
  if (strategy !== 'shadow' || properties.endpointComputeType === 'Managed') return undefined;
  return new TaskError(
    `The strategy shadow sends copies of live requests, which Azure does for managed endpoints only; ${endpointName} runs on Kubernetes. Use canary or challenger.`,
    { code: 'GuardianInput' },
  );
}

function placeOnEndpoint({ deployments, endpoint }: EndpointState, plan: DeploymentPlan): TaskError | undefined {
  if (plan.existing !== undefined || deployments.length < deploymentsPerEndpoint) return undefined;
  const names = deployments.map(({ name }) => name).join(', ');
  return new TaskError(
    `Endpoint ${endpoint?.name ?? ''} has ${deployments.length} deployments, and Azure takes ${deploymentsPerEndpoint} at most: ${names}. Remove those that nobody needs.`,
    { code: 'GuardianQuota' },
  );
}

async function coresFor(workspace: Workspace, plan: DeploymentPlan, host: TaskHost): Promise<TaskError | undefined> {
  const now = plan.existing?.instanceCount ?? 0;
  const { instanceType, endpointComputeType } = plan.properties;
  // A Kubernetes cluster has cores of its own.
  if (plan.instanceCount <= now || instanceType === undefined || endpointComputeType === 'Kubernetes') return undefined;
  return unlessForbidden('The core quota was not checked', host, () =>
    coresMissing(workspace, instanceType, { wanted: plan.instanceCount, now }),
  );
}

/** The bundled runtime serves ONNX files: without one the container would never get ready. */
async function somethingToServe(
  workspace: Workspace,
  { name, version, uri }: ModelToDeploy,
  host: TaskHost,
): Promise<TaskError | undefined> {
  if (!isOnDatastore(uri)) return undefined;
  const paths = await unlessForbidden("The model's files were not looked at", host, () =>
    pathsBelow(workspace, uri, host),
  );
  if (paths === undefined || paths.some(path => path.endsWith('.onnx'))) return undefined;
  const shown = paths.slice(0, 10).join(', ');
  return new TaskError(
    `The model ${name}:${version} holds no .onnx file, which is what the bundled scoring runtime serves. It holds ${shown === '' ? 'nothing' : shown}${paths.length > 10 ? ` and ${paths.length - 10} more` : ''}. Export the model to ONNX, or name an environment of your own.`,
    { code: 'GuardianInput' },
  );
}

/** A connection with few rights may still deploy: what it may not read is not checked, and it is told so. */
async function unlessForbidden<T>(what: string, host: TaskHost, check: () => Promise<T>): Promise<T | undefined> {
  try {
    return await check();
  } catch (error) {
    if (!(error instanceof TaskError) || error.errorCode !== 'GuardianForbidden') throw error;
    host.info(`${what}: ${error.message}`);
    return undefined;
  }
}
