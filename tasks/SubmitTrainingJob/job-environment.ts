import { readFileSync } from 'node:fs';
import { stringify } from 'yaml';
import { resolveEnvironment } from '../../lib/azureml/environments';
import type { Workspace } from '../../lib/azureml/workspace';
import { TaskError } from '../../lib/task-error';
import type { JobSpec } from './job-file';
import { isRemote, localPath } from './job-paths';
import type { Uploads } from './uploads';

/** ARM id of the job's environment: one that is registered, or one that the job spells out (image, conda file, build). */
export async function environmentId(
  environment: JobSpec['environment'],
  folder: string,
  workspace: Workspace,
  uploads: Uploads,
): Promise<string> {
  if (typeof environment === 'string') return resolveEnvironment(workspace, environment);
  const { image, conda_file: conda, build, description, tags } = environment;
  if ((image === undefined) === (build === undefined)) {
    throw new TaskError(
      `The job's environment must name either an image or a build${build === undefined ? '; it names neither' : ', not both'}.`,
      { code: 'GuardianInput' },
    );
  }
  const about = { ...(description === undefined ? {} : { description }), ...(tags === undefined ? {} : { tags }) };
  const named = { name: environment.name, version: environment.version };
  if (build) {
    const contextUri = isRemote(build.path) ? build.path : await uploads.buildContext(localPath(folder, build.path));
    const properties = { ...about, build: { contextUri, dockerfilePath: build.dockerfile_path } };
    return uploads.environment({ ...named, properties });
  }
  const condaFile =
    typeof conda === 'string' ? readFileSync(localPath(folder, conda), 'utf8') : conda && stringify(conda);
  const properties = { ...about, image, ...(condaFile === undefined ? {} : { condaFile }) };
  return uploads.environment({ ...named, properties: properties as typeof properties & { image: string } });
}
