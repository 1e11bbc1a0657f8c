import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../free-port';
import { start, type Child } from '../../processes';
import { isoDurationSeconds } from '../compute/iso-duration';
import type { Route } from '../assets/environment-lookup';
import { inImage, type Image } from '../images/execute-dockerfile';
import type { Probe } from './endpoint-store';

export interface InstanceOptions {
  image: Image;
  environment: Record<string, string>;
  liveness: { route: Route; probe: Probe };
  readiness: { route: Route; probe: Probe };
  log: (line: string) => void;
  /** Told when a container that was ready ends or no longer answers. */
  onDown: (reason: string) => void;
}

/** How often a container that starts is asked; the service asks once a period, after the initial delay. Asking sooner lets a quick start be quick. */
const startProbeMilliseconds = 200;

/** One container of a deployment: the image's command as a process, watched by its probes. */
export class Instance {
  /** Requests that it is working on. */
  pending = 0;
  private child: Child | undefined;
  private stopped = false;

  private constructor(
    readonly port: number,
    private readonly options: InstanceOptions,
  ) {}

  /** Starts the container and resolves when its readiness probe succeeds. @throws Error with the reason when it ends or never gets ready */
  static async start(options: InstanceOptions, signal: AbortSignal): Promise<Instance> {
    const instance = new Instance(await freePort(), options);
    try {
      await instance.boot(signal);
      void instance.watch();
      return instance;
    } catch (error) {
      await instance.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await this.child?.kill();
  }

  private async boot(signal: AbortSignal): Promise<void> {
    const { image, environment, readiness, log } = this.options;
    const [command = '', ...args] = image.command;
    const child = start(command === 'node' ? process.execPath : command, args, {
      cwd: inImage(image, image.workdir),
      env: { PATH: process.env['PATH'], ...image.environment, ...environment, PORT: String(this.port) },
      endWithParent: true,
    });
    this.child = child;
    for (const stream of [child.stdout, child.stderr]) void readLines(stream, log);
    let ended: string | undefined;
    void child.exit.then(({ code, signal: name }) => {
      ended = name ? `signal ${name}` : `exit code ${code ?? 0}`;
    });

    const { initialDelay, period, failureThreshold } = seconds(readiness.probe);
    const deadline = Date.now() + (initialDelay + failureThreshold * period) * 1000;
    while (!(await this.answers(readiness.route, seconds(readiness.probe).timeout))) {
      signal.throwIfAborted();
      if (ended !== undefined) throw new Error(`The container ended with ${ended} before it was ready.`);
      if (Date.now() > deadline)
        throw new Error(
          `The readiness probe ${readiness.route.path} did not succeed within ${initialDelay + failureThreshold * period} seconds.`,
        );
      await sleep(startProbeMilliseconds, undefined, { signal });
    }
  }

  /** Asks for liveness once a period, and notices the end of the process. */
  private async watch(): Promise<void> {
    const { liveness, onDown } = this.options;
    const { period, timeout, failureThreshold } = seconds(liveness.probe);
    const over = new AbortController();
    void this.child?.exit.then(() => {
      over.abort();
      if (!this.stopped) onDown('The container ended.');
    });
    for (let failures = 0; !over.signal.aborted;) {
      await sleep(period * 1000, undefined, { ref: false, signal: over.signal }).catch(() => undefined);
      if (this.stopped) return;
      failures = (await this.answers(liveness.route, timeout)) ? 0 : failures + 1;
      if (failures >= failureThreshold) {
        onDown(`The liveness probe ${liveness.route.path} failed ${failures} times in a row.`);
        return;
      }
    }
  }

  private async answers(route: Route, timeoutSeconds: number): Promise<boolean> {
    try {
      const answer = await fetch(`http://127.0.0.1:${this.port}${route.path}`, {
        signal: AbortSignal.timeout(timeoutSeconds * 1000),
      });
      await answer.body?.cancel();
      return answer.ok;
    } catch {
      return false;
    }
  }
}

function seconds(probe: Probe): { initialDelay: number; period: number; timeout: number; failureThreshold: number } {
  const read = (text: string): number => isoDurationSeconds(text) ?? 10;
  return {
    initialDelay: read(probe.initialDelay),
    period: read(probe.period),
    timeout: read(probe.timeout),
    failureThreshold: probe.failureThreshold,
  };
}

async function readLines(stream: AsyncIterable<Buffer>, log: (line: string) => void): Promise<void> {
  let rest = '';
  for await (const chunk of stream) {
    const lines = (rest + chunk.toString()).split(/\r?\n/);
    rest = lines.pop() ?? '';
    lines.forEach(log);
  }
  if (rest !== '') log(rest);
}
