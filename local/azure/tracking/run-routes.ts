import type { FastifyInstance, FastifyRequest } from 'fastify';
import { queryValue } from '../arm/arm-scope';
import { userError } from '../arm/arm-error';
import { stringMap } from '../assets/asset-body';
import { artifactPrefix } from '../assets/data-uri';
import type { AzureContext } from '../context';
import { record, type Body } from '../jobs/body-fields';
import { jobServices, jobTags } from '../jobs/job-resource';
import { artifactContainer } from '../workspace/datastores';
import type { TrackingParts } from './mlflow';
import { requireRun } from './run-artifacts';
import { runBody } from './run-body';
import type { Experiment, Run } from './run-store';
import { PlaneRefusal } from './workspace-plane';

/** Hours that the links to logs are good. */
const linkHours = 24;
/** What is a log among a job's artifacts. */
const logFolders = ['user_logs/', 'azureml-logs/', 'system_logs/', 'logs/'];
const pageSize = 100;
/** How long a token lives that a job asked for anew. */
const tokenSeconds = 24 * 3600;

interface RunParams {
  Params: { run: string };
}

/** The three ways to name a run. */
export const runPaths = ['/runs/:run', '/experiments/:experiment/runs/:run', '/experimentids/:experimentId/runs/:run'];

/** Runs: GET, PATCH, details, children, tags, services, data; experiments: GET. */
export function registerRuns(scope: FastifyInstance, context: AzureContext, parts: TrackingParts): void {
  const { runs, jobs } = parts;
  const show = (run: Run): Record<string, unknown> => runBody(run, parts, context);
  /** Jobs in the order in which they were made, then the runs that scripts made themselves. */
  const byCreation = (a: Run, b: Run): number =>
    (jobs.get(a.id)?.ordinal ?? Number.MAX_SAFE_INTEGER) - (jobs.get(b.id)?.ordinal ?? Number.MAX_SAFE_INTEGER) ||
    a.startTime - b.startTime;
  for (const path of runPaths) {
    scope.get<RunParams>(path, request => show(requireRun(parts, request.params.run)));
    scope.get<RunParams>(`${path}/details`, async request => {
      const run = requireRun(parts, request.params.run);
      const body = show(run);
      return {
        ...body,
        createdTimeUtc: body.createdUtc,
        logFiles: await logLinks(run.id, context),
        runDefinition: null,
      };
    });
    scope.get<RunParams>(`${path}/children`, request => {
      const children = runs.children(requireRun(parts, request.params.run).id);
      return page(children.sort(byCreation), request, context.baseUrl, show);
    });
    scope.patch<RunParams & { Body: Body | undefined }>(path, request => {
      const run = requireRun(parts, request.params.run);
      const { displayName, description, tags, properties, hidden } = request.body ?? {};
      runs.changeRun(run.id, {
        tags: { ...run.tags, ...stringMap(tags, 'tags') },
        ...(typeof displayName === 'string' ? { name: displayName } : {}),
        ...(typeof description === 'string' ? { description } : {}),
        ...(typeof hidden === 'boolean' ? { hidden } : {}),
      });
      runs.addProperties(run.id, stringMap(properties, 'properties'));
      return show(requireRun(parts, run.id));
    });
    scope.patch<RunParams & { Body: Body | undefined }>(`${path}/tags`, request => {
      const run = requireRun(parts, request.params.run);
      const { tagsToModify, tagsToDelete } = request.body ?? {};
      return show(changeTags(run, stringMap(tagsToModify, 'tagsToModify'), textList(tagsToDelete)));
    });
    scope.delete<RunParams & { Body: Body | undefined }>(`${path}/tags`, request =>
      show(changeTags(requireRun(parts, request.params.run), {}, textList(request.body?.tags))),
    );
    scope.get<RunParams>(`${path}/tags`, request => jobTags(requireRun(parts, request.params.run)));
    // A long job's clients ask for a new token when theirs is about to end.
    scope.get<RunParams>(`${path}/token`, async request => {
      const run = requireRun(parts, request.params.run);
      if (request.caller?.job !== undefined && request.caller.job !== run.id)
        throw new PlaneRefusal(403, `The token of job ${request.caller.job} gives no access to run ${run.id}.`);
      const token = await context.directory.jobToken(run.id, tokenSeconds);
      return { ...show(run), token, tokenExpiryTimeUtc: new Date(Date.now() + tokenSeconds * 1000).toISOString() };
    });
    scope.get<RunParams>(`${path}/services`, request => {
      const job = jobs.get(requireRun(parts, request.params.run).id);
      return { value: job ? jobServices(context, job) : {} };
    });
  }
  const changeTags = (run: Run, added: Record<string, string>, removed: string[]): Run => {
    const kept = Object.entries(run.tags).filter(([key]) => !removed.includes(key));
    return runs.changeRun(run.id, { tags: { ...Object.fromEntries(kept), ...added } }) ?? run;
  };
  const runData = (id: unknown): Record<string, unknown> => ({
    runMetadata: show(requireRun(parts, typeof id === 'string' ? id : '')),
    runDefinition: null,
    jobSpecification: null,
    systemSettings: null,
  });
  scope.post<{ Body: Body | undefined }>('/rundata', request => runData(request.body?.runId));
  scope.post<{ Body: Body | undefined }>('/batchrundata', request => {
    const requests = record(request.body ?? {}, 'requests');
    const results = Object.keys(requests).map(key => [
      key,
      { result: runData(record(requests, key, 'requests.').runId) },
    ]);
    return { results: Object.fromEntries(results) as Record<string, unknown> };
  });
  scope.get<{ Params: { experiment: string } }>('/experiments/:experiment', request => {
    const { experiment } = request.params;
    return experimentBody(requireExperiment(runs.experimentByName(experiment), experiment));
  });
  scope.get<{ Params: { experimentId: string } }>('/experimentids/:experimentId', request => {
    const { experimentId } = request.params;
    return experimentBody(requireExperiment(runs.experiment(experimentId), experimentId));
  });
}

function requireExperiment(experiment: Experiment | undefined, name: string): Experiment {
  if (!experiment) throw new PlaneRefusal(404, `Experiment ${name} was not found.`);
  return experiment;
}

function experimentBody(experiment: Experiment): Record<string, unknown> {
  return {
    experimentId: experiment.id,
    name: experiment.name,
    description: null,
    createdUtc: new Date(experiment.createdAt).toISOString(),
    tags: experiment.tags,
    archivedTime: null,
  };
}

/** One page: `$top` limits it, `$continuationtoken` is where the next one begins. */
function page(
  found: Run[],
  request: FastifyRequest,
  baseUrl: string,
  show: (run: Run) => unknown,
): Record<string, unknown> {
  const start = wholeNumber(request, '$continuationtoken') ?? 0;
  const top = wholeNumber(request, '$top');
  const end = start + Math.min(top ?? pageSize, 500);
  const value = found.slice(start, end).map(show);
  if (top !== undefined || end >= found.length) return { value, continuationToken: null, nextLink: null };
  const url = new URL(request.url, baseUrl);
  url.searchParams.set('$continuationtoken', String(end));
  return { value, continuationToken: String(end), nextLink: url.href };
}

function wholeNumber(request: FastifyRequest, name: string): number | undefined {
  const given = queryValue(request, name);
  if (given === undefined || given === '') return undefined;
  if (!/^\d{1,9}$/.test(given)) throw userError(`The value '${given}' of ${name} is not a whole number.`);
  return Number(given);
}

function textList(given: unknown): string[] {
  return Array.isArray(given) ? given.filter(item => typeof item === 'string') : [];
}

/** Links to every log of a run, by its path. The first lines of a log can be read while the job runs. */
async function logLinks(run: string, context: AzureContext): Promise<Record<string, string>> {
  const prefix = artifactPrefix(run);
  const found = await Promise.all(logFolders.map(folder => context.blobs.list(artifactContainer, prefix + folder)));
  return Object.fromEntries(
    found
      .flat()
      .map(blob => [
        blob.path.slice(prefix.length),
        context.blobs.sasUrl(artifactContainer, blob.path, 'r', linkHours),
      ]),
  );
}
