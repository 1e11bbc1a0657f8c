import { openWorkspace, type Workspace } from '../lib/azureml/workspace';
import { azureLogin } from './azure-login';
import type { Surroundings } from './connection';
import { textFlag, type Flags } from './flags';
import { azureOptions, loginFlags, outputOptions } from './login-options';
import { fromEnvironment } from './task-inputs';
import { serviceConnection, terminalHost } from './terminal-host';
import { UsageError } from './usage-error';

/** Flags of a command that reads a workspace. */
export const workspaceOptions = {
  'resource-group': { type: 'string', describe: 'Resource group of the workspace' },
  'workspace-name': { type: 'string', describe: 'Azure Machine Learning workspace' },
  ...azureOptions,
  ...outputOptions,
} as const;

/** The workspace that the flags or the environment name, signed in to as the caller. */
export async function callersWorkspace(argv: Flags, surroundings: Surroundings): Promise<Workspace> {
  const name = (flag: string, input: 'resourceGroup' | 'workspaceName'): string => {
    const value = textFlag(argv, flag) ?? fromEnvironment(input, surroundings);
    if (!value) throw new UsageError(`--${flag} is required.`);
    return value;
  };
  const names = {
    resourceGroup: name('resource-group', 'resourceGroup'),
    workspaceName: name('workspace-name', 'workspaceName'),
  };
  const connection = await azureLogin(loginFlags(argv), surroundings);
  const host = terminalHost(surroundings, new AbortController().signal);
  return await openWorkspace(serviceConnection(connection), names, host);
}
