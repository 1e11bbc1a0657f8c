import type { AzureContext } from '../context';
import type { Run } from '../tracking/run-store';
import type { JobRecord } from './job-record';
import type { CommandRequest, JobRequest, PipelineRequest, SweepRequest } from './job-request';

/**
 * A job as ARM shows it. The step of a pipeline has no properties there: its details are to be had from run history alone.
 * Source: azure-ai-ml, operations/_job_operations.py, "Child jobs are no longer available through MFE".
 */
export function jobResource(context: AzureContext, job: JobRecord, run: Run): Record<string, unknown> {
  const { request } = job;
  const isStep = job.parent !== undefined && job.searchSpace === undefined;
  return {
    id: `${context.workspaceArmId}/jobs/${job.name}`,
    name: job.name,
    type: 'Microsoft.MachineLearningServices/workspaces/jobs',
    properties: isStep ? null : { ...common(context, job, run), ...ofKind(request) },
    systemData: { createdAt: job.createdAt, createdBy: job.createdBy, createdByType: 'Application' },
  };
}

function common(context: AzureContext, job: JobRecord, run: Run): Record<string, unknown> {
  const { request } = job;
  const outputs = mapValues(request.outputs, output => ({ uri: null, assetName: null, assetVersion: null, ...output }));
  return {
    jobType: request.jobType,
    status: job.status,
    displayName: run.name,
    description: run.description ?? request.description,
    experimentName: request.experimentName,
    tags: jobTags(run),
    properties: jobProperties(job, run),
    isArchived: run.hidden,
    componentId: request.componentId,
    computeId: request.computeId,
    inputs: request.inputs,
    outputs: {
      ...outputs,
      default: {
        description: null,
        jobOutputType: 'uri_folder',
        mode: 'ReadWriteMount',
        // The service leaves the "/paths/" out here.
        uri: `azureml://datastores/workspaceartifactstore/ExperimentRun/dcid.${job.name}`,
      },
    },
    identity: request.identity,
    queueSettings: request.queueSettings,
    notificationSetting: request.notificationSetting,
    services: jobServices(context, job),
  };
}

function ofKind(request: JobRequest): Record<string, unknown> {
  switch (request.jobType) {
    case 'Command':
      return {
        ...commandFields(request),
        limits: request.limits ?? { jobLimitsType: 'Command', timeout: null },
        parameters: {},
      };
    case 'Sweep':
      return sweepFields(request);
    case 'Pipeline':
      return pipelineFields(request);
  }
}

function commandFields(spec: CommandRequest | SweepRequest['trial']): Record<string, unknown> {
  const { command, environmentId, codeId, environmentVariables, resources, distribution } = spec;
  return { command, environmentId, codeId, environmentVariables, resources, distribution };
}

function sweepFields(request: SweepRequest): Record<string, unknown> {
  return {
    trial: commandFields(request.trial),
    searchSpace: mapValues(request.searchSpace, ({ kind, parameters }) => [kind, parameters]),
    samplingAlgorithm: request.samplingAlgorithm,
    objective: request.objective,
    earlyTermination: request.earlyTermination,
    limits: request.limits,
  };
}

function pipelineFields({ jobs, settings }: PipelineRequest): Record<string, unknown> {
  return { jobs, settings, sourceJobId: null };
}

/** The services of a job as ARM and run history show them: the two that every job has, and those that it asked for. */
export function jobServices(context: AzureContext, job: JobRecord): Record<string, unknown> {
  const { host } = new URL(context.baseUrl);
  const blank = { port: null, status: null, errorMessage: null, properties: null, nodes: null };
  return {
    ...mapValues(job.request.services, service => ({ ...blank, endpoint: null, ...service })),
    Tracking: {
      ...blank,
      jobServiceType: 'Tracking',
      endpoint: `azureml://${host}/mlflow/v1.0${context.workspaceArmId}?`,
    },
    Studio: {
      ...blank,
      jobServiceType: 'Studio',
      endpoint: `https://ml.azure.com/runs/${job.name}?wsid=${context.workspaceArmId}&tid=${context.identity.tenantId}`,
    },
  };
}

/** What the client gave, what the service adds by the kind of job, and what was added to the run later. */
export function jobProperties(job: JobRecord, run: Run): Record<string, string> {
  const { request } = job;
  return {
    ...request.properties,
    ...ofService(request),
    ...(job.startedAt === undefined ? {} : { StartTimeUtc: azureTime(job.startedAt) }),
    ...(job.endedAt === undefined ? {} : { EndTimeUtc: azureTime(job.endedAt) }),
    ...run.properties,
  };
}

function ofService(request: JobRequest): Record<string, string> {
  switch (request.jobType) {
    case 'Command':
      return { '_azureml.ComputeTargetType': 'amlctrain', ContentSnapshotId: request.codeId ?? '' };
    case 'Sweep':
      // Names and forms as on the run of a sweep of the service.
      return {
        primary_metric_config: JSON.stringify({
          name: request.objective.primaryMetric,
          goal: request.objective.goal.toLowerCase(),
        }),
        resume_from: 'null',
        runTemplate: 'HyperDrive',
        'azureml.runsource': 'hyperdrive',
        platform: 'AML',
        ContentSnapshotId: request.trial.codeId ?? '',
      };
    case 'Pipeline':
      return {
        'azureml.runsource': 'azureml.PipelineRun',
        'azureml.parameters': JSON.stringify(
          mapValues(
            Object.fromEntries(Object.entries(request.inputs).filter(([, input]) => input.value !== undefined)),
            input => input.value,
          ),
        ),
        'azureml.continue_on_step_failure': request.continueOnStepFailure ? 'True' : 'False',
      };
  }
}

/** MLflow keeps its own bookkeeping in the same tags; a job does not show it. */
export function jobTags(run: Run): Record<string, string> {
  return Object.fromEntries(Object.entries(run.tags).filter(([key]) => !key.startsWith('mlflow.')));
}

/** `2025-01-31 10:00:00`, UTC: the form of times in a job's properties. */
function azureTime(iso: string): string {
  return iso.slice(0, 19).replace('T', ' ');
}

function mapValues<T, R>(map: Record<string, T>, change: (value: T) => R): Record<string, R> {
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [key, change(value)]));
}
