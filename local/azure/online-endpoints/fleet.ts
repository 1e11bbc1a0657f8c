import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { OperationError } from '../arm/operations';
import type { Route } from '../assets/environment-lookup';
import type { CodeLookup } from '../assets/codes';
import type { PreparePython } from '../compute/python';
import type { AzureContext } from '../context';
import { ImageBuilder } from '../images/image-builder';
import type { ContainerOptions } from './container';
import { containerImage } from './container-image';
import { DeploymentLogs, type LoggedContainer } from './deployment-logs';
import { keyOf, type DeploymentRecord } from './endpoint-store';
import { Instance } from './instance';
import { downloadModel } from './served-model';

/** Instances that start at the same time: each loads a model, and more would only slow each other down. */
const parallelStarts = 2;

export interface FleetParts {
  context: AzureContext;
  preparePython: PreparePython;
  codes: CodeLookup;
}

interface Running {
  record: DeploymentRecord;
  instances: Instance[];
  options: ContainerOptions;
}

/** The containers behind all deployments. */
export class Fleet {
  private readonly running = new Map<string, Running>();
  private readonly logs = new Map<string, DeploymentLogs>();
  /** Builds what the containers run; shared, so that one image is not built twice at a time. */
  readonly images: ImageBuilder;

  constructor(private readonly parts: FleetParts) {
    this.images = new ImageBuilder(parts.context);
  }

  /** The instances of a deployment, ready or not; empty when there is none. */
  instances(endpoint: string, deployment: string): readonly Instance[] {
    return this.running.get(keyOf(endpoint, deployment))?.instances ?? [];
  }

  /** Every deployment that has containers, with them. */
  all(): Iterable<Readonly<Pick<Running, 'record' | 'instances'>>> {
    return this.running.values();
  }

  /**
   * Brings a deployment to what its record says: new instances first, then the old ones end. The same specification with
   * another capacity is scaled only, if its instances are well.
   * @throws OperationError with the service's code; what was started for it is ended, what ran before goes on
   */
  async deploy(record: DeploymentRecord): Promise<void> {
    const key = keyOf(record.endpoint, record.name);
    const old = this.running.get(key);
    if (old && sameContainer(old.record, record) && old.instances.every(({ isReady }) => isReady)) {
      await this.scale(old, record);
      return;
    }
    const logs = this.logsOf(record);
    logs.inferenceServer.clear();
    logs.storageInitializer.clear();
    const next: Running = { record, instances: [], options: await this.prepare(record) };
    try {
      await this.grow(next, record.capacity);
    } catch (error) {
      await Promise.all(next.instances.map(instance => instance.stop()));
      throw error;
    }
    this.running.set(key, next);
    await Promise.all((old?.instances ?? []).map(instance => instance.drain()));
  }

  /** Brings back what ran when the server ended. Resolves when each instance is ready or has failed once; it is tried again then. */
  async restore(record: DeploymentRecord, isWanted: () => boolean): Promise<void> {
    const { signal } = this.parts.context;
    try {
      const key = keyOf(record.endpoint, record.name);
      const restored: Running = { record, instances: [], options: await this.prepare(record) };
      // Deleted, or put anew, while the image and the model were fetched.
      if (!isWanted() || this.running.has(key)) return;
      this.running.set(key, restored);
      const starting = Array.from({ length: record.capacity }, () => Instance.restore(restored.options, signal));
      restored.instances.push(...starting.map(({ instance }) => instance));
      await Promise.all(starting.map(({ firstTry }) => firstTry));
    } catch (error) {
      if (signal.aborted) return;
      this.logsOf(record).inferenceServer.push(`[${error instanceof Error ? error.message : String(error)}]`);
    }
  }

  async remove(endpoint: string, deployment: string): Promise<void> {
    const key = keyOf(endpoint, deployment);
    const running = this.running.get(key);
    this.running.delete(key);
    await Promise.all((running?.instances ?? []).map(instance => instance.drain()));
    this.logs.delete(key);
    await rm(this.folder(endpoint, deployment), { recursive: true, force: true });
  }

  async stop(): Promise<void> {
    const all = [...this.running.values()].flatMap(({ instances }) => instances);
    this.running.clear();
    await Promise.all(all.map(instance => instance.stop()));
  }

  /** The text of getLogs: status, events and the last lines of a container. */
  log(record: DeploymentRecord, container: LoggedContainer, tail: number): string {
    const ready = this.instances(record.endpoint, record.name).filter(({ isReady }) => isReady).length;
    return this.logsOf(record).text(container, tail, ready);
  }

  private async prepare(record: DeploymentRecord): Promise<ContainerOptions> {
    const { context } = this.parts;
    const { properties } = record;
    const { environmentId, environmentVariables } = properties;
    const logs = this.logsOf(record);
    logs.status = [];
    const environment = environmentId === null ? undefined : context.environments.find(environmentId);
    if (environmentId !== null && !environment)
      throw new OperationError('BadArgument', `The environment ${environmentId} was not found.`);
    logs.status.push('SystemSetup: Succeeded');
    const own = this.folder(record.endpoint, record.name);
    const folder = await this.model(record, own);
    const image = await containerImage(
      record,
      environment,
      { model: folder, own },
      { ...this.parts, images: this.images },
    );
    logs.status.push('UserContainerImagePull: Succeeded', 'ModelDownload: Succeeded');
    const config = environment?.properties.inferenceConfig;
    const route = (given: Route | undefined): Route => given ?? { path: '/', port: 5001 };
    const readiness = route(config?.readinessRoute);
    return {
      image,
      environment: { ...environmentVariables, ...(folder === undefined ? {} : { AZUREML_MODEL_DIR: folder }) },
      liveness: { route: route(config?.livenessRoute), probe: properties.livenessProbe },
      readiness: { route: readiness, probe: properties.readinessProbe },
      ...(properties.startupProbe ? { startup: { route: readiness, probe: properties.startupProbe } } : {}),
      log: line => logs.inferenceServer.push(line),
    };
  }

  private async model(record: DeploymentRecord, own: string): Promise<string | undefined> {
    const { properties } = record;
    if (properties.model === null) return undefined;
    const { context } = this.parts;
    const { storageInitializer } = this.logsOf(record);
    const old = this.running.get(keyOf(record.endpoint, record.name));
    const there = old?.options.environment['AZUREML_MODEL_DIR'];
    // What runs reads the folder: it is not fetched again under its feet.
    if (old?.record.properties.model === properties.model && there !== undefined) {
      storageInitializer.push(`The model is there already: ${properties.model}`);
      return there;
    }
    const model = context.models.find(properties.model);
    if (!model) throw new OperationError('BadArgument', `The model ${properties.model} was not found.`);
    return downloadModel(model, own, context, line => storageInitializer.push(line));
  }

  private async scale(running: Running, record: DeploymentRecord): Promise<void> {
    await this.grow(running, record.capacity);
    running.record = record;
    await Promise.all(running.instances.splice(record.capacity).map(instance => instance.drain()));
  }

  /** Starts instances until there are as many as asked for. @throws OperationError with the end of the container's log */
  private async grow(running: Running, capacity: number): Promise<void> {
    const { signal } = this.parts.context;
    const there = running.instances.length;
    const started: Instance[] = [];
    let starting = 0;
    const failures: unknown[] = [];
    const lane = async (): Promise<void> => {
      while (failures.length === 0 && there + started.length + starting < capacity) {
        starting++;
        try {
          started.push(await Instance.start(running.options, signal));
        } catch (reason) {
          failures.push(reason);
        } finally {
          starting--;
        }
      }
    };
    await Promise.all(Array.from({ length: parallelStarts }, lane));
    const { status, inferenceServer } = this.logsOf(running.record);
    if (failures.length === 0) {
      running.instances.push(...started);
      if (!status.includes(containerStarted)) status.push(containerStarted);
      return;
    }
    await Promise.all(started.map(instance => instance.stop()));
    signal.throwIfAborted();
    const [reason] = failures;
    const why = reason instanceof Error ? reason.message : String(reason);
    const tail = inferenceServer.tail(10).join('\n');
    throw new OperationError(
      running.record.properties.endpointComputeType === 'Kubernetes'
        ? 'DeploymentCrashLoopBackOff'
        : 'ResourceNotReady',
      `User container has crashed or terminated: ${why} Please see troubleshooting guide, available here: https://aka.ms/oe-tsg#error-resourcenotready${tail === '' ? '' : `\n${tail}`}`,
    );
  }

  private logsOf({ endpoint, name }: Pick<DeploymentRecord, 'endpoint' | 'name'>): DeploymentLogs {
    const key = keyOf(endpoint, name);
    let logs = this.logs.get(key);
    if (!logs) {
      logs = new DeploymentLogs(this.folder(endpoint, name));
      this.logs.set(key, logs);
    }
    return logs;
  }

  private folder(endpoint: string, deployment: string): string {
    return join(this.parts.context.stateDir, 'deployments', endpoint, deployment);
  }
}

const containerStarted = 'UserContainerStart: Succeeded';

/** Whether the running containers can serve the new record as they are. */
function sameContainer(a: DeploymentRecord, b: DeploymentRecord): boolean {
  const container = ({ properties }: DeploymentRecord): string => {
    const { model, environmentId, codeConfiguration, environmentVariables } = properties;
    const { livenessProbe, readinessProbe, startupProbe } = properties;
    return JSON.stringify([
      model,
      environmentId,
      codeConfiguration,
      environmentVariables,
      livenessProbe,
      readinessProbe,
      startupProbe,
    ]);
  };
  return container(a) === container(b);
}
