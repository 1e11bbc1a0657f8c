import type { FastifyInstance } from 'fastify';
import { workspacePath } from '../arm/arm-scope';
import { newRequestId } from '../arm/arm-error';
import { acceptJsonBodies } from '../arm/json-body';
import { stringMap } from '../assets/asset-body';
import { artifactPrefix } from '../assets/data-uri';
import type { AzureContext } from '../context';
import { jobTags } from '../jobs/job-resource';
import type { JobRecord, JobStatus } from '../jobs/job-record';
import { artifactContainer } from '../workspace/datastores';
import type { TrackingParts } from './mlflow';
import type { Run, RunStatus } from './run-store';
import { registerRunArtifacts, requireRun } from './run-artifacts';
import { PlaneRefusal, planeCaller } from './workspace-plane';

/** Hours that the links to logs and artifacts are good. */
const linkHours = 24;
/** What is a log among a job's artifacts. */
const logFolders = ['user_logs/', 'azureml-logs/', 'system_logs/', 'logs/'];

const statusOfRun: Record<RunStatus, JobStatus> = {
  SCHEDULED: 'NotStarted',
  RUNNING: 'Running',
  FINISHED: 'Completed',
  FAILED: 'Failed',
  KILLED: 'Canceled',
};

interface RunParams {
  Params: { run: string };
}

/** Run history, below `/history/v1.0/…`: what explains a job (details, log links, errors) and lists what it left behind. */
export async function registerRunHistory(
  app: FastifyInstance,
  context: AzureContext,
  parts: TrackingParts,
): Promise<void> {
  for (const version of ['v1.0', 'v2.0']) {
    await app.register(
      (scope, _options, done) => {
        scope.decorateRequest('caller', undefined);
        acceptJsonBodies(scope);
        scope.addHook('onRequest', async request => {
          request.caller = await planeCaller(request, context, parts.jobs);
        });
        scope.setErrorHandler((error, request, reply) => {
          const status = statusOf(error);
          if (status === 500)
            context.log(
              `${request.method} ${request.url} failed: ${error instanceof Error ? (error.stack ?? '') : String(error)}`,
            );
          const message = error instanceof Error ? error.message : String(error);
          return reply.code(status).send(errorBody(codeOf(status), message, context));
        });
        registerRuns(scope, context, parts);
        registerRunArtifacts(scope, context, parts);
        done();
      },
      { prefix: `/history/${version}${workspacePath}` },
    );
  }
}

function registerRuns(scope: FastifyInstance, context: AzureContext, parts: TrackingParts): void {
  const { runs, jobs } = parts;
  const show = (run: Run): Record<string, unknown> => runBody(run, jobs.get(run.id), parts, context);
  for (const path of ['/runs/:run', '/experiments/:experiment/runs/:run']) {
    scope.get<RunParams>(path, request => show(requireRun(parts, request.params.run)));
    scope.get<RunParams>(`${path}/details`, async request => {
      const run = requireRun(parts, request.params.run);
      const { error, ...body } = show(run);
      const job = jobs.get(run.id);
      return {
        ...body,
        logFiles: await logLinks(run.id, context),
        warnings: [],
        error: job?.error ? errorBody(job.error.code, job.error.message, context) : (error ?? null),
      };
    });
    scope.get<RunParams>(`${path}/children`, request => ({
      value: runs.children(requireRun(parts, request.params.run).id).map(show),
      continuationToken: null,
    }));
    scope.patch<RunParams & { Body: Record<string, unknown> | undefined }>(path, request => {
      const run = requireRun(parts, request.params.run);
      const { displayName, description, tags, properties, hidden } = request.body ?? {};
      const changed = runs.changeRun(run.id, {
        tags: { ...run.tags, ...stringMap(tags, 'tags') },
        ...(typeof displayName === 'string' ? { name: displayName } : {}),
        ...(typeof hidden === 'boolean' ? { hidden } : {}),
      });
      const job = jobs.get(run.id);
      if (job) {
        jobs.change(run.id, {
          request: {
            ...job.request,
            properties: { ...job.request.properties, ...stringMap(properties, 'properties') },
            ...(typeof description === 'string' ? { description } : {}),
          },
        });
      }
      return show(changed ?? run);
    });
  }
  scope.post<{ Body: { runId?: string } | undefined }>('/rundata', request => ({
    runMetadata: show(requireRun(parts, request.body?.runId ?? '')),
    runDefinition: null,
    jobSpecification: null,
    systemSettings: null,
  }));
}

function runBody(
  run: Run,
  job: JobRecord | undefined,
  parts: TrackingParts,
  context: AzureContext,
): Record<string, unknown> {
  const status = job?.status ?? statusOfRun[run.status];
  const outputs = Object.entries(job?.request.outputs ?? {}).map(([name, output]) => [
    name,
    { assetId: null, type: output.jobOutputType },
  ]);
  const end = job?.endedAt ?? (run.endTime === undefined ? null : new Date(run.endTime).toISOString());
  return {
    runId: run.id,
    runUuid: run.id,
    rootRunId: run.parentId ?? run.id,
    parentRunId: run.parentId ?? null,
    experimentId: run.experimentId,
    dataContainerId: `dcid.${run.id}`,
    displayName: run.name,
    description: job?.request.description ?? null,
    name: null,
    runType: 'azureml.scriptrun',
    runTypeV2: null,
    status,
    hidden: run.hidden,
    tags: jobTags(run),
    properties: job?.request.properties ?? {},
    target: job?.request.computeId?.split('/').at(-1) ?? null,
    createdUtc: job?.createdAt ?? new Date(run.startTime).toISOString(),
    startTimeUtc: job ? (job.startedAt ?? null) : new Date(run.startTime).toISOString(),
    endTimeUtc: end,
    inputs: {},
    outputs: Object.fromEntries(outputs) as Record<string, unknown>,
    services: {},
    error: job?.error ? errorBody(job.error.code, job.error.message, context) : null,
    experimentName: parts.runs.experiment(run.experimentId)?.name ?? null,
  };
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

function statusOf(error: unknown): number {
  if (error instanceof PlaneRefusal) return error.status;
  const { status, statusCode } = error as { status?: number; statusCode?: number };
  const known = status ?? statusCode;
  return known !== undefined && known < 500 ? known : 500;
}

function codeOf(status: number): string {
  return status >= 500 ? 'ServiceError' : 'UserError';
}

/** The error envelope of run history. */
function errorBody(code: string, message: string, context: AzureContext): Record<string, unknown> {
  const id = newRequestId();
  return {
    error: {
      code,
      severity: null,
      message,
      messageFormat: null,
      messageParameters: {},
      referenceCode: null,
      detailsUri: null,
      target: null,
      details: [],
      innerError: null,
      debugInfo: null,
    },
    correlation: { operation: id, request: id },
    environment: context.identity.region,
    location: context.identity.region,
    time: new Date().toISOString(),
    componentName: 'RunHistory',
  };
}
