import type { TaskHost } from '../host/task-host';
import { tag, type Tags } from '../release/tags';

/** Endpoint tags that say what made the latest change and in which pipeline run. */
export function changeTags(action: string, host: TaskHost): Tags {
  // In a release, Build.BuildId is that of an artifact, which other releases have as well.
  const run = host.variable('Release.ReleaseId') ?? host.variable('Build.BuildId') ?? '';
  return { [tag.change]: action, [tag.changeBuild]: run };
}

/** Whether this pipeline run made the endpoint's latest change; false where nothing tells runs apart. */
export function isChangedByThisRun(tags: Tags, action: string, host: TaskHost): boolean {
  const run = changeTags(action, host);
  return run[tag.changeBuild] !== '' && Object.entries(run).every(([name, value]) => tags[name] === value);
}
