import { lineageOf } from '../../lib/azureml/lineage';
import type { OnlineDeployment } from '../../lib/azureml/online-deployments';
import type { OnlineEndpoint } from '../../lib/azureml/online-endpoints';
import { markdownTable } from '../../lib/host/markdown';
import type { TaskHost } from '../../lib/host/task-host';
import { gateRecords } from '../../lib/release/gate-report';
import { carriedOn, fromModelTags, type ReleaseRecord } from '../../lib/release/release-record';
import { tag, type Tags } from '../../lib/release/tags';
import { liveTraffic, shareOf, type Traffic } from '../../lib/release/traffic';
import type { Judged } from './analysis';
import { reportRelease } from './deploy-report';
import type { Target } from './inputs';

/** What a run has done to an endpoint. */
export interface Release {
  readonly action: 'deploy' | 'promote' | 'abort';
  readonly endpoint: OnlineEndpoint;
  readonly deployments: readonly OnlineDeployment[];
  /** The deployment that was made, promoted or aborted. */
  readonly deployment: string;
  /** `name:version` */
  readonly model: string | undefined;
  readonly modelTags: Tags;
  /** ARM id. */
  readonly environment: string | undefined;
  /** In the registry, where Azure ML tells it. */
  readonly image?: string | undefined;
  readonly before: Traffic;
  readonly revision: number;
  readonly previousRevision: number;
  /** What the gates of this run saw, in their order. */
  readonly judged?: readonly Judged[];
  /** Of an earlier stage, to be gone on from. */
  readonly record?: ReleaseRecord | undefined;
}

/** Outputs, summary and release record: the same facts for the pipeline, for people and for later. */
export async function report(
  release: Release,
  inputs: Pick<Target, 'pullRequestComment'>,
  host: TaskHost,
): Promise<void> {
  const { endpoint, deployment, revision, previousRevision } = release;
  const traffic = liveTraffic(endpoint.traffic);
  const outputs: Record<string, string> = {
    scoringUri: endpoint.scoringUri ?? '',
    swaggerUri: endpoint.swaggerUri ?? '',
    endpointName: endpoint.name,
    deploymentName: deployment,
    modelVersion: release.model?.split(':')[1] ?? '',
    revision: String(revision),
    previousRevision: String(previousRevision),
    traffic: JSON.stringify(traffic),
  };
  for (const [name, value] of Object.entries(outputs)) host.setOutput(name, value);
  await host.summary(`${titles[release.action]} ${endpoint.name}`, summaryOf(release));
  const record = recordOf(release, host);
  await host.publishArtifact(
    `release-record-${endpoint.name}-r${revision}`,
    'release-record.json',
    `${JSON.stringify(record, null, 2)}\n`,
  );
  await reportRelease(release, record, inputs, host);
}

const titles = { deploy: 'Deployment to', promote: 'Promotion on', abort: 'Abort on' } as const;

/** The table of who answers, before and now. */
export function trafficTable(release: Pick<Release, 'endpoint' | 'deployments' | 'before'>): string {
  const rows = [...release.deployments]
    .sort((a, b) => shareOf(release.endpoint.traffic, b.name) - shareOf(release.endpoint.traffic, a.name))
    .map(({ name, tags, instanceCount }) => [
      name,
      tags[tag.model] ?? '',
      tags[tag.role] ?? 'not ours',
      String(instanceCount),
      `${shareOf(release.before, name)} %`,
      `${shareOf(release.endpoint.traffic, name)} %`,
    ]);
  return markdownTable(['Deployment', 'Model', 'Role', 'Instances', 'Before', 'Now'], rows);
}

function summaryOf(release: Release): string {
  const { endpoint, revision, previousRevision } = release;
  const change =
    revision === previousRevision
      ? `Revision ${revision}: live traffic unchanged.`
      : `Revision ${revision}${previousRevision > 0 ? `; Rollback goes back to ${previousRevision}` : ''}.`;
  return [change, trafficTable(release), `Scoring URI: ${endpoint.scoringUri ?? 'none yet'}`].join('\n\n');
}

/** The record that RegisterModel began, continued: what was made of which commit, and where it went. */
function recordOf(release: Release, host: TaskHost): object {
  const { action, endpoint, deployment, model, before, revision, previousRevision } = release;
  const judged = release.judged ?? [];
  return {
    schemaVersion: 1,
    source: lineageOf(host),
    ...(release.record ? carriedOn(release.record) : fromModelTags(model, release.modelTags)),
    release: {
      action,
      endpoint: endpoint.name,
      scoringUri: endpoint.scoringUri,
      deployment,
      environment: release.environment,
      image: release.image,
      revision,
      previousRevision,
      trafficBefore: before,
      traffic: liveTraffic(endpoint.traffic),
      gates: gateRecords(judged.flatMap(({ gates }) => gates)),
      samples: judged.flatMap(({ sample }) => (sample ? [sample] : [])),
    },
    recordedAt: host.clock.now().toISOString(),
  };
}
