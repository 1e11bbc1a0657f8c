import { lineageOf } from '../../lib/azureml/lineage';
import type { TaskHost } from '../../lib/host/task-host';
import { tag } from '../../lib/release/tags';
import { formatTraffic, liveTraffic } from '../../lib/release/traffic';
import type { DoneRollback } from './rollback';

/** Outputs, summary and, for each endpoint that changed, the record of who went back why, from and to what. */
export async function report(done: readonly DoneRollback[], reason: string, host: TaskHost): Promise<void> {
  const endpoints = Object.fromEntries(done.map(one => [one.planned.endpoint.name, resultOf(one)]));
  host.setOutput('endpoints', JSON.stringify(endpoints));
  const rows = done.map(one => {
    const { revision, model } = { ...resultOf(one), model: championOf(one)?.tags[tag.model] ?? '' };
    const changed = one.planned.plan.kind === 'change';
    const from = changed ? formatTraffic(one.from) : 'unchanged';
    return `| ${one.planned.endpoint.name} | ${from} | ${formatTraffic(one.traffic)} | ${model} | ${revision} |`;
  });
  const table = ['| Endpoint | From | Now | Model | Revision |', '|---|---|---|---|---:|', ...rows].join('\n');
  await host.summary('Rollback', `Reason: ${reason.replaceAll('|', '\\|')}\n\n${table}`);
  for (const one of done.filter(({ planned }) => planned.plan.kind === 'change')) {
    const { endpoint } = one.planned;
    const record = `${JSON.stringify(recordOf(one, reason, host), null, 2)}\n`;
    await host.publishArtifact(`release-record-${endpoint.name}-r${one.revision}`, 'release-record.json', record);
  }
}

function championOf({ planned, traffic }: DoneRollback): DoneRollback['planned']['deployments'][number] | undefined {
  const [first] = Object.entries(liveTraffic(traffic)).sort(([, a], [, b]) => b - a);
  return planned.deployments.find(one => one.name === first?.[0]);
}

function resultOf(done: DoneRollback): { revision: number; traffic: object; deployment: string; modelVersion: string } {
  const champion = championOf(done);
  return {
    revision: done.revision,
    traffic: liveTraffic(done.traffic),
    deployment: champion?.name ?? '',
    modelVersion: champion?.tags[tag.model]?.split(':')[1] ?? '',
  };
}

function recordOf(done: DoneRollback, reason: string, host: TaskHost): object {
  const { endpoint, plan } = done.planned;
  return {
    schemaVersion: 1,
    source: lineageOf(host),
    release: {
      action: 'rollback',
      reason,
      endpoint: endpoint.name,
      ...resultOf(done),
      previousRevision: plan.kind === 'change' ? plan.fromRevision : done.revision,
      backTo: plan.kind === 'change' ? plan.target.number : undefined,
      trafficBefore: done.from,
    },
    recordedAt: host.clock.now().toISOString(),
  };
}
