import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../free-port';
import { start, type Child } from '../../processes';
import type { Route } from '../assets/environment-lookup';
import { isoDurationSeconds } from '../compute/iso-duration';
import { inImage, type Image } from '../images/execute-dockerfile';
import type { Probe } from './endpoint-store';

export interface Check {
  route: Route;
  probe: Probe;
}

export interface ContainerOptions {
  image: Image;
  environment: Record<string, string>;
  liveness: Check;
  readiness: Check;
  /** Gives a slow start more time; the others begin when it has succeeded. */
  startup?: Check;
  log: (line: string) => void;
}

/** How often a container that starts is asked; the service asks once a period, after the initial delay. Asking sooner lets a quick start be quick. */
const startProbeMilliseconds = 200;

/** One run of an image's command as a process, watched by its probes. */
export class Container {
  /** Whether its readiness probe succeeds. */
  isReady = false;
  /** Resolves with the reason once the process has ended or its liveness probe has failed too often; never rejects. */
  readonly ended: Promise<string>;
  private readonly over = new AbortController();
  private endedReason: string | undefined;

  private constructor(
    readonly port: number,
    private readonly child: Child,
    private readonly options: ContainerOptions,
  ) {
    this.ended = Promise.race([
      child.exit.then(
        ({ code, signal }) => `The container ended with ${signal ? `signal ${signal}` : `exit code ${code ?? 0}`}.`,
      ),
      this.watchLiveness(),
    ]).then(reason => {
      this.endedReason = reason;
      this.isReady = false;
      this.over.abort();
      return reason;
    });
  }

  /** Starts the process; it is ready later, see `ready`. */
  static async start(options: ContainerOptions): Promise<Container> {
    const { image, environment, log } = options;
    const port = await freePort();
    const [command = '', ...args] = image.command;
    const child = start(command === 'node' ? process.execPath : command, args, {
      cwd: inImage(image, image.workdir),
      env: { PATH: process.env['PATH'], ...image.environment, ...environment, PORT: String(port) },
      endWithParent: true,
    });
    for (const stream of [child.stdout, child.stderr]) void readLines(stream, log);
    return new Container(port, child, options);
  }

  /** The group that the process leads. */
  get processGroup(): number {
    return this.child.pid;
  }

  /** Resolves when the readiness probe succeeds. @throws Error with the reason when it ends or does not get ready in the time that its probes give it */
  async ready(signal: AbortSignal): Promise<void> {
    const { readiness, startup } = this.options;
    if (startup) await this.succeeds('startup', startup, signal);
    await this.succeeds('readiness', readiness, signal);
    this.isReady = true;
    void this.watchReadiness();
  }

  async kill(): Promise<void> {
    this.over.abort();
    this.isReady = false;
    await this.child.kill();
  }

  private async succeeds(what: string, { route, probe }: Check, signal: AbortSignal): Promise<void> {
    const { initialDelay, period, timeout } = seconds(probe);
    const patience = initialDelay + probe.failureThreshold * period;
    const deadline = Date.now() + patience * 1000;
    for (let successes = 0; ;) {
      successes = (await this.answers(route, timeout)) ? successes + 1 : 0;
      signal.throwIfAborted();
      if (this.endedReason !== undefined) throw new Error(`${this.endedReason.slice(0, -1)} before it was ready.`);
      if (successes >= probe.successThreshold) return;
      if (Date.now() > deadline)
        throw new Error(`The ${what} probe ${route.path} did not succeed within ${patience} seconds.`);
      await sleep(startProbeMilliseconds, undefined, { signal });
    }
  }

  /** Takes the container out of the router's choice while its readiness probe fails. */
  private async watchReadiness(): Promise<void> {
    const { route, probe } = this.options.readiness;
    const { period, timeout } = seconds(probe);
    for (let inARow = 0; await this.pause(period);) {
      const answers = await this.answers(route, timeout);
      if (this.over.signal.aborted) return;
      inARow = answers === this.isReady ? 0 : inARow + 1;
      if (inARow < (this.isReady ? probe.failureThreshold : probe.successThreshold)) continue;
      this.isReady = answers;
      inARow = 0;
      this.options.log(answers ? '[The container is ready again.]' : `[Readiness probe ${route.path} failed.]`);
    }
  }

  private async watchLiveness(): Promise<string> {
    const { route, probe } = this.options.liveness;
    const { initialDelay, period, timeout } = seconds(probe);
    await this.pause(initialDelay);
    for (let failures = 0; await this.pause(period);) {
      failures = (await this.answers(route, timeout)) ? 0 : failures + 1;
      if (failures >= probe.failureThreshold && !this.over.signal.aborted)
        return `The liveness probe ${route.path} failed ${failures} times in a row.`;
    }
    return new Promise(() => undefined);
  }

  /** False when the container is over. */
  private async pause(seconds: number): Promise<boolean> {
    await sleep(seconds * 1000, undefined, { ref: false, signal: this.over.signal }).catch(() => undefined);
    return !this.over.signal.aborted;
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

function seconds(probe: Probe): { initialDelay: number; period: number; timeout: number } {
  const read = (text: string): number => isoDurationSeconds(text) ?? 10;
  // A period of nothing would ask without a break.
  return {
    initialDelay: read(probe.initialDelay),
    period: Math.max(read(probe.period), 0.05),
    timeout: Math.max(read(probe.timeout), 0.05),
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
