import { createHash } from 'node:crypto';
import type { TaskHost } from '../host/task-host';
import type { BuildReport } from '../release/build-report';
import { curvePicture } from './curve-picture';
import { explainDevOps } from './devops-project';
import { publishReport, type ReportContent } from './publish-report';
import { attachPicture, keepComment, pullRequestOf, type PullRequest } from './pull-request';
import { reportSection, withSection } from './report-markdown';

/**
 * Publishes a report for the tab, and when the build is of a pull request in Azure Repos, says the same in the one comment there.
 * Nothing of it can fail the step: a refusal is a warning.
 */
export async function publishAndComment(
  content: ReportContent,
  { pullRequestComment }: { readonly pullRequestComment: boolean },
  host: TaskHost,
): Promise<void> {
  const report = await publishReport(content, host);
  if (!pullRequestComment) return;
  try {
    const request = pullRequestOf(host);
    if (!request) return;
    const pictures = await picturesOf(report, request, host);
    const section = reportSection(report, buildOf(request, host), pictures);
    await keepComment(request, text => withSection(text, report.subject, section), host);
    host.info(`Commented on pull request ${request.id}.`);
  } catch (error) {
    host.signal.throwIfAborted();
    host.warn(explainDevOps(error, 'Commenting on the pull request', 'Contribute to pull requests'));
  }
}

/** Addresses of the pictures of the first curves. The comment is worth having without them. */
async function picturesOf(report: BuildReport, request: PullRequest, host: TaskHost): Promise<Record<string, string>> {
  const pictures: Record<string, string> = {};
  for (const { name, history } of (report.metrics ?? []).filter(metric => metric.history).slice(0, mostPictures)) {
    const png = curvePicture(history ?? []);
    const hash = createHash('sha256').update(png).digest('hex').slice(0, 12);
    const file = `guardian-${name.replace(/[^A-Za-z0-9]+/g, '-')}-${hash}.png`;
    try {
      pictures[name] = await attachPicture(request, file, png);
    } catch (error) {
      host.debug(`The picture ${file} was not attached: ${String(error)}`);
      break;
    }
  }
  return pictures;
}

const mostPictures = 6;

function buildOf({ place }: PullRequest, host: TaskHost): { name: string; url: string } {
  const id = host.variable('Build.BuildId') ?? '';
  return {
    name: `build ${host.variable('Build.BuildNumber') ?? id}`,
    url: `${place.collectionUri}${encodeURIComponent(place.project)}/_build/results?buildId=${id}`,
  };
}
