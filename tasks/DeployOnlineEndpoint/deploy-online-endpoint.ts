import { openWorkspace } from '../../lib/azureml/workspace';
import type { Outcome, TaskHost } from '../../lib/host/task-host';
import { abort } from './abort';
import { deploy } from './deploy';
import type { Inputs } from './inputs';
import { promote } from './promote';

/** @param runtimeFolder the scoring runtime's build context, beside the bundle */
export async function deployOnlineEndpoint(inputs: Inputs, runtimeFolder: string, host: TaskHost): Promise<Outcome> {
  const workspace = await openWorkspace(inputs.connection, inputs, host);
  switch (inputs.action) {
    case 'deploy':
      return deploy(inputs, workspace, runtimeFolder, host);
    case 'promote':
      return promote(inputs, workspace, host);
    case 'abort':
      return abort(inputs, workspace, host);
  }
}
