import { OperationError, type OperationRun, type RunningOperation, type StartedOperation } from '../arm/operations';
import type { AzureContext } from '../context';
import { deploymentId, deploymentResource, endpointId, endpointResource } from './endpoint-resource';
import type { DeploymentRecord, EndpointRecord } from './endpoint-store';
import type { EndpointParts } from './open-endpoints';

/** The long-running operations on endpoints and deployments. What a restart interrupted goes on after it. */
export class EndpointOperations {
  constructor(
    private readonly context: AzureContext,
    private readonly parts: EndpointParts,
  ) {
    const { operations } = context;
    operations.onRestart('endpoint-put', ({ resource }) => this.resume(resource, names => this.finishEndpoint(names)));
    operations.onRestart('endpoint-delete', ({ resource }) =>
      this.resume(resource, names => this.finishEndpointDelete(names)),
    );
    operations.onRestart('deployment-put', ({ resource }) => this.resume(resource, names => this.finishRoll(names)));
    operations.onRestart('deployment-delete', ({ resource }) =>
      this.resume(resource, names => this.finishDelete(names)),
    );
    // The new keys were there before the operation began.
    operations.onRestart('endpoint-keys', () => () => Promise.resolve());
  }

  /** Brings the endpoint that was put into its final state. `release` gives its lock free in the end. */
  putEndpoint(endpoint: EndpointRecord, release: () => void): StartedOperation {
    return this.start('endpoint-put', 'oeidp', endpointId(this.context, endpoint.name), release, operation =>
      this.finishEndpoint({ endpoint: endpoint.name }, operation),
    );
  }

  deleteEndpoint({ name }: EndpointRecord, release: () => void): StartedOperation {
    return this.start('endpoint-delete', 'oeidp', endpointId(this.context, name), release, () =>
      this.finishEndpointDelete({ endpoint: name }),
    );
  }

  /** Brings the containers to the record that was put; a failure leaves the deployment there, Failed. */
  roll({ endpoint, name }: DeploymentRecord, release: () => void): StartedOperation {
    return this.start('deployment-put', 'odidp', deploymentId(this.context, endpoint, name), release, operation =>
      this.finishRoll({ endpoint, deployment: name }, operation),
    );
  }

  deleteDeployment({ endpoint, name }: DeploymentRecord, release: () => void): StartedOperation {
    return this.start('deployment-delete', 'odidp', deploymentId(this.context, endpoint, name), release, () =>
      this.finishDelete({ endpoint, deployment: name }),
    );
  }

  private start(
    kind: string,
    prefix: string,
    resource: string,
    release: () => void,
    run: OperationRun,
  ): StartedOperation {
    return this.context.operations.start({
      kind,
      prefix,
      resource,
      run: async operation => {
        try {
          return await run(operation);
        } finally {
          release();
        }
      },
    });
  }

  /** The same work again, with the endpoint's lock, once what ran before is back. */
  private resume(
    resource: string,
    work: (names: Names, operation: RunningOperation) => Promise<unknown>,
  ): OperationRun | undefined {
    const names = namesOf(resource);
    const release = names && this.parts.locks.tryTake(names.endpoint);
    if (!names || !release) return undefined;
    return async operation => {
      try {
        await this.parts.restored();
        operation.signal.throwIfAborted();
        return await work(names, operation);
      } finally {
        release();
      }
    };
  }

  private finishEndpoint({ endpoint: name }: Names, operation?: RunningOperation): Promise<unknown> {
    const { store } = this.parts;
    const endpoint = store.endpoint(name);
    if (!endpoint) return Promise.resolve();
    try {
      operation?.throwIfFaulted();
    } catch (error) {
      store.putEndpoint({ ...endpoint, provisioningState: failedState(error) });
      throw error;
    }
    const done = store.putEndpoint({ ...endpoint, provisioningState: 'Succeeded' });
    return Promise.resolve(endpointResource(done, this.context));
  }

  private async finishEndpointDelete({ endpoint }: Names): Promise<void> {
    const { store, fleet, live } = this.parts;
    live.settle(endpoint);
    await Promise.all(store.deploymentsOf(endpoint).map(({ name }) => fleet.remove(endpoint, name)));
    store.deleteEndpoint(endpoint);
  }

  private async finishRoll({ endpoint, deployment }: Names, operation?: RunningOperation): Promise<unknown> {
    const { store, fleet, requireQuota } = this.parts;
    const record = store.deployment(endpoint, deployment ?? '');
    if (!record) return undefined;
    try {
      operation?.throwIfFaulted();
      requireQuota(record);
      await fleet.deploy(record);
      store.putServedDeployment(record);
      const done = store.putDeployment({
        ...record,
        provisioningState: 'Succeeded',
        modifiedAt: new Date().toISOString(),
      });
      this.noteScoringPath(done);
      return deploymentResource(done, this.context);
    } catch (error) {
      if (!this.context.signal.aborted) store.putDeployment({ ...record, provisioningState: failedState(error) });
      throw error;
    }
  }

  private async finishDelete({ endpoint: name, deployment = '' }: Names): Promise<void> {
    const { store, fleet, live } = this.parts;
    live.settle(name);
    await fleet.remove(name, deployment);
    store.deleteDeployment(name, deployment);
    const endpoint = store.endpoint(name);
    if (!endpoint) return;
    const without = (shares: Record<string, number>): Record<string, number> =>
      Object.fromEntries(Object.entries(shares).filter(([key]) => key.toLowerCase() !== deployment.toLowerCase()));
    store.putEndpoint({
      ...endpoint,
      traffic: without(endpoint.traffic),
      mirrorTraffic: without(endpoint.mirrorTraffic),
    });
  }

  /** The path of the scoring URI is that of the environment's scoring route. */
  private noteScoringPath({ endpoint: name, properties }: DeploymentRecord): void {
    const { environmentId } = properties;
    const environment = environmentId === null ? undefined : this.context.environments.find(environmentId);
    const path = environment?.properties.inferenceConfig?.scoringRoute?.path ?? '/score';
    const endpoint = this.parts.store.endpoint(name);
    if (endpoint && path !== (endpoint.scoringPath ?? '/score'))
      this.parts.store.putEndpoint({ ...endpoint, scoringPath: path });
  }
}

interface Names {
  endpoint: string;
  /** Absent on operations on endpoints. */
  deployment?: string;
}

function namesOf(resource: string): Names | undefined {
  const [, endpoint, deployment] = /\/onlineEndpoints\/([^/]+)(?:\/deployments\/([^/]+))?$/i.exec(resource) ?? [];
  if (endpoint === undefined) return undefined;
  return { endpoint, ...(deployment === undefined ? {} : { deployment }) };
}

function failedState(error: unknown): 'Failed' | 'Canceled' {
  return error instanceof OperationError && error.code === 'OperationCanceled' ? 'Canceled' : 'Failed';
}
