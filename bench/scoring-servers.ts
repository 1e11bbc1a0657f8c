import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { freePort } from '../local/free-port';
import { root } from '../scripts/product';
import type { InputSpec } from '../scoring-runtime/src/manifest';
import { pythonWith } from '../test/support/python-packages';

export interface BenchModel {
  readonly name: string;
  readonly file: string;
  /** Pixels of a side. */
  readonly size: number;
}

/** One way to serve a model; the settings are the fastest ones that were found for it. */
export interface Contestant {
  readonly name: string;
  /** Whether it is the scoring runtime, which speaks the V2 protocol and says in its metrics what takes how long. */
  readonly isOurs?: true;
  /** The only model that it takes part with; all when it names none. */
  readonly only?: string;
  start(model: BenchModel, port: number, folder: string): Promise<Command>;
}

interface Command {
  readonly command: readonly [string, ...string[]];
  readonly env: Record<string, string>;
}

const scripts = join(root, 'bench/rivals/scoring');
export const serverFile = join(root, 'scoring-runtime/dist/server.js');

/** The Python of a rival, in a virtual environment of its own. */
export function pythonOf(rival: string): Promise<string> {
  return pythonWith(join(scripts, `requirements-${rival}.txt`));
}

const batching = { BATCH: '8', DELAY: '0.005' };
/** A process a processor, each with one thread: for a server that decodes and runs the model in the same process. */
const processes = { WORKERS: '2', THREADS: '1' };
const threads = { WORKERS: '1', THREADS: '2' };

/** How a model of the benchmark takes images. @param size pixels of a side */
export function imageNetInput(size: number): InputSpec {
  return {
    layout: 'NCHW',
    channels: 'RGB',
    width: size,
    height: size,
    resize: 'stretch',
    scale: 1 / 255,
    mean: [0.485, 0.456, 0.406],
    std: [0.229, 0.224, 0.225],
  };
}

/** One copy of the model with a thread a processor, and for the larger model two copies, each with one. */
export const ours: readonly Contestant[] = [
  { name: 'scoring runtime', isOurs: true, start: (model, _port, folder) => startOurs(model, folder, {}) },
  {
    name: 'scoring runtime, 2 copies',
    isOurs: true,
    only: 'resnet50',
    start: (model, _port, folder) =>
      startOurs(model, folder, { GUARDIAN_MODEL_COPIES: '2', GUARDIAN_MAX_BATCH_SIZE: '2' }),
  },
];

function startOurs(model: BenchModel, folder: string, settings: Record<string, string>): Promise<Command> {
  const manifest = {
    schemaVersion: 1,
    name: model.name,
    model: 'model.onnx',
    input: imageNetInput(model.size),
    output: { activation: 'softmax' },
    labels: ['safe', 'nsfw'],
  };
  const modelDir = join(folder, `model-${model.name}`);
  mkdirSync(modelDir, { recursive: true });
  writeFileSync(join(modelDir, 'guardian-model.json'), JSON.stringify(manifest));
  writeFileSync(join(modelDir, 'model.onnx'), readFileSync(model.file));
  return Promise.resolve({
    command: [process.execPath, serverFile],
    env: { AZUREML_MODEL_DIR: modelDir, ...containerEnv(), ...settings },
  });
}

/** What the container sets for the process. */
export function containerEnv(): Record<string, string> {
  const text = readFileSync(join(root, 'scoring-runtime/Dockerfile'), 'utf8');
  const lines = [...text.matchAll(/^ENV (.*)$/gm)].map(match => match[1] ?? '');
  return Object.fromEntries(lines.flatMap(line => line.split(/\s+/).map(pair => pair.split('=') as [string, string])));
}

export const rivals: readonly Contestant[] = [
  {
    name: 'LitServe',
    start: async () => ({
      command: [await pythonOf('litserve'), join(scripts, 'litserve_server.py')],
      env: { ...batching, ...processes },
    }),
  },
  {
    name: 'azureml-inference-server-http',
    start: async (_model, port, folder) => ({
      command: [
        join(dirname(await pythonOf('azureml')), 'azmlinfsrv'),
        ...['--entry_script', join(scripts, 'azureml_score.py'), '--port', String(port)],
      ],
      // Its log has a line an answer otherwise.
      env: {
        ...processes,
        WORKER_COUNT: '2',
        AML_APP_ROOT: scripts,
        AZUREML_MODEL_DIR: folder,
        AZUREML_LOG_LEVEL: 'WARNING',
      },
    }),
  },
  {
    name: 'MLServer',
    async start(_model, port, folder) {
      const settings = {
        http_port: port,
        grpc_port: await freePort(),
        metrics_port: await freePort(),
        parallel_workers: 0,
      };
      const home = join(folder, 'mlserver');
      mkdirSync(home, { recursive: true });
      writeFileSync(join(home, 'settings.json'), JSON.stringify({ ...settings, debug: false }));
      const model = { name: 'model', implementation: 'mlserver_runtime.Runtime' };
      writeFileSync(join(home, 'model-settings.json'), JSON.stringify(model));
      return { command: [join(dirname(await pythonOf('mlserver')), 'mlserver'), 'start', home], env: threads };
    },
  },
  {
    name: 'BentoML',
    start: async (_model, port, folder) => ({
      command: [
        join(dirname(await pythonOf('bentoml')), 'bentoml'),
        ...['serve', 'bento_service:Scorer', '--working-dir', scripts, '--host', '127.0.0.1', '--port', String(port)],
      ],
      env: { ...threads, BENTOML_DO_NOT_TRACK: '1', BENTOML_HOME: join(folder, 'bento') },
    }),
  },
  {
    name: 'Ray Serve',
    start: async () => ({
      command: [await pythonOf('ray'), join(scripts, 'ray_app.py')],
      env: { ...batching, ...processes, RAY_USAGE_STATS_ENABLED: '0' },
    }),
  },
];

/** A server that answers, until it is stopped. */
export class RunningServer {
  private constructor(
    private readonly child: ChildProcess,
    readonly url: string,
    /** From the start of the process to its first answer to a photograph. */
    readonly startSeconds: number,
  ) {}

  /** @throws Error with the end of its output when it does not answer within two minutes */
  static async start(who: Contestant, model: BenchModel, folder: string, photograph: string): Promise<RunningServer> {
    const port = await freePort();
    const { command, env } = await who.start(model, port, folder);
    const log = join(folder, `${who.name.replace(/\W+/g, '-')}.log`);
    const output = openSync(log, 'w');
    const began = performance.now();
    const child = spawn(command[0], command.slice(1), {
      cwd: folder,
      stdio: ['ignore', output, output],
      env: {
        PATH: process.env['PATH'],
        HOME: folder,
        PYTHONPATH: scripts,
        MODEL: model.file,
        PORT: String(port),
        HOST: '127.0.0.1',
        ...env,
      },
    });
    closeSync(output);
    const url = `http://127.0.0.1:${port}`;
    while (!(await answers(url, photograph))) {
      if (child.exitCode !== null || performance.now() - began > 120_000) {
        kill(family(child), 'SIGKILL');
        throw new Error(`${who.name} does not answer:\n${readFileSync(log, 'utf8').slice(-3000)}`);
      }
      await new Promise(resolve => setTimeout(resolve, 10));
    }
    return new RunningServer(child, url, (performance.now() - began) / 1000);
  }

  /** Memory of all its processes, MiB; what they share counts once (PSS). */
  memory(): number {
    const kilobytes = family(this.child).map(pid => /^Pss:\s+(\d+)/m.exec(read(`/proc/${pid}/smaps_rollup`))?.[1]);
    return kilobytes.reduce((sum, value) => sum + Number(value ?? 0), 0) / 1024;
  }

  /** Processor time so far of all its processes, and of its first process' first thread: seconds. */
  processorSeconds(): { all: number; main: number } {
    const of = (file: string): number => {
      const stat = read(file);
      const [user, system] = stat
        .slice(stat.lastIndexOf(')') + 2)
        .split(' ')
        .slice(11, 13);
      // In ticks, of which Linux has 100 a second.
      return (Number(user ?? 0) + Number(system ?? 0)) / 100;
    };
    const { pid } = this.child;
    const all = family(this.child).reduce((sum, one) => sum + of(`/proc/${one}/stat`), 0);
    return { all, main: of(`/proc/${pid}/task/${pid}/stat`) };
  }

  async stop(): Promise<void> {
    const all = family(this.child);
    const exit = once(this.child, 'exit');
    this.child.kill('SIGTERM');
    const timer = setTimeout(() => this.child.kill('SIGKILL'), 5000);
    await exit;
    clearTimeout(timer);
    kill(all, 'SIGKILL');
  }
}

/** A process and all that it started, directly or not. */
function family({ pid: first }: ChildProcess): number[] {
  const parents = new Map<number, number>();
  for (const entry of readdirSync('/proc').filter(name => /^\d+$/.test(name))) {
    const stat = read(`/proc/${entry}/stat`);
    parents.set(Number(entry), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]));
  }
  const belongs = (pid: number): boolean => pid === first || (pid > 1 && belongs(parents.get(pid) ?? 0));
  return [...parents.keys()].filter(belongs);
}

async function answers(url: string, photograph: string): Promise<boolean> {
  const body = readFileSync(photograph);
  const answer = await fetch(`${url}/score`, { method: 'POST', headers: { 'content-type': 'image/jpeg' }, body }).catch(
    () => undefined,
  );
  await answer?.arrayBuffer();
  return answer?.status === 200;
}

/** Of a process that may be gone already. */
function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function kill(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch {
      // It is gone already.
    }
  }
}
