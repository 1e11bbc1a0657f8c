import { readFileSync } from 'node:fs';
import { stringify } from 'yaml';
import { yamlOptions } from '../job-file/yaml-file';
import { TaskError } from '../../../lib/task-error';
import { isRemote, localPath } from '../job-file/local-paths';
import type { EnvironmentSpec } from '../job-file/parts';
import type { JobAssets } from './job-assets';

/** ARM id of the job's environment: one that is registered, or one that the job spells out (image, conda file, build). */
export async function environmentId(environment: EnvironmentSpec, folder: string, assets: JobAssets): Promise<string> {
  if (typeof environment === 'string') return assets.namedEnvironment(environment);
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
    const contextUri = isRemote(build.path) ? build.path : await assets.buildContext(localPath(folder, build.path));
    const properties = { ...about, build: { contextUri, dockerfilePath: build.dockerfile_path } };
    return assets.environment({ ...named, properties });
  }
  const condaFile =
    typeof conda === 'string' ? readFileSync(localPath(folder, conda), 'utf8') : conda && stringify(conda, yamlOptions);
  const properties = { ...about, image, ...(condaFile === undefined ? {} : { condaFile }) };
  return assets.environment({ ...named, properties: properties as typeof properties & { image: string } });
}
