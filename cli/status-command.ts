import type { CommandModule } from 'yargs';
import { currentRevision } from '../lib/release/revisions';
import { tag } from '../lib/release/tags';
import type { Surroundings } from './connection';
import { liveDeployments, liveEndpoints, type LiveDeployment, type LiveEndpoint } from './live-endpoints';
import { callersWorkspace, workspaceOptions } from './open-workspace';
import { table } from './table';

interface Status {
  readonly endpoint: string;
  readonly state: string;
  readonly revision: number;
  readonly changedAt: string | undefined;
  /** deploy, promote, abort or rollback. */
  readonly change: string | undefined;
  readonly changeBuild: string | undefined;
  readonly deployments: readonly LiveDeployment[];
}

/** `guardian status`: what is live on each endpoint, since when, and from which commit and build. */
export function statusCommand(surroundings: Surroundings): CommandModule {
  return {
    command: 'status [names..]',
    describe:
      'Shows what is live on each online endpoint: model version, share of the traffic, since when, from which commit',
    builder: yargs =>
      yargs
        .positional('names', { type: 'string', array: true, describe: 'Endpoints; all of the workspace unless given' })
        .options(workspaceOptions)
        .epilogue('Times are UTC. Commit, build and job are those of the registered model version.'),
    handler: async argv => {
      const workspace = await callersWorkspace(argv, surroundings);
      const all: Status[] = [];
      for (const endpoint of await liveEndpoints(workspace, (argv['names'] as string[] | undefined) ?? []))
        all.push(statusOf(endpoint, await liveDeployments(workspace, endpoint)));
      process.stdout.write(argv['json'] === true ? `${JSON.stringify(all, null, 2)}\n` : text(all, workspace.name));
    },
  };
}

function statusOf(endpoint: LiveEndpoint, deployments: readonly LiveDeployment[]): Status {
  return {
    endpoint: endpoint.name,
    state: endpoint.state,
    revision: currentRevision(endpoint.tags),
    changedAt: endpoint.changedAt,
    change: endpoint.tags[tag.change],
    changeBuild: endpoint.tags[tag.changeBuild] || undefined,
    deployments,
  };
}

function text(all: readonly Status[], workspace: string): string {
  if (all.length === 0) return `The workspace ${workspace} has no online endpoints.\n`;
  return all.map(status => `${headline(status)}\n${deploymentTable(status.deployments)}\n`).join('\n');
}

function headline({ endpoint, state, revision, changedAt, change, changeBuild }: Status): string {
  const facts = [
    state,
    revision > 0 ? `revision ${revision}` : 'no revision of ours',
    ...(changedAt ? [`changed ${minute(changedAt)}`] : []),
    ...(change ? [`by ${change}${changeBuild ? ` in build ${changeBuild}` : ''}`] : []),
  ];
  return `${endpoint}: ${facts.join(', ')}`;
}

function deploymentTable(deployments: readonly LiveDeployment[]): string {
  if (deployments.length === 0) return '  no deployments';
  const rows = deployments.map(one => [
    `  ${one.role ?? 'not ours'}`,
    one.deployment,
    one.model ?? 'unknown',
    `${one.traffic} %`,
    one.since ? minute(one.since) : 'unknown',
    one.commit?.slice(0, 10) ?? 'none',
    one.build ?? 'none',
    one.job ?? 'none',
    ...(one.rejected ? [`taken out: ${one.rejected}`] : one.state === 'Succeeded' ? [] : [one.state]),
  ]);
  return table([['  role', 'deployment', 'model', 'traffic', 'deployed', 'commit', 'build', 'job'], ...rows]);
}

/** `2026-11-23T22:40:11.123Z` -> `2026-11-23 22:40` */
function minute(time: string): string {
  return time.slice(0, 16).replace('T', ' ');
}
