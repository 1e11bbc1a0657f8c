import type { CommandJob, JobInputUnion, JobOutputUnion } from '@azure/arm-machinelearning';
import { assetId } from '../../lib/azureml/assets';
import { computeId } from '../../lib/azureml/computes';
import type { Workspace } from '../../lib/azureml/workspace';
import { environmentId } from './job-environment';
import type { JobFile, JobSpec } from './job-file';
import { checkPaths, isRemote, localPath } from './job-paths';
import type { Uploads } from './uploads';

/** Builds the REST body of a command job. Paths and names are checked before anything is uploaded. */
export async function jobBody({ spec, folder }: JobFile, workspace: Workspace, uploads: Uploads): Promise<CommandJob> {
  checkPaths(spec, folder);
  const compute = await computeOf(spec, workspace);
  const environment = await environmentId(spec.environment, folder, workspace, uploads);
  const code = spec.code === undefined ? undefined : await codeOf(spec.code, folder, workspace, uploads);
  const inputs: Record<string, JobInputUnion> = {};
  for (const [name, input] of Object.entries(spec.inputs))
    inputs[name] = await inputOf(input, folder, workspace, uploads);
  const outputs = Object.fromEntries(Object.entries(spec.outputs).map(([name, output]) => [name, outputOf(output)]));
  return {
    jobType: 'Command',
    command: spec.command,
    environmentId: environment,
    ...present({
      codeId: code,
      computeId: compute,
      experimentName: spec.experiment_name,
      displayName: spec.display_name,
      description: spec.description,
      distribution: spec.distribution && distributionOf(spec.distribution),
      resources: spec.resources && resourcesOf(spec.resources),
      limits: spec.limits && { jobLimitsType: 'Command' as const, timeout: `PT${spec.limits.timeout}S` },
      identity: spec.identity && identityOf(spec.identity),
    }),
    tags: spec.tags,
    properties: spec.properties,
    environmentVariables: spec.environment_variables,
    inputs,
    outputs,
  };
}

/** Undefined for a job that brings no compute along: it runs on serverless compute of `resources.instance_type`. */
async function computeOf({ compute, resources }: JobSpec, workspace: Workspace): Promise<string | undefined> {
  if (compute === undefined || /^(azureml:)?serverless$/.test(compute)) return undefined;
  return computeId(workspace, compute, resources?.instance_count ?? 1);
}

async function codeOf(code: string, folder: string, workspace: Workspace, uploads: Uploads): Promise<string> {
  return isRemote(code) ? assetId(workspace, 'codes', code) : uploads.code(localPath(folder, code));
}

async function inputOf(
  input: JobSpec['inputs'][string],
  folder: string,
  workspace: Workspace,
  uploads: Uploads,
): Promise<JobInputUnion> {
  // The service takes literals as text only, booleans as Python writes them.
  if (typeof input === 'boolean') return { jobInputType: 'literal', value: input ? 'True' : 'False' };
  if (typeof input !== 'object') return { jobInputType: 'literal', value: String(input) };
  const { type, path, mode } = input;
  return {
    jobInputType: type,
    uri: await uriOf(type, path, folder, workspace, uploads),
    ...(mode === undefined ? {} : { mode: modes[mode] }),
  };
}

async function uriOf(
  type: string,
  path: string,
  folder: string,
  workspace: Workspace,
  uploads: Uploads,
): Promise<string> {
  if (!isRemote(path)) return uploads.data(localPath(folder, path));
  if (!path.startsWith('azureml:')) return path;
  return assetId(workspace, type.endsWith('_model') ? 'models' : 'data', path);
}

function outputOf({ type, path, mode }: JobSpec['outputs'][string]): JobOutputUnion {
  return {
    jobOutputType: type,
    ...(path === undefined ? {} : { uri: path }),
    ...(mode === undefined ? {} : { mode: modes[mode] }),
  };
}

/** Names of ways to reach data, in job files and in the API. */
const modes = {
  ro_mount: 'ReadOnlyMount',
  rw_mount: 'ReadWriteMount',
  download: 'Download',
  upload: 'Upload',
  direct: 'Direct',
  eval_mount: 'EvalMount',
  eval_download: 'EvalDownload',
} as const;

function distributionOf(distribution: NonNullable<JobSpec['distribution']>): NonNullable<CommandJob['distribution']> {
  const processes = present({ processCountPerInstance: distribution.process_count_per_instance });
  switch (distribution.type) {
    case 'pytorch':
      return { distributionType: 'PyTorch', ...processes };
    case 'mpi':
      return { distributionType: 'Mpi', ...processes };
    case 'tensorflow':
      return {
        distributionType: 'TensorFlow',
        ...present({
          workerCount: distribution.worker_count,
          parameterServerCount: distribution.parameter_server_count,
        }),
      };
  }
}

function resourcesOf(resources: NonNullable<JobSpec['resources']>): NonNullable<CommandJob['resources']> {
  return present({
    instanceCount: resources.instance_count,
    instanceType: resources.instance_type,
    shmSize: resources.shm_size,
    dockerArgs: resources.docker_args,
    properties: resources.properties as Record<string, Record<string, unknown>> | undefined,
  });
}

function identityOf(identity: NonNullable<JobSpec['identity']>): NonNullable<CommandJob['identity']> {
  switch (identity.type) {
    case 'aml_token':
      return { identityType: 'AMLToken' };
    case 'user_identity':
      return { identityType: 'UserIdentity' };
    default:
      return {
        identityType: 'Managed',
        ...present({
          clientId: identity.client_id,
          objectId: identity.object_id,
          resourceId: identity.msi_resource_id,
        }),
      };
  }
}

/** Without the properties that are undefined: the API takes absent, not null. */
function present<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
