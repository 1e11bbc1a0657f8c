import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';

const root = resolve(__dirname, '../../..');
const server = join(root, 'scoring-runtime/dist/server.js');

/** A model of test/fixtures/models by name. */
export function modelFolder(name: string): string {
  return join(root, 'test/fixtures/models', name);
}

/** A photograph of test/fixtures/images. */
export function imageFile(name: string): string {
  return join(root, 'test/fixtures/images', name);
}

export interface LogLine {
  readonly msg: string;
  readonly [field: string]: unknown;
}

/** The server as its container runs it: the built bundle in a process of its own, on a free port. */
export class Runtime {
  readonly log: LogLine[] = [];
  readonly #watchers = new Set<() => void>();
  readonly #exit: Promise<number | string | null>;
  #errors = '';
  url = '';
  port = 0;

  private constructor(private readonly child: ChildProcess) {
    this.#exit = once(child, 'exit').then(([code, signal]) => (code ?? signal) as number | string);
    child.stderr?.on('data', (chunk: Buffer) => (this.#errors += chunk.toString()));
    if (child.stdout) {
      createInterface({ input: child.stdout }).on('line', line => {
        this.log.push(JSON.parse(line) as LogLine);
        for (const look of this.#watchers) look();
      });
    }
  }

  /** Starts it and waits until it listens, which is before the model is loaded. */
  static async start(modelDir: string, env: Record<string, string> = {}): Promise<Runtime> {
    buildIfOld();
    const child = spawn(process.execPath, [server], {
      env: { PATH: process.env['PATH'], HOST: '127.0.0.1', PORT: '0', AZUREML_MODEL_DIR: modelDir, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const runtime = new Runtime(child);
    const { port } = await runtime.line('listening');
    runtime.port = port as number;
    runtime.url = `http://127.0.0.1:${runtime.port}`;
    return runtime;
  }

  /** Starts it and waits until it takes requests. */
  static async ready(modelDir: string, env: Record<string, string> = {}): Promise<Runtime> {
    const runtime = await Runtime.start(modelDir, env);
    const line = await runtime.line(/^ready$|refused/);
    if (line.msg === 'ready') return runtime;
    await runtime.stop();
    throw new Error(String(line['reason']));
  }

  /** The first line of the log with this message and these fields, now or later; fails when the process ends without it. */
  async line(message: string | RegExp, fields: Record<string, unknown> = {}): Promise<LogLine> {
    const found = () =>
      this.log.find(
        line =>
          (typeof message === 'string' ? line.msg === message : message.test(line.msg)) &&
          Object.entries(fields).every(([name, value]) => line[name] === value),
      );
    return new Promise((resolveLine, reject) => {
      const look = () => {
        const line = found();
        if (!line) return;
        this.#watchers.delete(look);
        resolveLine(line);
      };
      this.#watchers.add(look);
      look();
      void this.#exit.then(code =>
        setImmediate(() =>
          reject(new Error(`The server ended (${code}) without '${String(message)}': ${this.#errors}`)),
        ),
      );
    });
  }

  async score(body: Uint8Array | object, type = 'application/json', headers: Record<string, string> = {}) {
    return fetch(`${this.url}/score`, {
      method: 'POST',
      headers: { 'content-type': type, ...headers },
      body: body instanceof Uint8Array ? new Uint8Array(body) : JSON.stringify(body),
    });
  }

  async get(path: string): Promise<Response> {
    return fetch(`${this.url}${path}`);
  }

  get pid(): number {
    return this.child.pid ?? NaN;
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** How the process ended: its code, or the signal that killed it. */
  async exit(): Promise<number | string | null> {
    return this.#exit;
  }

  async stop(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.#exit;
  }
}

/** Runs the server with these settings and words only, until it ends by itself. */
export function runToEnd(
  env: Record<string, string>,
  ...words: string[]
): { status: number | null; stdout: string; stderr: string } {
  buildIfOld();
  return spawnSync(process.execPath, [server, ...words], {
    env: { PATH: process.env['PATH'], ...env },
    encoding: 'utf8',
    timeout: 30_000,
  });
}

/** `npm test` builds before it tests; a single test run by hand must not test an old bundle. */
function buildIfOld(): void {
  const built = statSync(server, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const source = join(root, 'scoring-runtime/src');
  const files = readdirSync(source, { recursive: true, encoding: 'utf8' });
  if (files.every(file => statSync(join(source, file)).mtimeMs < built)) return;
  const { status, stderr } = spawnSync(process.execPath, [join(root, 'scoring-runtime/build.mjs')], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(stderr);
}

export interface Prediction {
  readonly model: string;
  readonly digest: string;
  readonly label: string;
  readonly probability: number;
  readonly probabilities: Record<string, number>;
}

export interface Failure {
  readonly error: { readonly code: string; readonly message: string; readonly requestId: string };
}

/** The body of an answer, read as what the test expects it to be. */
export async function body<T>(answer: Response): Promise<T> {
  return (await answer.json()) as T;
}
