import { lineageOf } from '../../lib/azureml/lineage';
import { tagsWithModel } from '../../lib/azureml/models';
import { listDeployments, type OnlineDeployment } from '../../lib/azureml/online-deployments';
import type { Workspace } from '../../lib/azureml/workspace';
import { tagBuild } from '../../lib/devops/build-tags';
import { publishAndComment } from '../../lib/devops/comment-report';
import { markdownTable, markdownText } from '../../lib/host/markdown';
import type { TaskHost } from '../../lib/host/task-host';
import { fromModelTags } from '../../lib/release/release-record';
import { tag, type Tags } from '../../lib/release/tags';
import { formatTraffic, liveTraffic, type Traffic } from '../../lib/release/traffic';
import type { RollbackInputs } from './inputs';
import type { DoneRollback } from './rollback';

interface Result {
  readonly revision: number;
  readonly traffic: Traffic;
  readonly deployment: string;
  readonly modelVersion: string;
}

/** With a tenth of a second, as outputs and summaries tell it. @param started in milliseconds since 1970 */
export function secondsSince(started: number, host: TaskHost): number {
  return Math.round((host.clock.now().getTime() - started) / 100) / 10;
}

/** Outputs, summary and, for each endpoint that changed, the record of who went back why, from and to what. */
export async function report(
  workspace: Workspace,
  done: readonly DoneRollback[],
  inputs: Pick<RollbackInputs, 'pullRequestComment'>,
  host: TaskHost,
): Promise<void> {
  const lists = await Promise.all(
    done.map(async one => [one, await listDeployments(workspace, one.planned.endpoint.name)] as const),
  );
  const deployments = new Map(lists);
  const championOf = (one: DoneRollback): OnlineDeployment | undefined => {
    const [first] = Object.entries(liveTraffic(one.traffic)).sort(([, a], [, b]) => b - a);
    return deployments.get(one)?.find(({ name }) => name === first?.[0]);
  };
  const resultOf = (one: DoneRollback): Result => {
    const champion = championOf(one);
    return {
      revision: one.revision,
      traffic: liveTraffic(one.traffic),
      deployment: champion?.name ?? '',
      modelVersion: champion?.tags[tag.model]?.split(':')[1] ?? '',
    };
  };
  const endpoints = Object.fromEntries(done.map(one => [one.planned.endpoint.name, resultOf(one)]));
  host.setOutput('endpoints', JSON.stringify(endpoints));
  const rows = done.map(one => {
    const { revision, model } = { ...resultOf(one), model: championOf(one)?.tags[tag.model] ?? '' };
    const from = one.isNews ? formatTraffic(one.from) : 'unchanged';
    return [one.planned.endpoint.name, from, formatTraffic(one.traffic), model, String(revision)];
  });
  const table = markdownTable(['Endpoint', 'From', 'Now', 'Model', 'Revision'], rows);
  const reasons = [...new Set(done.filter(({ isNews }) => isNews).map(({ reason }) => markdownText(reason)))];
  await host.summary('Rollback', `${reasons.map(reason => `Reason: ${reason}\n\n`).join('')}${table}`);
  for (const one of done.filter(({ isNews }) => isNews)) {
    const { endpoint } = one.planned;
    const champion = championOf(one);
    const tags = await tagsWithModel(workspace, champion?.tags ?? {});
    const record = recordOf(one, resultOf(one), champion, tags, host);
    const text = `${JSON.stringify(record, null, 2)}\n`;
    await host.publishArtifact(`release-record-${endpoint.name}-r${one.revision}`, 'release-record.json', text);
    await reportRollback(one, champion?.tags[tag.model], record, inputs, host);
  }
  await tagBuild(
    done.filter(({ isNews }) => isNews).map(one => `${one.planned.endpoint.name}-r${one.revision}`),
    host,
  );
}

function recordOf(
  done: DoneRollback,
  result: Result,
  champion: OnlineDeployment | undefined,
  tags: Tags,
  host: TaskHost,
): object {
  const { endpoint, plan } = done.planned;
  return {
    schemaVersion: 1,
    source: lineageOf(host),
    // The record of what serves again, gone on with.
    ...fromModelTags(tags[tag.model], tags),
    release: {
      action: 'rollback',
      reason: done.reason,
      endpoint: endpoint.name,
      scoringUri: endpoint.scoringUri,
      environment: champion?.environmentId,
      ...result,
      previousRevision: plan.kind === 'change' ? plan.fromRevision : Math.max(0, done.revision - 1),
      backTo: plan.kind === 'change' ? plan.target.number : plan.backTo,
      trafficBefore: done.from,
    },
    recordedAt: host.clock.now().toISOString(),
  };
}

/** For the tab and the pull request. */
async function reportRollback(
  { planned, from, traffic, revision, reason }: DoneRollback,
  model: string | undefined,
  record: object,
  inputs: Pick<RollbackInputs, 'pullRequestComment'>,
  host: TaskHost,
): Promise<void> {
  const { endpoint } = planned;
  await publishAndComment(
    {
      task: 'Rollback',
      subject: `Endpoint ${endpoint.name}`,
      headline: `${endpoint.name} is back at ${model ?? formatTraffic(traffic)}, revision ${revision}`,
      facts: [
        { name: 'reason', value: reason },
        ...(endpoint.scoringUri ? [{ name: 'scoring URI', value: endpoint.scoringUri }] : []),
      ],
      traffic: { endpoint: endpoint.name, before: from, after: liveTraffic(traffic), revision },
      record,
    },
    inputs,
    host,
  );
}
