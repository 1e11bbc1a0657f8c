import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { EventRecorder } from '../controllers/event-recorder';
import { omit, timestamp } from '../objects/api-object';
import type { ObjectStore } from '../objects/object-store';
import { resourceNamed } from '../objects/resources';
import { containerEnvironment } from './container-environment';
import { ContainerWorker, type LocalImage } from './container-worker';
import { nodeName, unschedulable } from './local-node';
import type { PodLogs } from './pod-logs';
import { PodVolumes } from './pod-volumes';
import type { Condition, Container, ContainerStatus, Pod, PodStatus } from './pod-shapes';

/** On the pod: where its process answers on this machine. */
export const urlAnnotation = 'local.guardian/url';
/** On the pod: no program of this machine stands for any of its images, so nothing runs. */
export const simulatedAnnotation = 'local.guardian/simulated';

export interface PodWorkerOptions {
  store: ObjectStore;
  events: EventRecorder;
  logs: PodLogs;
  /** Programs by image name. */
  images: Readonly<Record<string, LocalImage>>;
  /** Variables that every container gets; its own win. */
  environment: Readonly<Record<string, string>>;
  /** Below it: volumes of pods, by their uid, and of claims. */
  volumesFolder: string;
  log: (line: string) => void;
}

const resource = resourceNamed('pods');

/** Brings one pod to life on this machine and keeps its status true until it is stopped. */
export class PodWorker {
  readonly #o: PodWorkerOptions;
  readonly #pod: Pod;
  readonly #volumes: PodVolumes;
  readonly #initContainers: ContainerWorker[];
  readonly #containers: ContainerWorker[];
  #stopped = false;
  /** Containers that have ended for good, by name. */
  readonly #ended = new Set<string>();

  constructor(options: PodWorkerOptions, pod: Pod) {
    this.#o = options;
    this.#pod = pod;
    this.#volumes = new PodVolumes({
      store: options.store,
      pod,
      folder: join(options.volumesFolder, 'pods', pod.metadata.uid),
      claimsFolder: join(options.volumesFolder, 'claims'),
    });
    const { spec, status } = pod;
    const policy = spec.restartPolicy ?? 'Always';
    const make = (container: Container, before: ContainerStatus[] | undefined, restartPolicy: typeof policy) =>
      new ContainerWorker({
        podUid: pod.metadata.uid,
        podText: `${pod.metadata.name}_${pod.metadata.namespace ?? ''}(${pod.metadata.uid})`,
        container,
        image: options.images[container.image],
        restartPolicy,
        graceMilliseconds: (spec.terminationGracePeriodSeconds ?? 30) * 1000,
        before: before?.find(one => one.name === container.name),
        environment: () => ({ ...this.#baseEnvironment(), ...containerEnvironment(options.store, pod, container) }),
        missingVolume: () => this.#volumes.problem(options.images[container.image] !== undefined),
        mount: () => this.#volumes.mount(container),
        logs: options.logs,
        changed: () => this.#publish(),
        event: (type, reason, message) => options.events.record(pod, type, reason, message, 'kubelet'),
      });
    const initPolicy = policy === 'Never' ? 'Never' : 'OnFailure';
    this.#initContainers = (spec.initContainers ?? []).map(one => make(one, status?.initContainerStatuses, initPolicy));
    this.#containers = spec.containers.map(one => make(one, status?.containerStatuses, policy));
  }

  /** Resolves when every container has ended for good, or the pod was stopped. */
  async run(): Promise<void> {
    const { store, events } = this.#o;
    const misfit = unschedulable(store, this.#pod.spec);
    if (misfit !== undefined) {
      events.record(this.#pod, 'Warning', 'FailedScheduling', misfit, 'default-scheduler');
      this.#publishUnschedulable(misfit);
      return;
    }
    this.#publish();
    const { name, namespace = '' } = this.#pod.metadata;
    if (this.#pod.spec.nodeName === undefined) {
      events.record(
        this.#pod,
        'Normal',
        'Scheduled',
        `Successfully assigned ${namespace}/${name} to ${nodeName}`,
        'default-scheduler',
      );
    }
    for (const [index, worker] of this.#initContainers.entries()) {
      const simulated = this.#o.images[this.#pod.spec.initContainers?.[index]?.image ?? ''] === undefined;
      // Nothing runs for an unknown image, so there is nothing to wait for.
      if (!simulated) await worker.run();
      if (this.#stopped) return;
      this.#ended.add(worker.status.name);
      if (!simulated && worker.status.state.terminated?.exitCode !== 0) {
        this.#publish();
        return;
      }
    }
    await Promise.all(
      this.#containers.map(async worker => {
        await worker.run();
        if (this.#stopped) return;
        this.#ended.add(worker.status.name);
        this.#publish();
      }),
    );
  }

  /**
   * Ends the processes. The stored pod stays as it is: who stops the pod decides what becomes of it.
   * @param forGood the pod will not be started again: its preStop hooks run, and its volumes go
   */
  async stop(graceMilliseconds: number, forGood: boolean): Promise<void> {
    this.#stopped = true;
    const workers = [...this.#initContainers, ...this.#containers];
    await Promise.all(workers.map(worker => worker.stop(graceMilliseconds, forGood)));
    if (forGood) this.#volumes.remove();
  }

  /** A ConfigMap or Secret of the pod's namespace changed: volumes that are made of it follow. */
  refreshVolumes(): void {
    if (!this.#stopped) this.#volumes.refresh();
  }

  #baseEnvironment(): Record<string, string> {
    return {
      PATH: process.env.PATH ?? '/usr/local/bin:/usr/bin:/bin',
      HOSTNAME: this.#pod.metadata.name,
      ...this.#o.environment,
    };
  }

  #publishUnschedulable(message: string): void {
    const live = this.#live();
    if (!live) return;
    const conditions = withTransitions(live.status?.conditions, [
      { type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message },
    ]);
    this.#store(live, { ...live, status: { ...live.status, phase: 'Pending', conditions } });
  }

  #publish(): void {
    const live = this.#live();
    if (!live || this.#stopped) return;
    const real = this.#pod.spec.containers.some(one => this.#o.images[one.image] !== undefined);
    const annotations: Record<string, string> = omit(live.metadata.annotations ?? {}, urlAnnotation);
    const port = this.#containers.find(worker => worker.port !== undefined)?.port;
    if (!real) annotations[simulatedAnnotation] = 'true';
    if (port !== undefined) annotations[urlAnnotation] = `http://127.0.0.1:${port}`;
    this.#store(live, {
      ...live,
      metadata: { ...live.metadata, ...(Object.keys(annotations).length > 0 ? { annotations } : {}) },
      spec: { ...live.spec, nodeName },
      status: this.#status(live.status),
    });
  }

  #status(before: PodStatus | undefined): PodStatus {
    const containers = this.#containers.map(worker => worker.status);
    const initialized = this.#initContainers.every(({ status }) => this.#ended.has(status.name));
    const phase = this.#phase(initialized);
    const notReady = containers.filter(one => !one.ready).map(one => one.name);
    const readiness =
      notReady.length === 0
        ? ({ status: 'True' } as const)
        : ({
            status: 'False',
            reason: phase === 'Succeeded' ? 'PodCompleted' : 'ContainersNotReady',
            message: `containers with unready status: [${notReady.join(' ')}]`,
          } as const);
    return {
      ...before,
      phase,
      conditions: withTransitions(before?.conditions, [
        { type: 'PodScheduled', status: 'True' },
        { type: 'Initialized', status: initialized ? 'True' : 'False' },
        { type: 'ContainersReady', ...readiness },
        { type: 'Ready', ...readiness },
      ]),
      hostIP: '127.0.0.1',
      podIP: '127.0.0.1',
      startTime: before?.startTime ?? timestamp(),
      containerStatuses: containers,
      ...(this.#initContainers.length > 0
        ? { initContainerStatuses: this.#initContainers.map(worker => worker.status) }
        : {}),
    };
  }

  #phase(initialized: boolean): PodStatus['phase'] {
    const ends = this.#containers.map(({ status }) =>
      this.#ended.has(status.name) ? status.state.terminated?.exitCode : undefined,
    );
    if (initialized && ends.every(code => code === 0)) return 'Succeeded';
    if (initialized && ends.every(code => code !== undefined)) return 'Failed';
    const initFailed = this.#initContainers.some(
      ({ status }) => this.#ended.has(status.name) && (status.state.terminated?.exitCode ?? 0) !== 0,
    );
    if (initFailed) return 'Failed';
    return this.#containers.some(({ status }) => status.containerID !== undefined) ? 'Running' : 'Pending';
  }

  #live(): Pod | undefined {
    const { namespace, name, uid } = this.#pod.metadata;
    const live = this.#o.store.get(resource, namespace, name) as Pod | undefined;
    return live?.metadata.uid === uid ? live : undefined;
  }

  #store(live: Pod, changed: Pod): void {
    if (!isDeepStrictEqual(live, changed)) this.#o.store.put(resource, changed);
  }
}

/** Keeps the time of the last change of every condition that is as it was. */
function withTransitions(before: Condition[] | undefined, now: Omit<Condition, 'lastTransitionTime'>[]): Condition[] {
  return now.map(condition => {
    const known = before?.find(one => one.type === condition.type && one.status === condition.status);
    return { lastProbeTime: null, ...condition, lastTransitionTime: known?.lastTransitionTime ?? timestamp() };
  });
}
