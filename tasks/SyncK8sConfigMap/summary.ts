import { isSecret, shown } from '../../lib/kubernetes/config-change';
import { workloadName } from '../../lib/kubernetes/workloads';
import type { DonePlace } from './sync-places';

/** Markdown for the run's page: every key with what happened to it, and every consumer. */
export function summaryOf({ place, release }: DonePlace): string {
  const objects = release.pairs.flatMap(({ objects, revision }) => objects.map(object => ({ ...object, revision })));
  const rows = objects.flatMap(({ target, entries, changes }) => [
    ...entries.map(entry => {
      const change = changes.find(one => one.key === entry.key)?.kind ?? 'unchanged';
      const text = shown(entry.value, isSecret(entry.key, target.kind, entry));
      return `| ${target.kind} ${target.name} | ${cell(entry.key)} | ${cell(text)} | ${change} |`;
    }),
    ...changes
      .filter(change => change.kind === 'removed')
      .map(({ key }) => `| ${target.kind} ${target.name} | ${cell(key)} | | removed |`),
  ]);
  const restarts = release.consumers.map(
    ({ workload, stale, ways }) =>
      `| ${workloadName(workload)} | ${ways || 'listed'} | ${stateOf(workload.kind, stale)} |`,
  );
  const revisions = release.pairs.map(({ pair, revision }) => `${pair.configMapName} revision ${revision}`).join(', ');
  const parts = [
    `Cluster \`${place.cluster.access.server}\`, namespace \`${place.namespace}\`: ${revisions}`,
    ['| Object | Key | Value | |', '|---|---|---|---|', ...rows].join('\n'),
  ];
  if (restarts.length > 0) parts.push(['| Consumer | reads | |', '|---|---|---|', ...restarts].join('\n'));
  return parts.join('\n\n');
}

function stateOf(kind: string, stale: boolean): string {
  if (kind === 'CronJob') return 'its next run reads this content';
  return stale ? 'restarted' : 'has this content already';
}

function cell(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('|', '\\|');
}
