import { BuildApi } from 'azure-devops-node-api/BuildApi';
import type { TaskHost } from '../host/task-host';
import { devOpsProject, explainDevOps } from './devops-project';

/** Tags the build, by which a run can be found again: `nsfw-detector-endpoint-r3`. Outside a build there is nothing to tag; a refusal is a warning. */
export async function tagBuild(tags: readonly string[], host: TaskHost): Promise<void> {
  const build = host.variable('Build.BuildId');
  if (build === undefined || tags.length === 0) return;
  try {
    const place = devOpsProject(host);
    if (!place) return;
    // The client answers null for 404.
    const kept = (await place.client(BuildApi).addBuildTags([...tags], place.project, Number(build))) as
      string[] | null;
    if (kept === null) throw new Error(`Build ${build} was not found.`);
  } catch (error) {
    host.signal.throwIfAborted();
    host.warn(explainDevOps(error, `Tagging the build ${build}`, 'Update build information'));
  }
}
