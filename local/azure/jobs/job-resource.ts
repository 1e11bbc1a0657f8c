import type { AzureContext } from '../context';
import type { Run } from '../tracking/run-store';
import type { JobRecord } from './job-record';

/** A job as ARM shows it. */
export function jobResource(context: AzureContext, job: JobRecord, run: Run): Record<string, unknown> {
  const { request } = job;
  const { host } = new URL(context.baseUrl);
  const outputs = mapValues(request.outputs, output => ({
    description: null,
    uri: null,
    assetName: null,
    assetVersion: null,
    ...output,
  }));
  return {
    id: `${context.workspaceArmId}/jobs/${job.name}`,
    name: job.name,
    type: 'Microsoft.MachineLearningServices/workspaces/jobs',
    properties: {
      jobType: 'Command',
      status: job.status,
      displayName: run.name,
      description: request.description,
      experimentName: request.experimentName,
      tags: jobTags(run),
      properties: {
        ...request.properties,
        '_azureml.ComputeTargetType': 'amlctrain',
        ContentSnapshotId: request.codeId ?? '',
        ...(job.startedAt === undefined ? {} : { StartTimeUtc: azureTime(job.startedAt) }),
        ...(job.endedAt === undefined ? {} : { EndTimeUtc: azureTime(job.endedAt) }),
      },
      isArchived: run.hidden,
      componentId: null,
      computeId: request.computeId,
      codeId: request.codeId,
      command: request.command,
      environmentId: request.environmentId,
      environmentVariables: request.environmentVariables,
      inputs: mapValues(request.inputs, input => ({ description: null, ...input })),
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
      resources: request.resources,
      limits: request.limits ?? { jobLimitsType: 'Command', timeout: null },
      distribution: request.distribution,
      identity: request.identity,
      queueSettings: request.queueSettings,
      parameters: {},
      services: {
        Tracking: {
          jobServiceType: 'Tracking',
          endpoint: `azureml://${host}/mlflow/v1.0${context.workspaceArmId}?`,
          port: null,
          status: null,
          errorMessage: null,
          properties: null,
        },
        Studio: {
          jobServiceType: 'Studio',
          endpoint: `https://ml.azure.com/runs/${job.name}?wsid=${context.workspaceArmId}&tid=${context.identity.tenantId}`,
          port: null,
          status: null,
          errorMessage: null,
          properties: null,
        },
      },
    },
    systemData: { createdAt: job.createdAt, createdBy: job.createdBy, createdByType: 'Application' },
  };
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
