import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LocalCloud } from '../cloud';
import { defaultEndpointSettings } from '../azure/online-endpoints/endpoint-settings';
import { runPipeline, type PipelineRun } from '../pipeline/run-pipeline';
import type { Project } from '../project';
import { AzureReader } from './azure-reader';
import { Cluster } from './cluster';
import {
  countByDeployment,
  latencyPercentile,
  score,
  scoreMany,
  type Endpoint,
  type Photograph,
  type Score,
} from './scoring';

/** Small enough for a laptop; the pipelines' own defaults are ResNet50 at 224 pixels. */
const quickTraining = { architecture: 'mobilenet_v3_small', imageSize: 64 };

export const models = ['nsfw-detector', 'violence-detector'] as const;
export type Model = (typeof models)[number];

export interface TrainedModel {
  model: Model;
  job: string;
  version: string;
  testAccuracy: number;
}

export interface EndpointState {
  model: Model;
  scoringUri: string;
  traffic: Record<string, number>;
  deployments: { name: string; modelVersion: string; role: string; instances: number }[];
}

/** What happened, with the numbers as they were observed from outside. */
export interface Story {
  trained: TrainedModel[];
  /** After the first deployment, while the challengers run, and at the end. */
  endpoints: Record<'champions' | 'challengers' | 'end', EndpointState[]>;
  /** Each photograph as each champion judged it. */
  judgements: { model: Model; photograph: string; label: string; probability: number }[];
  /** Answers per deployment while the challengers had their share, and after promotion and rollback. */
  answers: Record<'challengers' | 'end', Record<Model, Record<string, number>>>;
  /** Median and 95th percentile of the scoring round trip, one request at a time, in milliseconds. */
  latency: Record<Model, { p50: number; p95: number }>;
  configMap: Record<string, string>;
  secretKeys: string[];
  application: { name: string; revision: string; ready: string }[];
  /** What the application answered about a photograph once it had its new configuration. */
  screening: unknown;
  reused: string[];
  seconds: { step: string; seconds: number }[];
}

export interface StoryOptions {
  cloud: LocalCloud;
  project: Project;
  /** The repository: where the sample pipelines, manifests and photographs are. */
  root: string;
  runDir: string;
  signal: AbortSignal;
  log: (line: string) => void;
}

/** Tells the story of the README from the first training job to the rollback. Rejects when any part of it fails. */
export async function tellStory(options: StoryOptions): Promise<Story> {
  const { cloud, project, root, runDir, signal, log } = options;
  const ca = readFileSync(cloud.description.ca, 'utf8');
  const azure = new AzureReader(cloud.description, ca);
  const cluster = await Cluster.open(cloud.description.kubeconfig);
  const seconds: Story['seconds'] = [];
  const photographs = loadPhotographs(join(root, 'samples/training/data/photographs'));

  const step = async <T>(title: string, run: () => Promise<T>): Promise<T> => {
    signal.throwIfAborted();
    log(`\n== ${title}`);
    const before = performance.now();
    const result = await run();
    const took = (performance.now() - before) / 1000;
    seconds.push({ step: title, seconds: took });
    log(`   done in ${took.toFixed(1)} s`);
    return result;
  };

  const pipeline = async (name: string, parameters: Record<string, unknown>): Promise<PipelineRun> => {
    const run = await runPipeline({
      file: join(root, 'samples/pipelines', `azure-pipelines-ml-${name}.yml`),
      parameters,
      project,
      runDir: join(runDir, `${seconds.length + 1}-${name}`),
      signal,
      onLine: line => log(`   | ${line}`),
    });
    signal.throwIfAborted();
    if (run.result !== 'Succeeded')
      throw new Error(`The ${name} pipeline ended ${run.result}; its logs are in ${runDir}.`);
    return run;
  };

  const endpointOf = async (model: Model): Promise<Endpoint> => {
    const { properties } = await azure.read<{ properties: { scoringUri: string } }>(
      `onlineEndpoints/${model}-endpoint`,
    );
    const { primaryKey } = await azure.read<{ primaryKey: string }>(
      `onlineEndpoints/${model}-endpoint/listKeys`,
      'POST',
    );
    return { scoringUri: properties.scoringUri, key: primaryKey, ca };
  };

  const readEndpoints = (): Promise<EndpointState[]> => Promise.all(models.map(model => readEndpoint(azure, model)));

  const answersOf = async (count: number): Promise<Record<Model, Score[]>> => {
    const scores = await Promise.all(models.map(async model => scoreMany(await endpointOf(model), photographs, count)));
    return { 'nsfw-detector': scores[0] ?? [], 'violence-detector': scores[1] ?? [] };
  };

  await step('The application is installed, not yet configured', async () => {
    const objects = await cluster.applyFolder(join(root, 'samples/k8s'));
    log(`   ${objects.join(', ')}`);
  });

  const trained = await step('Training pipeline: two jobs on cpu-training-cluster, two models', async () => {
    const run = await pipeline('training', { ...quickTraining, epochs: 4, seed: 7 });
    return readTrained(run, azure);
  });

  await step('Deployment pipeline: champions with 3 instances each, configuration, restart', () =>
    pipeline('deployment', {}),
  );
  const champions = await readEndpoints();

  const { judgements, latency } = await step('Real photographs are sent to both endpoints', async () => {
    const result: Pick<Story, 'judgements'> = { judgements: [] };
    for (const model of models) {
      const endpoint = await endpointOf(model);
      for (const photograph of photographs) {
        const { label, probability, deployment } = await score(endpoint, photograph);
        result.judgements.push({ model, photograph: photograph.name, label, probability });
        log(
          `   ${model.padEnd(18)} ${photograph.name.padEnd(24)} ${label.padEnd(10)} ${probability.toFixed(3)}  by ${deployment}`,
        );
      }
    }
    const percentiles = async (model: Model): Promise<{ p50: number; p95: number }> => {
      const scores = await scoreMany(await endpointOf(model), photographs, 40, 1);
      return { p50: latencyPercentile(scores, 50), p95: latencyPercentile(scores, 95) };
    };
    return {
      ...result,
      latency: {
        'nsfw-detector': await percentiles('nsfw-detector'),
        'violence-detector': await percentiles('violence-detector'),
      },
    };
  });

  const screening = await step(
    'The restarted application screens a photograph with its new configuration',
    async () => {
      const url = cloud.podUrl('guardian', 'deep-vision');
      const photograph = photographs[0];
      if (!url || !photograph) throw new Error('No pod of deep-vision runs.');
      const answer = await fetch(`${url}/screen`, {
        method: 'POST',
        body: photograph.image,
        headers: { 'content-type': 'image/jpeg' },
      });
      const text = await answer.text();
      if (!answer.ok) throw new Error(`The application answered ${answer.status}: ${text}`);
      log(`   ${photograph.name}: ${text}`);
      return JSON.parse(text) as unknown;
    },
  );

  trained.push(
    ...(await step('Second training round: challengers', async () => {
      const run = await pipeline('training', { ...quickTraining, epochs: 5, seed: 11 });
      return readTrained(run, azure);
    })),
  );

  await step('Deployment pipeline: challengers, 1 instance and 10 % of the traffic each', () =>
    pipeline('deployment', { strategy: 'challenger' }),
  );
  const challengers = await readEndpoints();

  const split = await step('Who answers 300 requests to each endpoint', async () => {
    const scores = await answersOf(300);
    return logCounts(scores, log);
  });

  await step('The nsfw-detector challenger is promoted', () => pipeline('promote', { model: 'nsfw-detector' }));
  await step('The violence-detector challenger is rolled back', () =>
    pipeline('rollback', { endpoints: ['violence-detector-endpoint'], reason: 'The challenger flags harmless scenes' }),
  );

  const finalAnswers = await step('Who answers now', async () => {
    // Callers notice a change of traffic a moment after the service has said that it is done.
    await sleep(defaultEndpointSettings.trafficDelayMilliseconds, undefined, { signal });
    return logCounts(await answersOf(60), log);
  });

  return {
    trained,
    endpoints: { champions, challengers, end: await readEndpoints() },
    judgements,
    answers: { challengers: split, end: finalAnswers },
    latency,
    configMap: await cluster.configMap('guardian', 'guardian-config'),
    secretKeys: await cluster.secretKeys('guardian', 'guardian-config-secrets'),
    application: await cluster.deployments('guardian'),
    screening,
    reused: cloud.reused(),
    seconds,
  };
}

function loadPhotographs(folder: string): Photograph[] {
  return readdirSync(folder)
    .filter(file => file.endsWith('.jpg'))
    .sort()
    .map(name => ({ name, image: readFileSync(join(folder, name)) }));
}

async function readTrained(run: PipelineRun, azure: AzureReader): Promise<TrainedModel[]> {
  const steps = run.stages
    .flatMap(stage => stage.jobs)
    .map(job => new Map(job.steps.map(item => [item.name, item.outputs])));
  return Promise.all(
    steps.map(async outputs => {
      const name = outputs.get('register')?.['modelName'] as Model;
      const version = outputs.get('register')?.['modelVersion'] ?? '';
      const { properties } = await azure.read<{
        properties: { properties: Record<string, string>; tags: Record<string, string> };
      }>(`models/${name}/versions/${version}`);
      return {
        model: name,
        job: outputs.get('train')?.['jobName'] ?? '',
        version,
        testAccuracy: Number(properties.tags['metric.test_accuracy']),
      };
    }),
  );
}

async function readEndpoint(azure: AzureReader, model: Model): Promise<EndpointState> {
  interface Deployment {
    name: string;
    tags: Record<string, string>;
    sku: { capacity: number };
    properties: { model: string };
  }
  const path = `onlineEndpoints/${model}-endpoint`;
  const endpoint = await azure.read<{ properties: { scoringUri: string; traffic: Record<string, number> } }>(path);
  const { value } = await azure.read<{ value: Deployment[] }>(`${path}/deployments`);
  return {
    model,
    scoringUri: endpoint.properties.scoringUri,
    traffic: endpoint.properties.traffic,
    deployments: value.map(item => ({
      name: item.name,
      modelVersion: item.properties.model.split('/').pop() ?? '',
      role: item.tags['guardian.role'] ?? '',
      instances: item.sku.capacity,
    })),
  };
}

function logCounts(scores: Record<Model, Score[]>, log: (line: string) => void): Record<Model, Record<string, number>> {
  const counts = {
    'nsfw-detector': countByDeployment(scores['nsfw-detector']),
    'violence-detector': countByDeployment(scores['violence-detector']),
  };
  for (const model of models) {
    const parts = Object.entries(counts[model]).map(([deployment, count]) => `${deployment} ${count}`);
    log(`   ${model.padEnd(18)} ${parts.join(', ')}`);
  }
  return counts;
}
