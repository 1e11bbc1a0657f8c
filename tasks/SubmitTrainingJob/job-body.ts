import { existsSync, readFileSync } from 'node:fs';
import { isAbsolute, resolve } from 'node:path';
import type {
  CommandJob,
  EnvironmentVersionProperties,
  JobInputUnion,
  JobOutputUnion,
} from '@azure/arm-machinelearning';
import { stringify } from 'yaml';
import { anonymousEnvironment, resolveEnvironment } from '../../lib/azureml/environments';
import { computeId } from '../../lib/azureml/jobs';
import { uploadCode, uploadData } from '../../lib/azureml/upload';
import type { Workspace } from '../../lib/azureml/workspace';
import type { TaskHost } from '../../lib/host/task-host';
import { TaskError } from '../../lib/task-error';
import type { JobFile, JobSpec } from './job-file';

/** Turns local paths into what the service can reach. In plan mode nothing is uploaded and a marker stands in its place. */
export interface Uploads {
  code(folder: string): Promise<string>;
  data(path: string): Promise<string>;
  buildContext(folder: string): Promise<string>;
  environment(properties: EnvironmentVersionProperties): Promise<string>;
}

export function realUploads(workspace: Workspace, host: TaskHost): Uploads {
  return {
    code: folder => uploadCode(workspace, folder, host),
    data: async path => (await uploadData(workspace, path, host)).uri,
    buildContext: async folder => (await uploadData(workspace, folder, host)).url,
    environment: properties => anonymousEnvironment(workspace, properties),
  };
}

export const plannedUploads: Uploads = {
  code: folder => Promise.resolve(`(upload of ${folder})`),
  data: path => Promise.resolve(`(upload of ${path})`),
  buildContext: folder => Promise.resolve(`(upload of ${folder})`),
  environment: () => Promise.resolve('(new environment version)'),
};

/** Builds the REST body of a command job. A local path is checked before anything is uploaded. */
export async function jobBody({ spec, folder }: JobFile, workspace: Workspace, uploads: Uploads): Promise<CommandJob> {
  checkPaths(spec, folder);
  const compute =
    spec.compute === undefined ? undefined : await computeId(workspace, spec.compute.replace(/^azureml:/, ''));
  const environmentId = await environmentOf(spec.environment, folder, workspace, uploads);
  const inputs: Record<string, JobInputUnion> = {};
  for (const [name, input] of Object.entries(spec.inputs))
    inputs[name] = await inputOf(input, folder, workspace, uploads);
  const outputs = Object.fromEntries(Object.entries(spec.outputs).map(([name, output]) => [name, outputOf(output)]));
  return {
    jobType: 'Command',
    command: spec.command,
    environmentId,
    ...(spec.code === undefined
      ? {}
      : {
          codeId: isAsset(spec.code)
            ? assetId(workspace, 'codes', spec.code)
            : await uploads.code(localPath(folder, spec.code)),
        }),
    ...(compute === undefined ? {} : { computeId: compute }),
    ...(spec.experiment_name === undefined ? {} : { experimentName: spec.experiment_name }),
    ...(spec.display_name === undefined ? {} : { displayName: spec.display_name }),
    ...(spec.description === undefined ? {} : { description: spec.description }),
    tags: spec.tags,
    properties: spec.properties,
    environmentVariables: spec.environment_variables,
    inputs,
    outputs,
    ...(spec.distribution === undefined ? {} : { distribution: distributionOf(spec.distribution) }),
    ...(spec.resources === undefined ? {} : { resources: resourcesOf(spec.resources) }),
    ...(spec.limits === undefined
      ? {}
      : { limits: { jobLimitsType: 'Command', timeout: `PT${spec.limits.timeout}S` } }),
  };
}

function checkPaths(spec: JobSpec, folder: string): void {
  const environment = typeof spec.environment === 'string' ? {} : spec.environment;
  const named: [string, string | undefined][] = [
    ['code', spec.code],
    ['environment.conda_file', typeof environment.conda_file === 'string' ? environment.conda_file : undefined],
    ['environment.build.path', environment.build?.path],
    ...Object.entries(spec.inputs).map(([name, input]): [string, string | undefined] => [
      `inputs.${name}.path`,
      typeof input === 'object' ? input.path : undefined,
    ]),
  ];
  const missing = named.filter(
    ([, path]) => path !== undefined && !isAsset(path) && !existsSync(localPath(folder, path)),
  );
  if (missing.length === 0) return;
  const list = missing.map(([name, path]) => `  - ${name}: ${localPath(folder, path ?? '')}`).join('\n');
  throw new TaskError(
    `The job names ${missing.length === 1 ? 'a path that does' : 'paths that do'} not exist:\n${list}\nPaths are relative to the job file.`,
  );
}

async function environmentOf(
  environment: JobSpec['environment'],
  folder: string,
  workspace: Workspace,
  uploads: Uploads,
): Promise<string> {
  if (typeof environment === 'string') return resolveEnvironment(workspace, environment);
  const { image, conda_file: conda, build } = environment;
  if (build) {
    const contextUri = await uploads.buildContext(localPath(folder, build.path));
    return uploads.environment({ build: { contextUri, dockerfilePath: build.dockerfile_path } });
  }
  if (!image) throw new TaskError('environment names neither an image nor a build; one of them is needed.');
  if (conda === undefined) return uploads.environment({ image });
  return uploads.environment({
    image,
    condaFile: typeof conda === 'string' ? readFileSync(localPath(folder, conda), 'utf8') : stringify(conda),
  });
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
  const { type, path = '', mode } = input;
  const uri =
    path.startsWith('azureml:') && !path.startsWith('azureml://')
      ? assetId(workspace, type.endsWith('_model') ? 'models' : 'data', path)
      : isAsset(path)
        ? path
        : await uploads.data(localPath(folder, path));
  return { jobInputType: type, uri, ...(mode === undefined ? {} : { mode: modeOf(mode) }) };
}

function outputOf({ type, path, mode }: Exclude<JobSpec['outputs'][string], undefined>): JobOutputUnion {
  return {
    jobOutputType: type,
    ...(path === undefined ? {} : { uri: path }),
    ...(mode === undefined ? {} : { mode: modeOf(mode) }),
  };
}

const modes: Record<string, string> = {
  ro_mount: 'ReadOnlyMount',
  rw_mount: 'ReadWriteMount',
  download: 'Download',
  upload: 'Upload',
  direct: 'Direct',
  eval_mount: 'EvalMount',
  eval_download: 'EvalDownload',
};

function modeOf(mode: string): string {
  const known = modes[mode];
  if (known === undefined)
    throw new TaskError(`The mode "${mode}" is not known; there are ${Object.keys(modes).join(', ')}.`);
  return known;
}

function distributionOf(distribution: NonNullable<JobSpec['distribution']>): NonNullable<CommandJob['distribution']> {
  const processes = distribution.process_count_per_instance;
  switch (distribution.type.toLowerCase()) {
    case 'pytorch':
      return {
        distributionType: 'PyTorch',
        ...(processes === undefined ? {} : { processCountPerInstance: processes }),
      };
    case 'mpi':
      return { distributionType: 'Mpi', ...(processes === undefined ? {} : { processCountPerInstance: processes }) };
    default:
      return {
        distributionType: 'TensorFlow',
        ...(distribution.worker_count === undefined ? {} : { workerCount: distribution.worker_count }),
        ...(distribution.parameter_server_count === undefined
          ? {}
          : { parameterServerCount: distribution.parameter_server_count }),
      };
  }
}

function resourcesOf(resources: NonNullable<JobSpec['resources']>): NonNullable<CommandJob['resources']> {
  return {
    ...(resources.instance_count === undefined ? {} : { instanceCount: resources.instance_count }),
    ...(resources.instance_type === undefined ? {} : { instanceType: resources.instance_type }),
    ...(resources.shm_size === undefined ? {} : { shmSize: resources.shm_size }),
    ...(resources.docker_args === undefined ? {} : { dockerArgs: resources.docker_args }),
  };
}

/** Whether a path is not of this machine: an asset or any URI. */
function isAsset(path: string): boolean {
  return /^[a-z][a-z0-9+.-]+:/i.test(path);
}

function assetId(workspace: Workspace, kind: 'codes' | 'data' | 'models', reference: string): string {
  const match = /^azureml:([^:@]+):([^:@]+)$/.exec(reference);
  if (!match) throw new TaskError(`"${reference}" is not a reference to an asset: write azureml:name:version.`);
  return `${workspace.id}/${kind}/${match[1]}/versions/${match[2]}`;
}

function localPath(folder: string, path: string): string {
  return isAbsolute(path) ? path : resolve(folder, path);
}
