import { versionOfAlias } from '../../lib/azureml/model-aliases';
import { digestOf, findModel } from '../../lib/azureml/models';
import { hasFailed } from '../../lib/azureml/online-endpoints';
import { registryModel } from '../../lib/azureml/registry';
import type { Workspace } from '../../lib/azureml/workspace';
import type { TaskHost } from '../../lib/host/task-host';
import type { ReleaseRecord } from '../../lib/release/release-record';
import { tag } from '../../lib/release/tags';
import { TaskError } from '../../lib/task-error';
import { planDeployment, type DeploymentPlan, type ModelToDeploy } from './deployment-plan';
import { readState, type EndpointState } from './endpoint-state';
import type { DeployInputs } from './inputs';
import { readGoldenSet, readReplay, type GoldenCase } from './golden-set';
import { checkRecorded, namedByRecord } from './release-source';
import { checkRoom } from './room';
import type { RuntimeEnvironment } from './runtime-environment';
import { readSmokeTest, type SmokeTest } from './smoke-test';
import { bringsFiles, findWhatRuns } from './what-runs';

/** Everything that a deployment needs, found and decided before the first write. */
export interface Preflight {
  readonly state: EndpointState;
  readonly plan: DeploymentPlan;
  /** Undefined when the pipeline names an environment of its own. */
  readonly runtime: RuntimeEnvironment | undefined;
  readonly smokeTest: SmokeTest | undefined;
  /** Of the golden set and the requests to replay; empty without either. */
  readonly cases: readonly GoldenCase[];
  /** Of an earlier stage. */
  readonly record: ReleaseRecord | undefined;
}

/** @throws TaskError that lists every problem found, not only the first */
export async function preflight(
  asked: DeployInputs,
  workspace: Workspace,
  runtimeFolder: string,
  host: TaskHost,
): Promise<Preflight> {
  const problems: TaskError[] = [];
  const collect = async <T>(check: Promise<T>): Promise<T | undefined> => {
    try {
      return await check;
    } catch (error) {
      if (!(error instanceof TaskError) || host.signal.aborted) throw error;
      problems.push(error);
      return undefined;
    }
  };
  const named = await collect(Promise.resolve(asked).then(namedByRecord));
  const { inputs, record } = named ?? { inputs: asked, record: undefined };
  const foundModel = named ? collect(findModelToDeploy(inputs, record, workspace, host)) : Promise.resolve(undefined);
  const whatRuns = () => collect(findWhatRuns(inputs, foundModel, workspace, runtimeFolder, host));
  const [model, known, state, smokeTest, goldenSet, replay] = await Promise.all([
    foundModel,
    bringsFiles(inputs) ? undefined : whatRuns(),
    collect(readUsableState(inputs, workspace)),
    collect(inputs.smokeTestFile ? readSmokeTest(inputs.smokeTestFile) : Promise.resolve(undefined)),
    collect(Promise.resolve(inputs.goldenSet).then(folder => (folder ? readGoldenSet(folder) : []))),
    collect(Promise.resolve(inputs.replay).then(folder => (folder ? readReplay(folder, inputs.replayRequests) : []))),
  ]);
  // What is uploaded is uploaded when all else is in order.
  const runs = known ?? (problems.length === 0 ? await whatRuns() : undefined);
  if (!model || !runs || !state) throw together(problems);
  const plan = planDeployment(inputs, state, model, runs);
  problems.push(...(await checkRoom(inputs, workspace, state, plan, runs.runtime, host)));
  if (problems.length > 0) throw together(problems);
  return {
    state,
    plan,
    runtime: runs.runtime,
    smokeTest,
    cases: [...(goldenSet ?? []), ...(replay ?? [])],
    record,
  };
}

/** One error for all of them. */
function together(problems: readonly TaskError[]): TaskError {
  const [first, ...others] = problems;
  if (first !== undefined && others.length === 0) return first;
  const lines = problems.map(problem => `- ${problem.message}`);
  return new TaskError(`Nothing was created, because ${problems.length} things are in the way:\n${lines.join('\n')}`, {
    code: first?.errorCode ?? 'GuardianFailed',
  });
}

async function findModelToDeploy(
  inputs: DeployInputs,
  record: ReleaseRecord | undefined,
  workspace: Workspace,
  host: TaskHost,
): Promise<ModelToDeploy> {
  const { registryName, modelName, modelVersion } = inputs;
  const model = await (registryName === undefined
    ? findModel(workspace, modelName, await versionToDeploy(inputs, workspace))
    : registryModel(workspace, registryName, modelName, modelVersion));
  if (model.tags[tag.rejected]) {
    host.warn(
      `A rollback has rejected ${model.name}:${model.version} before: ${model.tags[tag.rejected] ?? ''}. It is deployed because the pipeline says so; name another modelVersion to deploy that.`,
    );
  }
  const found: ModelToDeploy = {
    id: model.id,
    name: model.name,
    version: model.version,
    type: model.type,
    uri: model.uri,
    digest: digestOf(model),
    tags: model.tags,
  };
  if (record) checkRecorded(record, found);
  return found;
}

/** What an alias such as `@champion` leads to now; anything else as it is. */
async function versionToDeploy({ modelName, modelVersion }: DeployInputs, workspace: Workspace): Promise<string> {
  if (!modelVersion.startsWith('@')) return modelVersion;
  const alias = modelVersion.slice(1);
  const version = await versionOfAlias(workspace, modelName, alias);
  if (version !== undefined) return version;
  throw new TaskError(
    `No version of the model '${modelName}' has the alias '${alias}'. RegisterModel gives one by its input aliases; or name a version, or latest.`,
    { code: 'GuardianNotFound' },
  );
}

async function readUsableState(inputs: DeployInputs, workspace: Workspace): Promise<EndpointState> {
  const state = await readState(workspace, inputs.endpointName);
  const { endpoint } = state;
  if (!endpoint) return state;
  if (hasFailed(endpoint) && state.deployments.length === 0) {
    throw new TaskError(
      `Endpoint ${endpoint.name} was never made: it is in state ${endpoint.provisioningState}, in which Azure takes no deployments. Delete it, or choose another endpoint name.`,
    );
  }
  return state;
}
