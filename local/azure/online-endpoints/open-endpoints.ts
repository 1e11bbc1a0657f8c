import type { AzureContext } from '../context';
import { EndpointLocks } from './endpoint-locks';
import { EndpointStore } from './endpoint-store';
import { Fleet } from './fleet';

/** What the ARM routes and the scoring routes of the endpoints share. */
export interface EndpointParts {
  store: EndpointStore;
  fleet: Fleet;
  locks: EndpointLocks;
  /** Gives 0 to 1 for each request; decides which deployment answers it. */
  random: () => number;
}

/** Opens the endpoints of a state folder; their containers start again with the server. */
export function openEndpoints(context: AzureContext, random: () => number = Math.random): EndpointParts {
  const store = new EndpointStore(context.journal);
  const fleet = new Fleet(context);
  context.onStop(() => fleet.stop());
  context.onStart(async () => {
    for (const endpoint of store.allEndpoints()) {
      // What was under way when the server ended is over: the operation says Failed, and so does the deployment.
      if (endpoint.provisioningState !== 'Succeeded')
        store.putEndpoint({ ...endpoint, provisioningState: 'Succeeded' });
      for (const deployment of store.deploymentsOf(endpoint.name)) {
        if (deployment.provisioningState === 'Succeeded') await fleet.deploy(deployment);
        else store.putDeployment({ ...deployment, provisioningState: 'Failed' });
      }
    }
  });
  return { store, fleet, locks: new EndpointLocks(), random };
}
