import { getEndpoint, type OnlineEndpoint } from '../../lib/azureml/online-endpoints';
import { listDeployments, type OnlineDeployment } from '../../lib/azureml/online-deployments';
import type { Workspace } from '../../lib/azureml/workspace';
import { challengerOf, championOf } from '../../lib/release/deployments';
import { liveTraffic, type Traffic } from '../../lib/release/traffic';

/** An endpoint with its deployments, as one look at Azure showed them. */
export interface EndpointState {
  /** Undefined: there is none yet. */
  readonly endpoint: OnlineEndpoint | undefined;
  readonly deployments: readonly OnlineDeployment[];
  readonly live: Traffic;
  readonly champion: OnlineDeployment | undefined;
  /** The deployment on trial; never the champion, even when a killed run left it with the challenger's tag. */
  readonly challenger: OnlineDeployment | undefined;
}

export async function readState(workspace: Workspace, name: string): Promise<EndpointState> {
  const endpoint = await getEndpoint(workspace, name);
  if (!endpoint) return { endpoint, deployments: [], live: {}, champion: undefined, challenger: undefined };
  const deployments = await listDeployments(workspace, name);
  const live = liveTraffic(endpoint.traffic);
  const champion = championOf(deployments, live);
  const challenger = challengerOf(
    deployments.filter(one => one.name !== champion?.name),
    live,
  );
  return { endpoint, deployments, live, champion, challenger };
}
