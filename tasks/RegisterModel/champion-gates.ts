import { jobMetrics } from '../../lib/azureml/metrics';
import { versionOfAlias } from '../../lib/azureml/model-aliases';
import { findModel, getModel, referredModel, type Model } from '../../lib/azureml/models';
import { listDeployments } from '../../lib/azureml/online-deployments';
import { getEndpoint } from '../../lib/azureml/online-endpoints';
import type { Workspace } from '../../lib/azureml/workspace';
import type { TaskHost } from '../../lib/host/task-host';
import { championOf } from '../../lib/release/deployments';
import { judge, type Gate, type GateResult } from '../../lib/release/gates';
import { metricsInTags, tag } from '../../lib/release/tags';
import type { Candidate } from './candidate';

export interface ChampionGates {
  readonly gates: readonly Gate[];
  /** The model in production: the one that this endpoint's champion serves, or a version of the same model by its number or `@alias`. */
  readonly champion: { readonly endpoint: string } | { readonly version: string } | undefined;
  /** What the candidate must have been measured on for the gates to mean anything, such as `val_samples` and 500. */
  readonly minimumSample: { readonly metric: string; readonly count: number } | undefined;
  readonly onInconclusive: 'fail' | 'warn';
  readonly onGateFailure: 'refuse' | 'registerRejected';
}

export interface Judged {
  readonly results: GateResult[];
  /** The model in production and its metrics; undefined where none was named or there is none yet. */
  readonly champion: { readonly model: string; readonly metrics: Readonly<Record<string, number>> } | undefined;
}

/** Holds the candidate's metrics against the gates, and against the model in production where a gate says `champion`. */
export async function judgeCandidate(
  modelName: string,
  candidate: Candidate,
  { gates, champion, minimumSample }: ChampionGates,
  workspace: Workspace,
  host: TaskHost,
): Promise<Judged> {
  const needsChampion = gates.some(({ limit }) => limit.kind === 'champion');
  const model = champion ? await championModel(modelName, champion, workspace) : undefined;
  if (needsChampion || model)
    host.info(model ? `The champion is ${model.name}:${model.version}.` : 'There is no champion yet to compare with.');
  const reference = model && (await metricsOf(model, workspace));
  const results = gates
    .map(gate => judge(gate, candidate.metrics, reference && (reference[gate.metric] ?? NaN)))
    .map(result => withSample(result, candidate.metrics, minimumSample));
  return { results, champion: model && { model: `${model.name}:${model.version}`, metrics: reference ?? {} } };
}

/** The model in production; undefined while nothing is. */
async function championModel(
  modelName: string,
  champion: NonNullable<ChampionGates['champion']>,
  workspace: Workspace,
): Promise<Model | undefined> {
  if ('version' in champion) {
    if (!champion.version.startsWith('@')) return findModel(workspace, modelName, champion.version);
    const aliased = await versionOfAlias(workspace, modelName, champion.version.slice(1));
    return aliased === undefined ? undefined : findModel(workspace, modelName, aliased);
  }
  const endpoint = await getEndpoint(workspace, champion.endpoint);
  if (!endpoint) return undefined;
  const serving = championOf(await listDeployments(workspace, champion.endpoint), endpoint.traffic);
  const [name, version] = (serving?.tags[tag.model] ?? referredModel(serving?.modelId))?.split(':') ?? [];
  return name !== undefined && version !== undefined ? getModel(workspace, name, version) : undefined;
}

/** The metrics that the model was registered with, else those of the job that made it. */
async function metricsOf(model: Model, workspace: Workspace): Promise<Readonly<Record<string, number>>> {
  const tagged = metricsInTags(model.tags);
  if (Object.keys(tagged).length > 0) return tagged;
  const job = model.properties[tag.job] ?? model.jobName;
  return job ? (await jobMetrics(workspace, job)).last : {};
}

function withSample(
  result: GateResult,
  metrics: Readonly<Record<string, number>>,
  minimum: ChampionGates['minimumSample'],
): GateResult {
  if (!minimum || result.verdict === 'inconclusive') return result;
  const count = metrics[minimum.metric];
  if (count !== undefined && count >= minimum.count) return result;
  return {
    ...result,
    verdict: 'inconclusive',
    explanation: `measured on too little: ${minimum.metric} is ${count ?? 'not logged'}, and minimumSample asks for ${minimum.count}`,
  };
}
