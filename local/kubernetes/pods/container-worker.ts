import { randomBytes } from 'node:crypto';
import { constants } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '../../free-port';
import { start, type Child } from '../../processes';
import { timestamp } from '../objects/api-object';
import { expandArguments } from './container-environment';
import type { PodLogs } from './pod-logs';
import type { Container, ContainerState, ContainerStatus } from './pod-shapes';
import { runProbes } from './container-probes';
import { ContainerConfigError } from './pod-references';
import { mountRootVariable, type ContainerMounts } from './pod-volumes';
import { checkHandlers, runHook, type ProbeTarget } from './probe';

/** A program of this machine that stands for a container image. */
export interface LocalImage {
  command: string;
  args: string[];
  cwd: string;
}

/** A tenth of the kubelet's 10 s, so that a mistake is seen soon; the limit and the reset are the kubelet's. */
const firstBackOffMilliseconds = 1000;
const longestBackOffMilliseconds = 300_000;
const backOffResetMilliseconds = 600_000;

/** How long it takes until what is missing is looked for again, and until a simulated container is ready. */
const retryMilliseconds = 500;
const simulatedStartMilliseconds = 50;

/** A postStart hook may take its time, but not for ever: the kubelet has no limit, and a pod that hangs is no help to anybody. */
const hookMilliseconds = 120_000;

export interface ContainerWorkerOptions {
  podUid: string;
  /** `name_namespace(uid)`, as the kubelet's messages name a pod. */
  podText: string;
  container: Container;
  /** Absent: nothing runs, and the container is reported as ready. */
  image: LocalImage | undefined;
  restartPolicy: 'Always' | 'OnFailure' | 'Never';
  graceMilliseconds: number;
  /** What was known of the container before this process. */
  before: ContainerStatus | undefined;
  /** Resolved anew at every start. @throws ContainerConfigError */
  environment: () => Record<string, string>;
  /** Why a volume cannot be made, if so. */
  missingVolume: () => string | undefined;
  /** Makes the volumes that the container mounts. @throws ContainerConfigError */
  mount: () => ContainerMounts | undefined;
  logs: PodLogs;
  changed: () => void;
  event: (type: 'Normal' | 'Warning', reason: string, message: string) => void;
}

/** Keeps one container of a pod running by the pod's restart policy, and its status true. */
export class ContainerWorker {
  status: ContainerStatus;
  /** Where the process answers, while it runs. */
  port: number | undefined;
  readonly #o: ContainerWorkerOptions;
  readonly #stopping = new AbortController();
  #child: Child | undefined;
  #target: ProbeTarget | undefined;
  #running: Promise<void> | undefined;

  constructor(options: ContainerWorkerOptions) {
    this.#o = options;
    const { container, before } = options;
    this.status = {
      name: container.name,
      image: container.image,
      imageID: '',
      state: { waiting: { reason: 'ContainerCreating' } },
      lastState: before && options.image ? lastStateOf(before) : {},
      ready: false,
      started: false,
      restartCount: (before?.restartCount ?? 0) + (options.image && before?.containerID !== undefined ? 1 : 0),
    };
  }

  /** Runs until the container has ended for good, or is stopped. */
  run(): Promise<void> {
    this.#running ??= this.#keepRunning().catch((error: unknown) => {
      // Only a wait that was cut short by stop() ends here.
      if (!this.#stopping.signal.aborted) throw error;
    });
    return this.#running;
  }

  /**
   * Ends the process: SIGTERM, and SIGKILL after the grace period.
   * @param withHook whether the container is ended for good, so that its preStop hook has its say before
   */
  async stop(graceMilliseconds: number, withHook: boolean): Promise<void> {
    this.#stopping.abort();
    await (withHook ? this.#end(graceMilliseconds) : this.#child?.kill(graceMilliseconds));
    // Whoever called run() hears of its failures.
    await this.#running?.catch(() => undefined);
  }

  /** The hook's time counts for the grace period; a second remains at least for the process itself, as the kubelet has it. */
  async #end(graceMilliseconds: number): Promise<void> {
    const { container, event } = this.#o;
    const [child, target, hook] = [this.#child, this.#target, container.lifecycle?.preStop];
    if (!child) return;
    const began = Date.now();
    event('Normal', 'Killing', `Stopping container ${container.name}`);
    if (hook && target && graceMilliseconds > 0) {
      const failure = await runHook(hook, target, graceMilliseconds);
      if (failure !== undefined) event('Warning', 'FailedPreStopHook', `PreStopHook failed: ${failure}`);
    }
    await child.kill(hook ? Math.max(1000, graceMilliseconds - (Date.now() - began)) : graceMilliseconds);
  }

  async #keepRunning(): Promise<void> {
    const { container, image, event, podText } = this.#o;
    if (!image && cannotBePulled(container.image)) return this.#failToPull();
    let backOff = 0;
    for (;;) {
      const environment = await this.#resolve();
      if (!image) return this.#simulate();
      const began = Date.now();
      const ended = await this.#runOnce(image, environment);
      if (this.#isStopping() || this.#endsWith(ended?.exitCode ?? 1)) return;
      if (Date.now() - began > backOffResetMilliseconds) backOff = 0;
      if (backOff > 0) {
        const message = `back-off ${backOff / 1000}s restarting failed container=${container.name} pod=${podText}`;
        event('Warning', 'BackOff', `Back-off restarting failed container ${container.name} in pod ${podText}`);
        this.#set({ state: { waiting: { reason: 'CrashLoopBackOff', message } } });
        await this.#sleep(backOff);
      }
      backOff = backOff === 0 ? firstBackOffMilliseconds : Math.min(2 * backOff, longestBackOffMilliseconds);
      this.status = { ...this.status, restartCount: this.status.restartCount + 1 };
    }
  }

  /** Tries again and again, with growing pauses, as the kubelet does. */
  async #failToPull(): Promise<void> {
    const { container, event } = this.#o;
    const failed = `failed to pull and unpack image "${container.image}": ${container.image}: not found`;
    const backingOff = `Back-off pulling image "${container.image}"`;
    for (let backOff = firstBackOffMilliseconds; ; backOff = Math.min(2 * backOff, longestBackOffMilliseconds)) {
      event('Normal', 'Pulling', `Pulling image "${container.image}"`);
      event('Warning', 'Failed', `Failed to pull image "${container.image}": ${failed}`);
      event('Warning', 'Failed', 'Error: ErrImagePull');
      this.#set({ state: { waiting: { reason: 'ErrImagePull', message: failed } } });
      event('Normal', 'BackOff', backingOff);
      event('Warning', 'Failed', 'Error: ImagePullBackOff');
      const message = `${backingOff}: ErrImagePull: ${failed}`;
      this.#set({ state: { waiting: { reason: 'ImagePullBackOff', message } } });
      await this.#sleep(backOff);
    }
  }

  /** Waits until everything is there that the container refers to. */
  async #resolve(): Promise<Record<string, string>> {
    const { container, image, event, environment, missingVolume } = this.#o;
    for (;;) {
      const noVolume = missingVolume();
      if (noVolume !== undefined) {
        event('Warning', 'FailedMount', noVolume);
        this.#set({ state: { waiting: { reason: 'ContainerCreating' } } });
        await this.#sleep(retryMilliseconds);
        continue;
      }
      try {
        if (image) checkHandlers(container);
        return environment();
      } catch (error) {
        if (!(error instanceof ContainerConfigError)) throw error;
        const { message } = error;
        if (this.status.state.waiting?.message !== message) event('Warning', 'Failed', `Error: ${message}`);
        this.#set({ state: { waiting: { reason: 'CreateContainerConfigError', message } } });
        await this.#sleep(retryMilliseconds);
      }
    }
  }

  /** An image that no program stands for: its container does nothing but be there, so that rollouts around it go on. */
  async #simulate(): Promise<void> {
    await this.#sleep(simulatedStartMilliseconds);
    this.#started(newContainerId());
    this.#set({ ready: true, started: true });
    await this.#stopped();
  }

  async #runOnce(image: LocalImage, environment: Record<string, string>): Promise<{ exitCode: number } | undefined> {
    const { container, podUid, logs, event } = this.#o;
    const port = await freePort();
    this.#stopping.signal.throwIfAborted();
    const containerId = newContainerId();
    let child: Child;
    let target: ProbeTarget;
    try {
      const mounts = this.#o.mount();
      const locate = mounts?.locate ?? ((text: string) => text);
      const [command = image.command, ...commandArgs] = expandArguments(container.command, environment) ?? [];
      const ownArgs = expandArguments(container.args, environment);
      const args = container.command ? [...commandArgs, ...(ownArgs ?? [])] : (ownArgs ?? image.args);
      const located = Object.entries(environment).map(([name, value]) => [name, locate(value)]);
      const env: Record<string, string> = {
        ...(Object.fromEntries(located) as Record<string, string>),
        ...(mounts ? { [mountRootVariable]: mounts.root } : {}),
        PORT: String(port),
      };
      target = { port, cwd: container.workingDir === undefined ? image.cwd : locate(container.workingDir), env };
      if (mounts) {
        const why = `A plain process has no file system of its own: container ${container.name} finds its volumes below ${mounts.root}, which ${mountRootVariable} says; mount paths at the beginning of arguments and variables are replaced`;
        event('Normal', 'VolumesBelowFolder', why);
      }
      child = start(locate(command), args.map(locate), { cwd: target.cwd, env, endWithParent: true });
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      event('Warning', 'Failed', `Error: ${message}`);
      this.#set({ state: { waiting: { reason: 'CreateContainerError', message } } });
      return undefined;
    }
    this.#child = child;
    this.#target = target;
    logs.record(podUid, container.name, containerId, [child.stdout, child.stderr]);
    this.port = port;
    event('Normal', 'Started', `Started container ${container.name}`);
    await this.#postStart(child, target);
    const startedAt = this.#started(containerId);
    const probing = new AbortController();
    const probes = runProbes(container, {
      ...target,
      signal: probing.signal,
      isReady: () => this.status.ready,
      set: change => this.#set(change),
      kill: () => void this.#end(this.#o.graceMilliseconds),
      event,
    });
    const { code, signal } = await child.exit;
    probing.abort();
    await probes;
    logs.ended(podUid, container.name, containerId);
    this.#child = undefined;
    this.#target = undefined;
    this.port = undefined;
    const exitCode = code ?? 128 + (signal ? constants.signals[signal] : 0);
    const terminated = {
      exitCode,
      reason: exitCode === 0 ? 'Completed' : 'Error',
      startedAt,
      finishedAt: timestamp(),
      containerID: containerId,
    };
    this.#set({ state: { terminated }, ready: false, started: false });
    return { exitCode };
  }

  /** The container counts as running only when its hook is through; one that fails ends it. */
  async #postStart(child: Child, target: ProbeTarget): Promise<void> {
    const { container, event, graceMilliseconds } = this.#o;
    const hook = container.lifecycle?.postStart;
    if (!hook) return;
    const failure = await Promise.race([
      runHook(hook, target, hookMilliseconds),
      child.exit.then(() => 'the container ended meanwhile'),
    ]);
    if (failure === undefined || this.#isStopping()) return;
    event('Warning', 'FailedPostStartHook', `PostStartHook failed: ${failure}`);
    await child.kill(graceMilliseconds);
  }

  #isStopping(): boolean {
    return this.#stopping.signal.aborted;
  }

  /** Whether the restart policy lets this be the end. */
  #endsWith(exitCode: number): boolean {
    const { restartPolicy } = this.#o;
    return restartPolicy === 'Never' || (restartPolicy === 'OnFailure' && exitCode === 0);
  }

  #started(containerID: string): string {
    const startedAt = timestamp();
    const { terminated } = this.status.state;
    const lastState: ContainerState = terminated ? { terminated } : this.status.lastState;
    this.status = { ...this.status, lastState };
    this.#set({ state: { running: { startedAt } }, containerID, imageID: this.#o.container.image });
    return startedAt;
  }

  #set(change: Partial<ContainerStatus>): void {
    const { waiting } = change.state ?? {};
    const { terminated } = this.status.state;
    this.status = {
      ...this.status,
      // What ended stays visible while the next run is waited for.
      ...(waiting && terminated ? { lastState: { terminated } } : {}),
      ...(waiting ? { ready: false, started: false } : {}),
      ...change,
    };
    this.#o.changed();
  }

  #sleep(milliseconds: number): Promise<void> {
    return delay(milliseconds, undefined, { signal: this.#stopping.signal });
  }

  #stopped(): Promise<void> {
    const { signal } = this.#stopping;
    return new Promise(resolve => {
      if (signal.aborted) resolve();
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }
}

/** The process that ran when the server ended is gone, however it was. */
function lastStateOf(before: ContainerStatus): ContainerState {
  const { state, containerID } = before;
  if (state.terminated) return { terminated: state.terminated };
  if (!state.running || containerID === undefined) return before.lastState;
  const { startedAt } = state.running;
  return { terminated: { exitCode: 255, reason: 'Unknown', startedAt, finishedAt: timestamp(), containerID } };
}

/** Images of no registry: `.invalid` is no domain (RFC 2606), and the tag `missing` stands for what a registry does not have. */
function cannotBePulled(image: string): boolean {
  return image.endsWith(':missing') || /^[^/]+\.invalid(:\d+)?\//.test(image);
}

/** Begins with the time, so that ids sort in the order of the runs. */
function newContainerId(): string {
  return `local://${Date.now().toString(16).padStart(12, '0')}${randomBytes(10).toString('hex')}`;
}
