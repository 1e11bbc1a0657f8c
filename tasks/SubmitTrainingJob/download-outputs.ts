import { resolve } from 'node:path';
import type { Job } from '../../lib/azureml/jobs';
import { downloadUri } from '../../lib/azureml/datastore-files';
import type { Workspace } from '../../lib/azureml/workspace';
import type { TaskHost } from '../../lib/host/task-host';
import { TaskError } from '../../lib/task-error';

/** Where a job's outputs lie: `default` is what it wrote below `./outputs` and its logs; the others are named in the job. */
export function outputUris(job: Job): Record<string, string> {
  return {
    ...job.outputs,
    default: `azureml://datastores/workspaceartifactstore/paths/ExperimentRun/dcid.${job.name}/`,
  };
}

/** Downloads outputs of a completed job, each into its folder. A part of one is named by its path, `default/outputs/model`. */
export async function downloadOutputs(
  workspace: Workspace,
  job: Job,
  wanted: Readonly<Record<string, string>>,
  host: TaskHost,
): Promise<void> {
  const uris = outputUris(job);
  for (const [output, folder] of Object.entries(wanted)) {
    const [name = '', ...path] = output.split('/');
    const target = resolve(host.variable('System.DefaultWorkingDirectory') ?? '.', folder);
    const uri = uris[name];
    if (uri === undefined)
      throw new TaskError(
        `downloadOutputs: job ${job.name} has no output '${name}'. It has ${Object.keys(uris).join(', ')}.`,
        { code: 'GuardianNotFound' },
      );
    const count = await downloadUri(workspace, `${uri.replace(/\/$/, '')}/${path.join('/')}`, target, host);
    if (count === 0)
      throw new TaskError(`downloadOutputs: the output '${output}' of job ${job.name} holds no files.`, {
        code: 'GuardianNotFound',
      });
    host.info(`Downloaded ${count} ${count === 1 ? 'file' : 'files'} of the output '${output}' to ${target}.`);
  }
}
