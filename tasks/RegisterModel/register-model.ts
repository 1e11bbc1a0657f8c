import { digestOf, modelVersions, registerModel, tagModel, type Model } from '../../lib/azureml/models';
import { uploadData } from '../../lib/azureml/upload';
import { openWorkspace, type Workspace } from '../../lib/azureml/workspace';
import type { Outcome, TaskHost } from '../../lib/host/task-host';
import { examine, type Candidate } from './candidate';
import type { Inputs } from './inputs';
import { makeKnown } from './make-known';
import { reportModel } from './model-report';
import { modelSummary } from './model-summary';
import { gateLine, openGates } from '../../lib/release/gate-report';
import { verdictOf, type GateResult } from '../../lib/release/gates';
import { tag, tagValue } from '../../lib/release/tags';
import { TaskError } from '../../lib/task-error';
import { judgeCandidate, type ChampionGates } from './champion-gates';
import { identityTags, modelTags, releaseRecord } from './release-record';

/** Registers a model with metrics, lineage and content digest; the same content again is the version that is there already. */
export async function registerModelTask(inputs: Inputs, host: TaskHost): Promise<Outcome> {
  const workspace = await openWorkspace(inputs.connection, inputs, host);
  return registerInto(workspace, inputs, host);
}

export async function registerInto(workspace: Workspace, inputs: Inputs, host: TaskHost): Promise<Outcome> {
  const candidate = await examine(inputs.source, workspace, host);
  const found = await findSame(workspace, inputs.modelName, candidate);
  const judged = await judgeCandidate(inputs.modelName, candidate, inputs.gating, workspace, host);
  const gates = judged.results;
  gates.forEach(result => host.info(gateLine(result)));
  const refusal = gateRefusal(inputs.modelName, gates, inputs.gating, host);
  if (inputs.whatIf) {
    if (refusal) host.info(`Would fail: ${refusal.message}`);
    // Comparing without registering is what a pull request's build is for, so it is told there all the same.
    const headline = `${inputs.modelName} would ${refusal ? 'be refused' : found ? `be version ${found.version} again` : 'be registered'}`;
    await reportModel(workspace, inputs, candidate, judged, { headline }, host);
    return plan(inputs, candidate, found, host);
  }
  if (gates.length > 0) host.setOutput('verdict', verdictOf(gates));
  if (refusal && inputs.gating.onGateFailure === 'refuse') {
    await host.summary(`Model ${inputs.modelName}: refused`, modelSummary('refused', candidate, gates));
    await reportModel(workspace, inputs, candidate, judged, { headline: `${inputs.modelName}: not registered` }, host);
    throw refusal;
  }
  const rejected: Record<string, string> = refusal ? { [tag.rejected]: tagValue(openGates(gates).trim()) } : {};
  const tags = { ...modelTags(candidate, inputs.tags, host), ...rejected };
  const model = found ? await sameAgain(workspace, found, tags, rejected, host) : await register();
  const shared = refusal
    ? undefined
    : await makeKnown(workspace, model, other => isSameContent(other, candidate, model.version), inputs, host);
  const record = await publish(model, { isNew: !found, candidate, gates, shared }, host);
  const headline = `${model.name}:${model.version} ${refusal ? 'is registered as rejected' : found ? 'was registered before' : 'is registered'}`;
  await reportModel(workspace, inputs, candidate, judged, { headline, model, record }, host);
  if (refusal) throw refusal;
  return {
    result: 'succeeded',
    message: `Model ${model.name}:${model.version} is registered${found ? ' already' : ''}${shared === undefined ? '' : `, and shared as ${shared}`}.`,
  };

  async function register(): Promise<Model> {
    const { place } = candidate;
    const made = await registerModel(workspace, inputs.modelName, {
      uri: 'uri' in place ? place.uri : (await uploadData(workspace, place.upload, host)).uri,
      type: inputs.modelType,
      description: inputs.description,
      tags,
      properties: { ...inputs.properties, ...identityTags(candidate, host) },
      stage: inputs.stage,
    });
    host.info(`Registered ${made.name}:${made.version}.`);
    return made;
  }
}

/** The version that is there, with the tags that it lacks. */
async function sameAgain(
  workspace: Workspace,
  found: Model,
  tags: Readonly<Record<string, string>>,
  rejected: Readonly<Record<string, string>>,
  host: TaskHost,
): Promise<Model> {
  host.info(`Version ${found.version} has the same content: no new version.`);
  // A version that the training script registered by itself gets what a later deployment looks for.
  if (digestOf(found) === undefined) await tagModel(workspace, found, tags);
  else if (Object.keys(rejected).length > 0) await tagModel(workspace, found, rejected);
  return found;
}

/** Why the gates do not let the model through; undefined when they do. */
function gateRefusal(
  name: string,
  gates: readonly GateResult[],
  { onInconclusive, onGateFailure }: ChampionGates,
  host: TaskHost,
): TaskError | undefined {
  const verdict = verdictOf(gates);
  if (verdict === 'pass') return undefined;
  if (verdict === 'inconclusive' && onInconclusive === 'warn') {
    host.warn(`The model '${name}' could not be judged by all gates:\n${openGates(gates)}`);
    return undefined;
  }
  const what = onGateFailure === 'refuse' ? 'is not registered' : `is registered with the tag ${tag.rejected}`;
  return new TaskError(
    `The model '${name}' ${what}, because it ${verdict === 'fail' ? 'does not meet' : 'cannot be judged by'} metricGates:\n${openGates(gates)}`,
    { code: 'GuardianGateFailed' },
  );
}

function plan(inputs: Inputs, candidate: Candidate, found: Model | undefined, host: TaskHost): Outcome {
  const { place } = candidate;
  host.info(
    found
      ? `Would register nothing: version ${found.version} of the model '${inputs.modelName}' has the same content.`
      : `Would register a new version of the model '${inputs.modelName}' from ${'uri' in place ? place.uri : `an upload of ${place.upload}`} with the tags\n${JSON.stringify(modelTags(candidate, inputs.tags, host), null, 2)}`,
  );
  if (inputs.registryName !== undefined)
    host.info(`Would share it with the registry '${inputs.registryName}', unless that has this content.`);
  if (inputs.aliases.length > 0) host.info(`Would move to it: ${inputs.aliases.join(', ')}.`);
  return { result: 'succeeded', message: 'Plan only: nothing was uploaded or registered.' };
}

/** The version with the same content: by digest, or made by the training script from the same place of the same job. */
async function findSame(workspace: Workspace, name: string, candidate: Candidate): Promise<Model | undefined> {
  for await (const model of modelVersions(workspace, name)) {
    if (digestOf(model) === undefined ? isSamePlace(model, candidate) : isSameContent(model, candidate)) return model;
  }
  return undefined;
}

/** Whether a version holds this content. Where the content is not known, its number must do: `version`. */
function isSameContent(other: Model, { digest }: Candidate, version?: string): boolean {
  return digestOf(other) === digest && (digest !== undefined || other.version === version);
}

/** The service keeps the resolved place: a job's artifacts are below `ExperimentRun/dcid.<job>/`. */
function isSamePlace(model: Model, { from, place }: Candidate): boolean {
  const uri = model.uri.replace(/\/+$/, '');
  if (from !== undefined) return uri.endsWith(`/dcid.${from.job.name}/${from.path}`);
  return 'uri' in place && uri === place.uri.replace(/\/+$/, '');
}

async function publish(
  model: Model,
  {
    isNew,
    candidate,
    gates,
    shared,
  }: { isNew: boolean; candidate: Candidate; gates: readonly GateResult[]; shared: string | undefined },
  host: TaskHost,
): Promise<object> {
  host.setOutput('modelName', model.name);
  host.setOutput('modelVersion', model.version);
  host.setOutput('modelId', `azureml:${model.name}:${model.version}`);
  host.setOutput('modelDigest', candidate.digest ?? '');
  host.setOutput('isNew', String(isNew));
  if (shared !== undefined) host.setOutput('registryModelId', shared);
  const record = releaseRecord(model, candidate, gates, shared, host);
  await host.publishArtifact(
    `release-record-${model.name}`,
    'release-record.json',
    `${JSON.stringify(record, null, 2)}\n`,
  );
  await host.summary(
    `Model ${model.name}:${model.version}`,
    modelSummary(isNew ? 'new' : 'unchanged', candidate, gates, shared),
  );
  return record;
}
