import { mkdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { OperationError } from '../arm/operations';
import type { Route } from '../assets/environment-lookup';
import type { AzureContext } from '../context';
import { ImageBuilder } from '../images/image-builder';
import { keyOf, type DeploymentRecord } from './endpoint-store';
import { Instance, type InstanceOptions } from './instance';

/** Instances that start at the same time: each loads a model, and more would only slow each other down. */
const parallelStarts = 2;
const keptLogLines = 2000;
const restartMilliseconds = 1000;

interface Running {
  record: DeploymentRecord;
  instances: Instance[];
  options: Omit<InstanceOptions, 'log' | 'onDown'>;
}

interface ContainerLogs {
  inferenceServer: string[];
  storageInitializer: string[];
  /** How far a start has come, as the service lists it. */
  status: string[];
}

/** The containers behind all deployments. */
export class Fleet {
  private readonly running = new Map<string, Running>();
  private readonly logs = new Map<string, ContainerLogs>();
  private readonly images: ImageBuilder;

  constructor(private readonly context: AzureContext) {
    this.images = new ImageBuilder(context);
  }

  /** The instances that answer for a deployment; empty when none does. */
  instances(endpoint: string, deployment: string): readonly Instance[] {
    return this.running.get(keyOf(endpoint, deployment))?.instances ?? [];
  }

  /**
   * Brings a deployment to what its record says: new instances first, then the old ones end. The same specification with
   * another capacity is scaled only.
   * @throws OperationError with the service's code; what was started for it is ended
   */
  async deploy(record: DeploymentRecord): Promise<void> {
    const key = keyOf(record.endpoint, record.name);
    const old = this.running.get(key);
    if (old && sameContainer(old.record, record)) {
      await this.scale(old, record);
      return;
    }
    this.logs.set(key, { inferenceServer: [], storageInitializer: [], status: [] });
    const options = await this.prepare(record);
    const next: Running = { record, instances: [], options };
    try {
      await this.grow(next, record.capacity);
    } catch (error) {
      await Promise.all(next.instances.map(instance => instance.stop()));
      throw error;
    }
    this.running.set(key, next);
    await Promise.all((old?.instances ?? []).map(instance => instance.stop()));
  }

  async remove(endpoint: string, deployment: string): Promise<void> {
    const key = keyOf(endpoint, deployment);
    const running = this.running.get(key);
    this.running.delete(key);
    this.logs.delete(key);
    await Promise.all((running?.instances ?? []).map(instance => instance.stop()));
    await rm(this.folder(endpoint, deployment), { recursive: true, force: true });
  }

  async stop(): Promise<void> {
    const all = [...this.running.values()].flatMap(({ instances }) => instances);
    this.running.clear();
    await Promise.all(all.map(instance => instance.stop()));
  }

  /** The text of getLogs: status, events and the last lines of a container. */
  log(endpoint: string, deployment: string, container: 'inferenceServer' | 'storageInitializer', tail: number): string {
    const logs = this.logs.get(keyOf(endpoint, deployment));
    if (!logs || logs[container].length === 0) return 'No container has started yet; try again later.';
    const ready = this.instances(endpoint, deployment).length;
    return [
      'Instance status:',
      ...logs.status,
      '',
      'Container events:',
      `Ready instances: ${ready}`,
      '',
      'Container logs:',
      ...logs[container].slice(-tail),
    ].join('\n');
  }

  private async prepare(record: DeploymentRecord): Promise<Running['options']> {
    const { environmentId, model, environmentVariables, livenessProbe, readinessProbe } = record.properties;
    const logs = this.logsOf(record);
    const environment = this.context.environments.find(environmentId ?? '');
    if (!environment) throw new OperationError('BadArgument', `The environment ${environmentId ?? ''} was not found.`);
    const image = await this.images.image(environment);
    logs.status.push('SystemSetup: Succeeded', 'UserContainerImagePull: Succeeded');
    const modelDir = await this.downloadModel(record, model);
    logs.status.push('ModelDownload: Succeeded');
    const { inferenceConfig } = environment.properties;
    const route = (given: Route | undefined, path: string): Route => given ?? { path, port: 5001 };
    return {
      image,
      environment: { ...environmentVariables, ...(modelDir === undefined ? {} : { AZUREML_MODEL_DIR: modelDir }) },
      liveness: { route: route(inferenceConfig?.livenessRoute, '/'), probe: livenessProbe },
      readiness: { route: route(inferenceConfig?.readinessRoute, '/'), probe: readinessProbe },
    };
  }

  /** Puts the model where the service mounts it, `…/azureml-models/{name}/{version}`, a folder below its own name. */
  private async downloadModel(record: DeploymentRecord, reference: string | null): Promise<string | undefined> {
    if (reference === null) return undefined;
    const model = this.context.models.find(reference);
    if (!model) throw new OperationError('BadArgument', `The model ${reference} was not found.`);
    const { storageInitializer } = this.logsOf(record);
    const target = join(this.folder(record.endpoint, record.name), 'azureml-models', model.name, model.version);
    const { container, path } = model.place;
    const prefix = path.replace(/\/+$/, '');
    const folder = join(target, basename(prefix));
    await rm(target, { recursive: true, force: true });
    await mkdir(target, { recursive: true });
    storageInitializer.push(`Downloading ${model.name}:${model.version} from ${container}/${path}`);
    const single = await this.context.blobs.exists(container, prefix);
    const files = await this.context.blobs.download(container, path, single ? target : folder, this.context.signal);
    if (files.length === 0)
      throw new OperationError(
        'BadArgument',
        `The model ${model.name}:${model.version} cannot be downloaded: there is nothing at ${container}/${path}.`,
      );
    storageInitializer.push(...files.map(file => `Downloaded ${file}`));
    return target;
  }

  private async scale(running: Running, record: DeploymentRecord): Promise<void> {
    running.record = record;
    await this.grow(running, record.capacity);
    await Promise.all(running.instances.splice(record.capacity).map(instance => instance.stop()));
  }

  /** Starts instances until there are as many as asked for. @throws OperationError ResourceNotReady with the end of the container's log */
  private async grow(running: Running, capacity: number): Promise<void> {
    const lane = async (): Promise<void> => {
      while (running.instances.length + starting < capacity) {
        starting++;
        try {
          running.instances.push(await this.startInstance(running));
        } finally {
          starting--;
        }
      }
    };
    let starting = 0;
    const results = await Promise.allSettled(Array.from({ length: parallelStarts }, lane));
    const failed = results.find(result => result.status === 'rejected');
    if (!failed) {
      this.logsOf(running.record).status.push('UserContainerStart: Succeeded');
      return;
    }
    this.context.signal.throwIfAborted();
    const reason = failed.reason instanceof Error ? failed.reason.message : String(failed.reason);
    const tail = this.logsOf(running.record).inferenceServer.slice(-10).join('\n');
    throw new OperationError(
      'ResourceNotReady',
      `User container has crashed or terminated: ${reason}${tail === '' ? '' : `\n${tail}`}`,
    );
  }

  private startInstance(running: Running): Promise<Instance> {
    const { inferenceServer } = this.logsOf(running.record);
    const instance = Instance.start(
      {
        ...running.options,
        log: line => {
          inferenceServer.push(line);
          if (inferenceServer.length > keptLogLines) inferenceServer.shift();
        },
        onDown: reason => void this.replace(running, instance, reason),
      },
      this.context.signal,
    );
    return instance;
  }

  /** Restarts a container that went down, as the service does, until it stays up or is no longer wanted. */
  private async replace(running: Running, down: Promise<Instance>, reason: string): Promise<void> {
    const { record } = running;
    const wanted = (): boolean =>
      this.running.get(keyOf(record.endpoint, record.name)) === running && !this.context.signal.aborted;
    const instance = await down;
    const index = running.instances.indexOf(instance);
    if (index < 0) return;
    running.instances.splice(index, 1);
    this.logsOf(record).inferenceServer.push(`[${reason} Restarting.]`);
    await instance.stop();
    while (wanted() && running.instances.length < running.record.capacity) {
      try {
        running.instances.push(await this.startInstance(running));
      } catch {
        await new Promise(resolve => setTimeout(resolve, restartMilliseconds));
      }
    }
  }

  private logsOf({ endpoint, name }: DeploymentRecord): ContainerLogs {
    const key = keyOf(endpoint, name);
    const logs = this.logs.get(key) ?? { inferenceServer: [], storageInitializer: [], status: [] };
    this.logs.set(key, logs);
    return logs;
  }

  private folder(endpoint: string, deployment: string): string {
    return join(this.context.stateDir, 'deployments', endpoint, deployment);
  }
}

/** Whether the running containers can serve the new record as they are. */
function sameContainer(a: DeploymentRecord, b: DeploymentRecord): boolean {
  const container = ({
    properties: { model, environmentId, environmentVariables, livenessProbe, readinessProbe },
  }: DeploymentRecord): string =>
    JSON.stringify([model, environmentId, environmentVariables, livenessProbe, readinessProbe]);
  return container(a) === container(b);
}
