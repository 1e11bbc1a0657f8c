import type { CommandModule } from 'yargs';
import { endpointKeys } from '../lib/azureml/online-endpoints';
import type { Surroundings } from './connection';
import { liveEndpoints, type LiveEndpoint } from './live-endpoints';
import { callersWorkspace, workspaceOptions } from './open-workspace';

interface ShownEndpoint extends LiveEndpoint {
  readonly primaryKey?: string;
  readonly secondaryKey?: string;
}

/** `guardian endpoints`: where the workspace's endpoints answer, and with --keys how to call them. */
export function endpointsCommand(surroundings: Surroundings): CommandModule {
  return {
    command: 'endpoints [names..]',
    describe: 'Shows where the online endpoints answer, who gets their traffic, and on request their keys',
    builder: yargs =>
      yargs
        .positional('names', { type: 'string', array: true, describe: 'Endpoints; all of the workspace unless given' })
        .options({ ...workspaceOptions, keys: { type: 'boolean', describe: 'Show the keys as well' } })
        .epilogue('An endpoint that authenticates by tokens has no keys.'),
    handler: async argv => {
      const workspace = await callersWorkspace(argv, surroundings);
      const shown: ShownEndpoint[] = [];
      for (const endpoint of await liveEndpoints(workspace, (argv['names'] as string[] | undefined) ?? [])) {
        const withKeys = argv['keys'] === true && endpoint.authMode === 'Key';
        shown.push({ ...endpoint, ...(withKeys ? await endpointKeys(workspace, endpoint.name) : {}) });
      }
      process.stdout.write(argv['json'] === true ? `${JSON.stringify(shown, null, 2)}\n` : text(shown, workspace.name));
    },
  };
}

function text(endpoints: readonly ShownEndpoint[], workspace: string): string {
  if (endpoints.length === 0) return `The workspace ${workspace} has no online endpoints.\n`;
  return endpoints
    .map(endpoint => {
      const shares = Object.entries(endpoint.traffic).map(([name, percent]) => `${name} ${percent} %`);
      const facts = {
        'scoring URI': endpoint.scoringUri ?? `none yet (${endpoint.state})`,
        'swagger URI': endpoint.swaggerUri ?? 'none yet',
        traffic: shares.join(', ') || 'none',
        authentication: endpoint.authMode,
        'primary key': endpoint.primaryKey,
        'secondary key': endpoint.secondaryKey,
      };
      const lines = Object.entries(facts).flatMap(([name, value]) =>
        value ? [`  ${name.padEnd(15)} ${value}\n`] : [],
      );
      return `${endpoint.name}\n${lines.join('')}`;
    })
    .join('\n');
}
