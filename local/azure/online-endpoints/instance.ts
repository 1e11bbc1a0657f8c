import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Container, type ContainerOptions } from './container';

/** Waits before the second, third, … restart in a row, as a kubelet has them: doubling, up to five minutes. */
const firstBackOffSeconds = 10;
const longestBackOffSeconds = 300;
/** A container that ran that long has got over its trouble. */
const goodRunSeconds = 600;
/** As long as the longest request may take. */
const drainSeconds = 180;

/** One instance of a deployment: a container that is started again when it goes down. */
export class Instance {
  readonly id = randomUUID();
  /** Requests that it is working on. */
  pending = 0;
  private container: Container | undefined;
  private readonly over = new AbortController();
  private readonly signal: AbortSignal;
  private life: Promise<void> = Promise.resolve();

  private constructor(
    private readonly options: ContainerOptions,
    signal: AbortSignal,
  ) {
    this.signal = AbortSignal.any([signal, this.over.signal]);
  }

  /** A new instance whose container is ready. @throws Error with the reason when it ends or never gets ready; nothing is left running */
  static async start(options: ContainerOptions, signal: AbortSignal): Promise<Instance> {
    const instance = new Instance(options, signal);
    try {
      const container = await instance.boot();
      instance.life = instance.keepUp(container);
      return instance;
    } catch (error) {
      await instance.stop();
      throw error;
    }
  }

  /** An instance that comes up by itself, now or after some tries. `firstTry` resolves when its first container is ready or has failed. */
  static restore(options: ContainerOptions, signal: AbortSignal): { instance: Instance; firstTry: Promise<void> } {
    const instance = new Instance(options, signal);
    const first = instance.boot().catch(() => undefined);
    instance.life = first.then(container => instance.keepUp(container));
    return { instance, firstTry: first.then(() => undefined) };
  }

  get isReady(): boolean {
    return this.container?.isReady === true;
  }

  /** Where the container listens on 127.0.0.1. */
  get port(): number | undefined {
    return this.container?.port;
  }

  get processGroup(): number | undefined {
    return this.container?.processGroup;
  }

  /** Stops it once it has answered what it was asked; for that it must have been taken from the router's choice. */
  async drain(): Promise<void> {
    const deadline = Date.now() + drainSeconds * 1000;
    while (this.pending > 0 && Date.now() < deadline && !this.signal.aborted) await sleep(20);
    await this.stop();
  }

  async stop(): Promise<void> {
    this.over.abort();
    await this.container?.kill();
    await this.life;
  }

  private async boot(): Promise<Container> {
    const container = await Container.start(this.options);
    this.container = container;
    try {
      await container.ready(this.signal);
      return container;
    } catch (error) {
      await container.kill();
      this.signal.throwIfAborted();
      this.options.log(`[${error instanceof Error ? error.message : String(error)}]`);
      throw error;
    }
  }

  /** Restarts the container whenever it goes down, until the instance is stopped. */
  private async keepUp(first: Container | undefined): Promise<void> {
    const isOver = (): boolean => this.signal.aborted;
    let container = first;
    for (let failures = first ? 0 : 1; !isOver();) {
      const began = Date.now();
      if (container) {
        const reason = await container.ended;
        await container.kill();
        if (isOver()) return;
        this.options.log(`[${reason} Restarting.]`);
      }
      if (Date.now() - began > goodRunSeconds * 1000) failures = 0;
      const wait = failures === 0 ? 0 : Math.min(firstBackOffSeconds * 2 ** (failures - 1), longestBackOffSeconds);
      if (wait > 0) this.options.log(`[Back-off: the next start in ${wait} seconds.]`);
      await sleep(wait * 1000, undefined, { ref: false, signal: this.signal }).catch(() => undefined);
      failures += 1;
      container = isOver() ? undefined : await this.boot().catch(() => undefined);
    }
    await container?.kill();
  }
}
