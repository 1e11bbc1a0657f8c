import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Masker } from '../local/agent/masker';
import { runTaskProcess } from '../local/agent/run-task';
import { startLocalCloud, type LocalCloud } from '../local/cloud';
import { AzureReader, send } from '../local/demo/azure-reader';
import { start } from '../local/processes';
import { localProject } from '../local/project';
import type { RecordedRequest } from '../local/requests/request-record';
import { root, stage } from '../scripts/product';
import { anyJobWith, pythonWith, sdkEnvironment } from '../test/support/python-packages';

/** What one run of an operation took. */
export interface Sample {
  /** Seconds from the start of the process to its first request. */
  readonly toFirstRequest: number;
  /** Seconds from start to end, without the time that the training job itself took. */
  readonly overhead: number;
  readonly requests: number;
  /** Bytes of request bodies. */
  readonly sent: number;
  /** Peak memory of the process, MiB. */
  readonly memory: number;
}

export interface Comparison {
  readonly operation: string;
  readonly ours: readonly Sample[];
  readonly rival: readonly Sample[];
}

type Client = 'ours' | 'rival';

/**
 * Submit and wait, submit again, and register, by our tasks and by the official Python SDK against the same local Azure in turns. Needs
 * a package index the first time.
 */
export async function compareAzureTasks(rounds: number, log: (line: string) => void): Promise<Comparison[]> {
  const folder = mkdtempSync(join(tmpdir(), 'guardian-bench-'));
  const requests: RecordedRequest[] = [];
  const python = await pythonWith(join(root, 'test/local/clients/requirements.txt'));
  const cloud = await startLocalCloud({
    port: 0,
    stateDir: join(folder, 'state'),
    cacheDir: join(root, '.local/cache'),
    root,
    log: () => undefined,
    recordRequest: request => requests.push(request),
    // The job prints and sleeps; any Python does.
    preparePython: anyJobWith(python),
  });
  const bench = new Bench(cloud, python, folder, requests);
  try {
    const operations: [string, (client: Client, round: number) => Promise<Sample>][] = [
      ['submit and wait, new code', (client, round) => bench.train(client, `${client}-${round}`)],
      ['submit and wait, same code', (client, round) => bench.train(client, `${client}-${round}`)],
      ['register a model of 20 MB', (client, round) => bench.register(client, `${client}-${round}`)],
    ];
    const comparisons: Comparison[] = [];
    for (const [operation, run] of operations) {
      const samples: Record<Client, Sample[]> = { ours: [], rival: [] };
      for (let round = 1; round <= rounds; round++) {
        for (const client of round % 2 === 1 ? (['ours', 'rival'] as const) : (['rival', 'ours'] as const)) {
          samples[client].push(await run(client, round));
          log(`${operation}, round ${round}: ${client} done`);
        }
      }
      comparisons.push({ operation, ...samples });
    }
    return comparisons;
  } finally {
    await cloud.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

class Bench {
  private readonly info: string;

  constructor(
    private readonly cloud: LocalCloud,
    private readonly python: string,
    private readonly folder: string,
    private readonly requests: RecordedRequest[],
  ) {
    this.info = join(folder, 'info.json');
    writeFileSync(this.info, JSON.stringify(cloud.description), { mode: 0o600 });
  }

  /** @param content what the code is made from: the same text again is the same code */
  async train(client: Client, content: string): Promise<Sample> {
    const file = this.project(content);
    const run = await this.measure(client, 'SubmitTrainingJob', { jobFile: file }, ['train', file]);
    return { ...run.sample, overhead: run.sample.overhead - (await this.jobSeconds(run.job)) };
  }

  async register(client: Client, content: string): Promise<Sample> {
    const path = join(this.folder, `model-${content}`);
    mkdirSync(path);
    writeFileSync(join(path, 'model.onnx'), randomBytes(20_000_000));
    const inputs = { modelName: `bench-${client}`, modelSource: 'localPath', localPath: path };
    return (await this.measure(client, 'RegisterModel', inputs, ['register', `bench-${client}`, path])).sample;
  }

  /** A job with 200 files of code. */
  private project(content: string): string {
    const folder = join(this.folder, `job-${content}`);
    mkdirSync(join(folder, 'src'), { recursive: true });
    for (let index = 0; index < 200; index++)
      writeFileSync(join(folder, 'src', `part_${index}.py`), `# ${content} ${index}\n${'x = 1\n'.repeat(300)}`);
    const command = `python -c "import time; [print(n, flush=True) or time.sleep(0.1) for n in range(20)]"`;
    const job = { command, code: 'src', environment: { image: 'bench' }, compute: 'azureml:cpu-training-cluster' };
    const file = join(folder, 'job.yml');
    // A tag keeps two submissions of the same code apart, as two pipeline runs are.
    writeFileSync(file, JSON.stringify({ ...job, experiment_name: 'bench', tags: { at: String(Date.now()) } }));
    return file;
  }

  private async measure(
    client: Client,
    task: string,
    inputs: Record<string, string>,
    rivalArguments: string[],
  ): Promise<{ sample: Sample; job: string }> {
    const peak = join(this.folder, 'peak');
    this.requests.length = 0;
    const began = Date.now();
    const run = client === 'ours' ? this.runTask(task, inputs, peak) : this.runRival(rivalArguments, peak);
    const job = await run;
    const ended = Date.now();
    const times = this.requests.map(({ time }) => Date.parse(time));
    return {
      job,
      sample: {
        toFirstRequest: (Math.min(...times) - began) / 1000,
        overhead: (ended - began) / 1000,
        requests: this.requests.length,
        sent: this.requests.reduce((sum, { bytesIn }) => sum + (bytesIn ?? 0), 0),
        memory: Number(readFileSync(peak, 'utf8')) / 1024,
      },
    };
  }

  private async runTask(task: string, inputs: Record<string, string>, peak: string): Promise<string> {
    const project = localProject(this.cloud, { sourcesDir: root, taskDirs: [join(stage, 'tasks')] });
    const run = await runTaskProcess({
      taskDir: join(stage, 'tasks', task),
      inputs: {
        azureSubscription: 'guardian-azure-connection',
        resourceGroup: this.cloud.description.resourceGroup,
        workspaceName: this.cloud.description.workspace,
        ...inputs,
      },
      connections: project.connections,
      variables: [],
      workDir: mkdtempSync(join(this.folder, 'work-')),
      tempDir: mkdtempSync(join(this.folder, 'temp-')),
      env: {
        ...project.environmentVariables,
        NODE_OPTIONS: `--require ${join(__dirname, 'report-peak.cjs')}`,
        PEAK_MEMORY_FILE: peak,
      },
      masker: new Masker(),
      onLine: () => undefined,
    });
    if (run.result !== 'Succeeded') throw new Error(`${task} ended ${run.result}:\n${run.lines.slice(-20).join('\n')}`);
    return run.outputs['jobName'] ?? '';
  }

  private async runRival(args: string[], peak: string): Promise<string> {
    const child = start(this.python, [join(__dirname, 'rivals/azure_ml_sdk.py'), this.info, ...args], {
      cwd: this.folder,
      env: { ...sdkEnvironment(this.cloud.description, this.folder), PEAK_MEMORY_FILE: peak },
    });
    const output: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => output.push(chunk));
    const { code } = await child.exit;
    const text = Buffer.concat(output).toString();
    if (code !== 0) throw new Error(`The SDK ended with ${String(code)}:\n${text.slice(-3000)}`);
    return /"job": "([^"]+)"/.exec(text)?.[1] ?? '';
  }

  /** How long the job's command ran, by run history, which counts milliseconds; the ARM resource has whole seconds. */
  private async jobSeconds(job: string): Promise<number> {
    const { arm, subscriptionId, resourceGroup, workspace } = this.cloud.description;
    const { ca } = this.cloud.certificate;
    const token = await new AzureReader(this.cloud.description, ca).signIn();
    const place = `subscriptions/${subscriptionId}/resourceGroups/${resourceGroup}/providers/Microsoft.MachineLearningServices/workspaces/${workspace}`;
    const url = `${arm}/history/v1.0/${place}/runs/${job}/details`;
    const { status, body } = await send(url, { headers: { authorization: `Bearer ${token}` }, ca });
    if (status !== 200) throw new Error(`GET ${url}: ${status} ${body.toString()}`);
    const details = JSON.parse(body.toString()) as { startTimeUtc?: string; endTimeUtc?: string };
    return (Date.parse(details.endTimeUtc ?? '') - Date.parse(details.startTimeUtc ?? '')) / 1000;
  }
}
