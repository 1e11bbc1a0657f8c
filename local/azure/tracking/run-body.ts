import { newRequestId } from '../arm/arm-error';
import type { AzureContext } from '../context';
import { jobProperties, jobServices, jobTags } from '../jobs/job-resource';
import type { JobFailure, JobRecord } from '../jobs/job-record';
import type { TrackingParts } from './mlflow';
import { outputAsset } from './output-uris';
import { jobStatusOf } from './run-status';
import type { Run } from './run-store';

/** Kind of run and what runs it, as the service names them. */
const kinds = {
  Command: { runType: 'azureml.scriptrun', orchestrator: 'Execution', traits: [] },
  Sweep: { runType: 'hyperdrive', orchestrator: 'HyperDrive', traits: [] },
  Pipeline: { runType: 'azureml.PipelineRun', orchestrator: 'Pipeline', traits: [] },
} as const;

/** A run as run history shows it. */
export function runBody(run: Run, parts: TrackingParts, context: AzureContext): Record<string, unknown> {
  const job = parts.jobs.get(run.id);
  const status = job?.status ?? jobStatusOf[run.status];
  const outputs = Object.entries(job?.request.outputs ?? {}).map(([name, output]) => [
    name,
    outputAsset(context, run.id, name, output.jobOutputType),
  ]);
  const { runType, ...runTypeV2 } = kinds[job?.request.jobType ?? 'Command'];
  const createdUtc = job?.createdAt ?? new Date(run.startTime).toISOString();
  const startTimeUtc = job ? (job.startedAt ?? null) : new Date(run.startTime).toISOString();
  const endTimeUtc = job?.endedAt ?? (run.endTime === undefined ? null : new Date(run.endTime).toISOString());
  const target = job ? (job.request.computeId?.split('/').at(-1) ?? 'serverless') : null;
  const user = { userObjectId: run.userId, userName: run.userId, userTenantId: context.identity.tenantId, upn: null };
  return {
    runId: run.id,
    runUuid: run.id,
    rootRunId: rootOf(run, parts).id,
    rootRunUuid: rootOf(run, parts).id,
    parentRunId: run.parentId ?? null,
    parentRunUuid: run.parentId ?? null,
    experimentId: run.experimentId,
    experimentName: parts.runs.experiment(run.experimentId)?.name ?? null,
    dataContainerId: `dcid.${run.id}`,
    displayName: run.name,
    description: run.description ?? job?.request.description ?? null,
    name: null,
    runType,
    runTypeV2: { ...runTypeV2, attribution: null, computeType: null },
    status,
    hidden: run.hidden,
    tags: jobTags(run),
    properties: job ? jobProperties(job, run) : (run.properties ?? {}),
    parameters: run.params,
    target,
    compute: target === null ? null : computeOf(job, target),
    createdBy: user,
    lastModifiedBy: user,
    userId: run.userId,
    createdUtc,
    lastModifiedUtc: endTimeUtc ?? startTimeUtc ?? createdUtc,
    startTimeUtc,
    endTimeUtc,
    duration:
      startTimeUtc === null || endTimeUtc === null ? null : timeSpan(Date.parse(endTimeUtc) - Date.parse(startTimeUtc)),
    inputs: {},
    outputs: Object.fromEntries(outputs) as Record<string, unknown>,
    services: job ? jobServices(context, job) : {},
    warnings: [],
    error: job?.error ? runError(job.error, context) : null,
  };
}

function computeOf(job: JobRecord | undefined, target: string): Record<string, unknown> {
  const request = job?.request;
  const spec = request?.jobType === 'Command' ? request : request?.jobType === 'Sweep' ? request.trial : undefined;
  return {
    target,
    targetType: 'amlctrain',
    vmSize: spec?.resources.instanceType ?? null,
    instanceCount: spec?.resources.instanceCount ?? null,
    gpuCount: null,
  };
}

function rootOf(run: Run, parts: TrackingParts): Run {
  const parent = run.parentId === undefined ? undefined : parts.runs.run(run.parentId);
  return parent && parent.id !== run.id ? rootOf(parent, parts) : run;
}

/** The error envelope of run history. */
export function runError(failure: JobFailure, context: AzureContext): Record<string, unknown> {
  const id = newRequestId();
  return {
    error: {
      code: failure.code,
      severity: null,
      message: failure.message,
      messageFormat: failure.messageFormat ?? null,
      messageParameters: failure.messageParameters ?? {},
      referenceCode: null,
      detailsUri: null,
      target: null,
      details: [],
      innerError: failure.innerCode === undefined ? null : { code: failure.innerCode, innerError: null },
      debugInfo: null,
      additionalInfo: null,
    },
    correlation: { operation: id, request: id },
    environment: context.identity.region,
    location: context.identity.region,
    time: new Date().toISOString(),
    componentName: 'RunHistory',
  };
}

/** .NET's form of a time span: `00:01:02.5000000`. */
function timeSpan(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1000);
  const two = (value: number): string => String(value).padStart(2, '0');
  const clock = `${two(Math.floor(seconds / 3600) % 24)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  const days = Math.floor(seconds / 86_400);
  return `${days > 0 ? `${days}.` : ''}${clock}.${String(milliseconds % 1000).padStart(3, '0')}0000`;
}
