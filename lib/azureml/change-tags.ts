import type { TaskHost } from '../host/task-host';
import { tag, type Tags } from '../release/tags';

/** Id of the pipeline run or release; undefined where there is none, such as at a terminal. */
export function runId(host: TaskHost): string | undefined {
  // In a release, Build.BuildId is that of an artifact, which other releases have as well.
  return host.variable('Release.ReleaseId') ?? host.variable('Build.BuildId');
}

/** Endpoint tags that say what made the latest change and in which pipeline run. */
export function changeTags(action: string, host: TaskHost): Tags {
  return { [tag.change]: action, [tag.changeBuild]: runId(host) ?? '' };
}

/** Whether the endpoint's latest change was this one; also of another run, where nothing tells runs apart. */
export function isLatestChange(tags: Tags, action: string, host: TaskHost): boolean {
  return Object.entries(changeTags(action, host)).every(([name, value]) => tags[name] === value);
}

/** Whether this pipeline run made the endpoint's latest change; false where nothing tells runs apart. */
export function isChangedByThisRun(tags: Tags, action: string, host: TaskHost): boolean {
  return Boolean(runId(host)) && isLatestChange(tags, action, host);
}
