import { metricCurves } from '../../lib/azureml/metrics';
import type { Model } from '../../lib/azureml/models';
import type { Workspace } from '../../lib/azureml/workspace';
import { publishAndComment } from '../../lib/devops/comment-report';
import type { TaskHost } from '../../lib/host/task-host';
import { reportGates, reportLink } from '../../lib/release/build-report';
import { verdictOf } from '../../lib/release/gates';
import type { Candidate } from './candidate';
import type { Judged } from './champion-gates';
import type { Inputs } from './inputs';

/** For the tab and the pull request: the candidate against the champion. */
export async function reportModel(
  workspace: Workspace,
  { modelName, pullRequestComment }: Pick<Inputs, 'modelName' | 'pullRequestComment'>,
  candidate: Candidate,
  { results, champion }: Judged,
  outcome: { readonly headline: string; readonly model?: Model; readonly record?: object },
  host: TaskHost,
): Promise<void> {
  const { from, metrics, digest } = candidate;
  // Each curve is a request, and the tab has them from the training task: only the comment needs them again.
  const isAsked = pullRequestComment && host.variable('System.PullRequest.PullRequestId') !== undefined;
  const curves = isAsked && from ? await metricCurves(workspace, from.job.name, Object.keys(metrics)) : {};
  const facts = { job: from?.job.name, digest, version: outcome.model?.version };
  await publishAndComment(
    {
      task: 'RegisterModel',
      subject: `Model ${modelName}`,
      headline: outcome.headline,
      ...(results.length > 0 ? { verdict: verdictOf(results) } : {}),
      facts: Object.entries(facts).flatMap(([name, value]) => (value === undefined ? [] : [{ name, value }])),
      ...(champion ? { champion: champion.model } : {}),
      metrics: Object.entries(metrics).map(([name, value]) => ({
        name,
        value,
        ...(champion?.metrics[name] === undefined ? {} : { champion: champion.metrics[name] }),
        history: (curves[name] ?? []).map(point => [point.step, point.value] as const),
      })),
      gates: reportGates(results),
      links: reportLink('Training job in the studio', from?.job.studioUrl),
      ...(outcome.record ? { record: outcome.record } : {}),
    },
    { pullRequestComment },
    host,
  );
}
