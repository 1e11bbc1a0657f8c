/**
 * `npx tsx bench/local-azure-scale.ts [--rounds N]`: what `npm run local` costs with a full state folder (10,000 model versions, 1,000 jobs,
 * 100 endpoints) against a nearly empty one (10, 10, 1), in turns on the same machine. Prints a table for docs/LOCAL_AZURE.md.
 */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, request as httpsRequest } from 'node:https';
import { request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import type { ModelProperties } from '../local/azure/assets/models';
import { VersionStore } from '../local/azure/assets/version-store';
import { JobStore } from '../local/azure/jobs/job-record';
import { EndpointStore } from '../local/azure/online-endpoints/endpoint-store';
import { RunStore } from '../local/azure/tracking/run-store';
import type { LocalDescription } from '../local/description';
import { Journal } from '../local/journal';
import { start } from '../local/processes';
import { root } from '../scripts/product';
import { median } from './statistics';

interface Amounts {
  modelVersions: number;
  jobs: number;
  endpoints: number;
}

const large: Amounts = { modelVersions: 10_000, jobs: 1_000, endpoints: 100 };
const small: Amounts = { modelVersions: 10, jobs: 10, endpoints: 1 };
/** Metrics of each job and values of each metric. */
const metricNames = ['loss', 'val_loss', 'val_accuracy'];
const epochs = 10;
const model = 'nsfw-detector';

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '5' }, requests: { type: 'string', default: '40' } },
});

/** Writes the records into the journal of a state folder that no local Azure has open. */
async function fill(stateDir: string, amounts: Amounts): Promise<void> {
  const journal = await Journal.open(join(stateDir, 'azure.journal'));
  const now = new Date().toISOString();
  const [models, jobs, runs, endpoints] = [
    new VersionStore<ModelProperties>(journal, 'models'),
    new JobStore(journal),
    new RunStore(journal),
    new EndpointStore(journal),
  ];
  const experiment = runs.ensureExperiment('nsfw-detection');
  for (let n = 1; n <= amounts.jobs; n++) {
    const name = `nsfw-detection-${n}`;
    jobs.add({
      name,
      request: jobRequest(),
      status: 'Completed',
      createdAt: now,
      createdBy: 'bench',
      startedAt: now,
      endedAt: now,
    });
    runs.addRun({
      id: name,
      name,
      experimentId: experiment.id,
      status: 'FINISHED',
      startTime: Date.now(),
      endTime: Date.now(),
      tags: { 'guardian.commit': '0123456789abcdef', 'guardian.build': String(n) },
      params: { epochs: '10', learning_rate: '0.001' },
      hidden: false,
      userId: 'bench',
    });
    for (const key of metricNames)
      for (let step = 0; step < epochs; step++)
        runs.logMetric(name, { key, value: 1 / (step + 1), step, timestamp: Date.now() });
  }
  for (let n = 1; n <= amounts.modelVersions; n++) models.put(model, String(n), modelProperties(n), 'bench');
  for (let n = 1; n <= amounts.endpoints; n++)
    endpoints.putEndpoint({
      name: `endpoint-${n}`,
      location: 'eastus',
      tags: {},
      identity: undefined,
      authMode: 'Key',
      description: null,
      properties: {},
      publicNetworkAccess: 'Enabled',
      traffic: {},
      mirrorTraffic: {},
      keys: { primaryKey: 'a'.repeat(32), secondaryKey: 'b'.repeat(32) },
      provisioningState: 'Succeeded',
      createdAt: now,
      modifiedAt: now,
    });
  await journal.close();
}

function jobRequest(): Parameters<JobStore['add']>[0]['request'] {
  return {
    jobType: 'Command',
    experimentName: 'nsfw-detection',
    description: null,
    computeId: 'azureml:cpu-training-cluster',
    componentId: null,
    properties: {},
    inputs: { epochs: { jobInputType: 'literal', description: null, value: '10' } },
    outputs: { model: { jobOutputType: 'custom_model', description: null, mode: 'ReadWriteMount' } },
    identity: null,
    queueSettings: null,
    notificationSetting: null,
    services: {},
    command: 'python train.py --epochs ${{inputs.epochs}} --output ${{outputs.model}}',
    environmentId: 'azureml:guardian-training:1',
    codeId: null,
    environmentVariables: {},
    resources: { instanceCount: 1, instanceType: null, shmSize: null, dockerArgs: null, properties: {} },
    distribution: null,
    limits: null,
  };
}

function modelProperties(n: number): ModelProperties {
  return {
    description: 'Finds photographs that are not safe for work',
    tags: { 'metric.val_accuracy': '0.97', 'guardian.digest': 'd'.repeat(64), 'guardian.build': String(n) },
    properties: {},
    isArchived: false,
    isAnonymous: false,
    flavors: null,
    modelType: 'custom_model',
    place: { container: 'azureml', path: `models/${n}/` },
    jobName: `nsfw-detection-${n}`,
    stage: 'Development',
  };
}

type Sample = Record<string, number>;

/** One start of `npm run local` on that folder, measured, and ended. */
async function measure(stateDir: string, requests: number): Promise<Sample> {
  const began = performance.now();
  const child = start(process.execPath, ['--import', 'tsx', join(root, 'local/main.ts'), '--state', stateDir], {
    cwd: root,
    env: process.env,
  });
  try {
    const page = pageUrl(child.stderr);
    const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
    const description = JSON.parse(line) as LocalDescription;
    const sample: Sample = { 'start-up, ms': performance.now() - began };
    const processors = readFileSync(`/proc/${child.pid}/stat`, 'latin1')
      .replace(/^.*\) /s, '')
      .split(' ');
    sample['start-up, processor time, ms'] = 10 * (Number(processors[11]) + Number(processors[12]));
    const client = await connect(description);
    const lists: Record<string, string> = {
      models: 'models',
      'versions of one model': `models/${model}/versions`,
      jobs: 'jobs',
      endpoints: 'onlineEndpoints',
    };
    for (const [name, path] of Object.entries(lists)) {
      const first = client.workspace(path);
      sample[`${name}: first page, ms`] = await milliseconds(requests, () => client.get(first));
      let last = first;
      for (let next: string | undefined = first; next !== undefined; next = (await client.get(next)).nextLink)
        last = next;
      sample[`${name}: last page, ms`] = await milliseconds(requests, () => client.get(last));
    }
    const latest = `${client.workspace(`models/${model}/versions`)}&$orderBy=createdtime%20desc&$top=1`;
    sample['latest version, ms'] = await milliseconds(requests, () => client.get(latest));
    sample['one version, ms'] = await milliseconds(requests, () =>
      client.get(client.workspace(`models/${model}/versions/7`)),
    );
    sample['one job, ms'] = await milliseconds(requests, () => client.get(client.workspace('jobs/nsfw-detection-7')));
    const web = await page;
    sample['web page: overview, ms'] = await milliseconds(requests, () => plainGet(web));
    sample['web page: one job, ms'] = await milliseconds(requests, () => plainGet(`${web}/jobs/nsfw-detection-7`));
    sample['memory (RSS), MiB'] =
      Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'latin1'))?.[1]) / 1024;
    client.close();
    return sample;
  } finally {
    await child.kill();
  }
}

/** From what the command says on standard error. */
async function pageUrl(stderr: NodeJS.ReadableStream): Promise<string> {
  for await (const line of createInterface(stderr)) {
    const found = /http:\/\/127\.0\.0\.1:\d+/.exec(line);
    if (found) {
      stderr.resume();
      return found[0];
    }
  }
  throw new Error('The command told no address of its page.');
}

interface Client {
  workspace(path: string): string;
  get(url: string): Promise<{ nextLink?: string }>;
  close(): void;
}

async function connect(d: LocalDescription): Promise<Client> {
  const agent = new Agent({ keepAlive: true, ca: readFileSync(d.ca) });
  const form = new URLSearchParams({
    grant_type: 'client_credentials',
    client_id: d.clientId,
    client_secret: d.clientSecret,
    scope: `${d.arm}/.default`,
  });
  const send = (url: string, token?: string, body?: string): Promise<Record<string, unknown>> =>
    new Promise((done, fail) => {
      const headers =
        token === undefined
          ? { 'content-type': 'application/x-www-form-urlencoded' }
          : { authorization: `Bearer ${token}` };
      const sent = httpsRequest(url, { agent, method: body === undefined ? 'GET' : 'POST', headers }, answer => {
        let text = '';
        answer.setEncoding('utf8').on('data', (part: string) => (text += part));
        answer.on('end', () => {
          if (answer.statusCode === 200) done(JSON.parse(text) as Record<string, unknown>);
          else fail(new Error(`${url} was answered ${answer.statusCode}: ${text}`));
        });
      });
      sent.on('error', fail).end(body);
    });
  const { access_token } = await send(`${d.authority}/${d.tenantId}/oauth2/v2.0/token`, undefined, form.toString());
  const workspace = `${d.arm}/subscriptions/${d.subscriptionId}/resourceGroups/${d.resourceGroup}/providers/Microsoft.MachineLearningServices/workspaces/${d.workspace}`;
  return {
    workspace: path => `${workspace}/${path}?api-version=2023-10-01`,
    get: url => send(url, access_token as string),
    close: () => agent.destroy(),
  };
}

function plainGet(url: string): Promise<void> {
  return new Promise((done, fail) => {
    httpRequest(url, answer => {
      answer.resume();
      answer.on('end', () =>
        answer.statusCode === 200 ? done() : fail(new Error(`${url} was answered ${answer.statusCode}.`)),
      );
    })
      .on('error', fail)
      .end();
  });
}

/** Median of so many calls after two for warming up. */
async function milliseconds(times: number, call: () => Promise<unknown>): Promise<number> {
  const taken: number[] = [];
  for (let n = -2; n < times; n++) {
    const began = performance.now();
    await call();
    if (n >= 0) taken.push(performance.now() - began);
  }
  return median(taken);
}

async function main(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'guardian-scale-'));
  try {
    const states = [join(folder, 'large'), join(folder, 'small')] as const;
    await fill(states[0], large);
    await fill(states[1], small);
    // The first start makes certificates and keys; it is not what is compared.
    for (const state of states) await measure(state, 1);
    const samples: [Sample[], Sample[]] = [[], []];
    for (let round = 1; round <= Number(values.rounds); round++) {
      for (const [index, state] of states.entries())
        samples[index as 0 | 1].push(await measure(state, Number(values.requests)));
      process.stderr.write(`round ${round}\n`);
    }
    const names = Object.keys(samples[0][0] ?? {});
    console.log(`| median of ${values.rounds} starts | ${text(large)} | ${text(small)} | ratio |\n|---|---|---|---|`);
    for (const name of names) {
      const [a, b] = samples.map(some => median(some.map(sample => sample[name] ?? NaN))) as [number, number];
      console.log(`| ${name} | ${digits(a)} | ${digits(b)} | ${(a / b).toFixed(2)} |`);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function text({ modelVersions, jobs, endpoints }: Amounts): string {
  return `${modelVersions} versions, ${jobs} jobs, ${endpoints} endpoint${endpoints === 1 ? '' : 's'}`;
}

function digits(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(1);
}

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
