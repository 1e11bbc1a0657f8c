import { shown } from '../../lib/kubernetes/config-change';
import { workloadName } from '../../lib/kubernetes/workloads';
import type { PlannedWrite } from './config-writes';
import type { Consumer } from './restarts';

/** Markdown for the run's page: every key with what happened to it, and every consumer. */
export function summaryOf(namespace: string, plans: readonly PlannedWrite[], consumers: readonly Consumer[]): string {
  const rows = plans.flatMap(({ target, entries, changes }) => [
    ...entries.map(({ key, value, secret }) => {
      const change = changes.find(one => one.key === key)?.kind ?? 'unchanged';
      const text = shown(value, secret || target.kind === 'Secret');
      return `| ${target.kind} ${target.name} | ${cell(key)} | ${cell(text)} | ${change} |`;
    }),
    ...changes
      .filter(change => change.kind === 'removed')
      .map(({ key }) => `| ${target.kind} ${target.name} | ${cell(key)} | | removed |`),
  ]);
  const restarts = consumers.map(
    ({ workload, stale }) => `| ${workloadName(workload)} | ${stale ? 'restarted' : 'has this content already'} |`,
  );
  const parts = [`Namespace \`${namespace}\``, ['| Object | Key | Value | |', '|---|---|---|---|', ...rows].join('\n')];
  if (restarts.length > 0) parts.push(['| Consumer | |', '|---|---|', ...restarts].join('\n'));
  return parts.join('\n\n');
}

function cell(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('|', '\\|');
}
