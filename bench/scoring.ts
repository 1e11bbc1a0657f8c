import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { root } from '../scripts/product';
import { decodeMilliseconds } from './scoring-decode';
import { type BenchModel, type Contestant, ours, pythonOf, rivals, RunningServer } from './scoring-servers';
import { median, quantile } from './statistics';

const execute = promisify(execFile);

/** One load on one server: images a second, and milliseconds. */
export interface Load {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  readonly profile?: Profile;
}

/** Where the scoring runtime's time went under a load: milliseconds. */
export interface Profile {
  /** Processor time an image, of all threads and of the one that speaks HTTP. */
  readonly processor: number;
  readonly mainThread: number;
  /** By its own metrics: from request to answer, and the steps of an image. */
  readonly request: number;
  readonly decode: number;
  readonly resize: number;
  readonly queue: number;
  /** One run of the model, and the images in it. */
  readonly run: number;
  readonly batch: number;
}

/** What one round found out about one server and model. */
export interface Visit {
  readonly startSeconds: number;
  /** MiB, after the first answer and two seconds of rest. */
  readonly idleMemory: number;
  /** By name, such as `JPEG, 8 at once`. */
  readonly loads: Readonly<Record<string, Load>>;
}

export interface ScoringResults {
  readonly rounds: number;
  /** Of each load. */
  readonly seconds: number;
  /** By model, then server: a visit a round. */
  readonly servers: Readonly<Record<string, Record<string, Visit[]>>>;
  /** onnxruntime-node alone with ResNet50, by configuration: images a second, and the run's milliseconds. */
  readonly limit: Readonly<Record<string, Load[]>>;
  /** By image: milliseconds from JPEG to the model's input, a median a round. */
  readonly decode: Readonly<Record<string, { ours: number[]; openCv: number[] }>>;
}

interface LoadPlan {
  readonly name: string;
  readonly connections: number;
  readonly body: 'jpeg' | 'tensor';
}

const plans: Record<string, readonly LoadPlan[]> = {
  resnet50: [
    { name: 'JPEG, 1 at once', connections: 1, body: 'jpeg' },
    { name: 'JPEG, 8 at once', connections: 8, body: 'jpeg' },
    { name: 'JPEG, 32 at once', connections: 32, body: 'jpeg' },
  ],
  tiny: [
    { name: 'JPEG, 32 at once', connections: 32, body: 'jpeg' },
    { name: 'tensor, 32 at once', connections: 32, body: 'tensor' },
  ],
};

/** Sessions, threads and batch of onnxruntime-node alone. */
const limits = ['1 2 1', '1 2 8', '2 1 1', '2 2 1'];

export const photographs = ['china', 'coffee', 'flower', 'rocket'].map(name =>
  join(root, `samples/training/data/photographs/${name}.jpg`),
);

/**
 * The scoring runtime against other servers, with the same ONNX files and photographs, in turns. Needs wrk, and a package
 * index the first time.
 * @param only names of the servers that take part; all when empty
 */
export async function compareScoring(
  rounds: number,
  seconds: number,
  only: readonly string[],
  log: (line: string) => void,
): Promise<ScoringResults> {
  await execute('wrk', ['-v']).catch((error: unknown) => {
    if ((error as { code?: unknown }).code === 'ENOENT')
      throw new Error('The load comes from wrk, which is not installed: apt-get install wrk.');
  });
  const folder = mkdtempSync(join(tmpdir(), 'guardian-bench-'));
  try {
    const bench = new ScoringBench(folder, seconds, log);
    return await bench.run(
      rounds,
      [...ours, ...rivals].filter(({ name }) => only.length === 0 || only.includes(name)),
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What is posted, and where. */
interface Body {
  readonly path: string;
  readonly type: string;
  /** Length of the V2 protocol's JSON before the tensor, or 0. */
  readonly header: number;
  /** Posted in turns. */
  readonly files: readonly string[];
}

/** @throws Error when a request was not answered with 2xx */
export async function load(url: string, body: Body, connections: number, seconds: number): Promise<Load> {
  const options = ['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '30s'];
  const script = ['-s', join(root, 'bench/post.lua'), `${url}${body.path}`, '--', body.type, String(body.header)];
  const { stdout } = await execute('wrk', [...options, ...script, ...body.files]);
  const line = stdout.split('\n').find(text => text.startsWith('{')) ?? '{}';
  const said = JSON.parse(line) as { seconds: number; answers: number; failed: number; p50: number; p99: number };
  if (said.failed > 0) throw new Error(`${url}${body.path} failed ${said.failed} of ${said.answers} requests.`);
  return { perSecond: said.answers / said.seconds, p50: said.p50, p99: said.p99 };
}

/** @returns what ends the observation and says where the time went since then */
async function startProfile(server: RunningServer): Promise<() => Promise<Profile>> {
  const look = async () => {
    const text = await (await fetch(`${server.url}/metrics`)).text();
    // Requests that came before the model was there count for no model.
    const of = (name: string): number =>
      [...text.matchAll(new RegExp(`^guardian_scoring_${name}\\{model="[^"].*\\} (\\S+)$`, 'gm'))]
        .map(([, value]) => Number(value))
        .reduce((sum, value) => sum + value, 0);
    return { of, processor: server.processorSeconds() };
  };
  const before = await look();
  return async () => {
    const after = await look();
    const grown = (name: string): number => after.of(name) - before.of(name);
    const images = grown('batch_images_sum');
    const runs = grown('batch_images_count');
    const milliseconds = (name: string): number => (grown(`${name}_duration_seconds_sum`) * 1000) / images;
    return {
      processor: ((after.processor.all - before.processor.all) * 1000) / images,
      mainThread: ((after.processor.main - before.processor.main) * 1000) / images,
      request: (grown('request_duration_seconds_sum') * 1000) / grown('request_duration_seconds_count'),
      decode: milliseconds('decode'),
      resize: milliseconds('resize'),
      queue: milliseconds('queue'),
      run: (grown('inference_duration_seconds_sum') * 1000) / runs,
      batch: images / runs,
    };
  };
}

class ScoringBench {
  constructor(
    private readonly folder: string,
    private readonly seconds: number,
    private readonly log: (line: string) => void,
  ) {}

  async run(rounds: number, contestants: readonly Contestant[]): Promise<ScoringResults> {
    const models = await this.models();
    const images = await this.images();
    const servers: Record<string, Record<string, Visit[]>> = {};
    const limit: Record<string, Load[]> = {};
    const decode: Record<string, { ours: number[]; openCv: number[] }> = {};
    for (let round = 1; round <= rounds; round++) {
      // Who comes first changes, so that nobody has the quieter moments of the machine.
      const order = round % 2 === 1 ? contestants : [...contestants].reverse();
      for (const model of models) {
        for (const who of order.filter(({ only: wanted = model.name }) => wanted === model.name)) {
          this.log(`round ${round}, ${model.name}: ${who.name}`);
          ((servers[model.name] ??= {})[who.name] ??= []).push(await this.visit(who, model));
        }
      }
      this.log(`round ${round}: onnxruntime-node alone, decoding`);
      for (const configuration of limits) (limit[configuration] ??= []).push(await this.limit(configuration, models));
      const python = await pythonOf('azureml');
      const { stdout } = await execute(python, [
        join(root, 'bench/rivals/scoring/opencv.py'),
        '40',
        ...Object.values(images),
      ]);
      const openCv = JSON.parse(stdout) as number[][];
      for (const [index, [name, file]] of Object.entries(images).entries()) {
        const entry = (decode[name] ??= { ours: [], openCv: [] });
        entry.ours.push(median(await decodeMilliseconds(file, 40)));
        entry.openCv.push(median(openCv[index] ?? []));
      }
    }
    return { rounds, seconds: this.seconds, servers, limit, decode };
  }

  private async visit(who: Contestant, model: BenchModel): Promise<Visit> {
    const server = await RunningServer.start(who, model, this.folder, photographs[0] ?? '');
    try {
      await new Promise(resolve => setTimeout(resolve, 2000));
      const idleMemory = server.memory();
      const loads: Record<string, Load> = {};
      for (const plan of plans[model.name] ?? []) {
        const body = plan.body === 'jpeg' ? jpegs : this.tensor(who, model);
        await load(server.url, body, plan.connections, 1);
        const profile = who.isOurs && (await startProfile(server));
        const figures = await load(server.url, body, plan.connections, this.seconds);
        loads[plan.name] = profile ? { ...figures, profile: await profile() } : figures;
      }
      return { startSeconds: server.startSeconds, idleMemory, loads };
    } finally {
      await server.stop();
    }
  }

  /** The model's input as bytes: by the V2 protocol to us, bare to the rivals, which is less work for them. */
  private tensor(who: Contestant, { name, size }: BenchModel): Body {
    const values = Buffer.from(new Float32Array(3 * size * size).fill(0.5).buffer);
    const input = { name: 'input', shape: [1, 3, size, size], datatype: 'FP32' };
    const json = Buffer.from(
      JSON.stringify({ inputs: [{ ...input, parameters: { binary_data_size: values.length } }] }),
    );
    const file = join(this.folder, who.isOurs ? 'v2.bin' : 'tensor.bin');
    writeFileSync(file, who.isOurs ? Buffer.concat([json, values]) : values);
    return {
      path: who.isOurs ? `/v2/models/${name}/infer` : '/score',
      type: 'application/octet-stream',
      header: who.isOurs ? json.length : 0,
      files: [file],
    };
  }

  private async limit(configuration: string, models: readonly BenchModel[]): Promise<Load> {
    const [model] = models;
    const args = [model?.file ?? '', String(model?.size), ...configuration.split(' '), String(this.seconds)];
    const { stdout } = await execute(process.execPath, [join(root, 'bench/raw-onnxruntime.mjs'), ...args]);
    const { imagesPerSecond, runs } = JSON.parse(stdout) as { imagesPerSecond: number; runs: number[] };
    const sorted = runs.sort((a, b) => a - b);
    return { perSecond: imagesPerSecond, p50: quantile(sorted, 0.5), p99: quantile(sorted, 0.99) };
  }

  private async models(): Promise<BenchModel[]> {
    const models = join(this.folder, 'models');
    mkdirSync(models);
    const python = await pythonOf('azureml');
    await execute(python, [join(root, 'bench/rivals/scoring/make_models.py'), models]);
    return [
      { name: 'resnet50', file: join(models, 'resnet50.onnx'), size: 224 },
      { name: 'tiny', file: join(models, 'tiny.onnx'), size: 64 },
    ];
  }

  /** A photograph as it is, and enlarged as cameras make them. */
  private async images(): Promise<Record<string, string>> {
    const [first = ''] = photographs;
    const images: Record<string, string> = { '640 x 427': first, '600 x 400': photographs[1] ?? '' };
    for (const [width, height] of [
      [1411, 1411],
      [4000, 3000],
    ] as const) {
      const file = join(this.folder, `${width}.jpg`);
      await sharp(first).resize(width, height, { fit: 'fill' }).jpeg({ quality: 90 }).toFile(file);
      images[`${width} x ${height}`] = file;
    }
    return images;
  }
}

const jpegs: Body = { path: '/score', type: 'image/jpeg', header: 0, files: photographs };
