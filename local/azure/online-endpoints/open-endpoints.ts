import { setTimeout as sleep } from 'node:timers/promises';
import type { CodeLookup } from '../assets/codes';
import type { PreparePython } from '../compute/python';
import type { AzureContext } from '../context';
import { EndpointLocks } from './endpoint-locks';
import { defaultEndpointSettings, type EndpointSettings } from './endpoint-settings';
import { EndpointStore, type DeploymentRecord } from './endpoint-store';
import { EndpointTokens } from './endpoint-tokens';
import { Fleet } from './fleet';
import { LiveTraffic } from './live-traffic';

/** Deployments that come back at the same time. */
const parallelRestores = 4;
/** How long the start of local Azure waits for them; the rest come up later, as on Azure after a node was lost. */
const startWaitMilliseconds = 10_000;

/** What the ARM routes, the scoring routes and the metrics of the endpoints share. */
export interface EndpointParts {
  store: EndpointStore;
  fleet: Fleet;
  locks: EndpointLocks;
  tokens: EndpointTokens;
  live: LiveTraffic;
  settings: EndpointSettings;
  /** Refuses a deployment for which there are not enough cores. @throws OperationError OutOfQuota */
  requireQuota: (record: DeploymentRecord) => void;
  /** Gives 0 to 1 for each request; decides which deployment answers it. */
  random: () => number;
  /** Resolves when what ran before the server ended is back, or the server stops. */
  restored: () => Promise<void>;
}

export interface EndpointOptions {
  preparePython: PreparePython;
  codes: CodeLookup;
  settings?: Partial<EndpointSettings>;
  requireQuota?: (record: DeploymentRecord) => void;
}

/** Opens the endpoints of a state folder; their containers start again with the server. */
export function openEndpoints(context: AzureContext, options: EndpointOptions): EndpointParts {
  const store = new EndpointStore(context.journal);
  const settings = { ...defaultEndpointSettings, ...options.settings };
  const fleet = new Fleet({ context, ...options });
  let settle = (): void => undefined;
  const restored = new Promise<void>(resolve => (settle = resolve));
  context.signal.addEventListener('abort', settle, { once: true });
  const locks = new EndpointLocks();
  context.onStop(() => fleet.stop());
  context.onStart(async () => {
    settleUnfinished(store, locks);
    const served = store.allDeployments().flatMap(record => servedBefore(store, record) ?? []);
    const lane = async (): Promise<void> => {
      for (let next = served.shift(); next && !context.signal.aborted; next = served.shift()) {
        const { endpoint, name } = next;
        await fleet.restore(next, () => store.deployment(endpoint, name) !== undefined);
      }
    };
    const all = Promise.all(Array.from({ length: parallelRestores }, lane)).then(settle);
    const abort = new AbortController();
    await Promise.race([all, sleep(startWaitMilliseconds, undefined, { signal: abort.signal }).catch(() => undefined)]);
    abort.abort();
  });
  return {
    store,
    fleet,
    locks,
    tokens: new EndpointTokens(context.journal, () => settings.tokenSeconds),
    live: new LiveTraffic(() => settings.trafficDelayMilliseconds),
    settings,
    requireQuota: options.requireQuota ?? (() => undefined),
    random: Math.random,
    restored: () => restored,
  };
}

/** What a deployment's instances ran when the server ended; undefined when it had none. */
function servedBefore(store: EndpointStore, deployment: DeploymentRecord): DeploymentRecord | undefined {
  const { endpoint, name, provisioningState } = deployment;
  return store.servedDeployment(endpoint, name) ?? (provisioningState === 'Succeeded' ? deployment : undefined);
}

/** What a kill left between two states without an operation that could go on: whose operations go on hold their endpoint's lock by now. */
function settleUnfinished(store: EndpointStore, locks: EndpointLocks): void {
  const final = new Set(['Succeeded', 'Failed', 'Canceled']);
  for (const endpoint of store.allEndpoints()) {
    const release = locks.tryTake(endpoint.name);
    if (!release) continue;
    if (!final.has(endpoint.provisioningState))
      store.putEndpoint({
        ...endpoint,
        provisioningState: endpoint.provisioningState === 'Deleting' ? 'Failed' : 'Succeeded',
      });
    for (const deployment of store.deploymentsOf(endpoint.name)) {
      if (!final.has(deployment.provisioningState)) store.putDeployment({ ...deployment, provisioningState: 'Failed' });
    }
    release();
  }
}
