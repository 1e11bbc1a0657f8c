import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import type { LocalAws } from '../aws/local-aws';
import { defaultEndpointSettings } from '../azure/online-endpoints/endpoint-settings';
import { runPipeline } from '../pipeline/run-pipeline';
import { Cluster } from './cluster';
import { smallVideo } from './small-video';
import type { StoryOptions } from './story';

/** A video's record, as far as the story looks at it. */
export interface VideoRecord {
  videoId: string;
  status: string;
  screening?: { risk: number };
  analysis?: Record<'nsfw' | 'violence', { answeredBy: { deployment: string; model: string; version: string }[] }>;
  decision?: { outcome: string; reasons: string[] };
  policy?: { outcome: string; reasons: string[] };
}

/** What became of the videos before, during and after the model was rolled back. */
export interface ApplicationStory {
  before: VideoRecord;
  during: VideoRecord[];
  after: VideoRecord;
}

const account = '123456789012';
const namespace = 'guardian';

/** Starts the whole application on local Kubernetes and a stand-in for AWS, has it decide real videos, and rolls a model back meanwhile. */
export async function tellApplication(options: StoryOptions & { aws: LocalAws }): Promise<ApplicationStory> {
  const { cloud, project, root, runDir, signal, log, aws } = options;
  const cluster = await Cluster.open(cloud.description.kubeconfig);
  const secret = randomBytes(32).toString('hex');
  const folder = join(root, 'samples/k8s/app');

  log('\n== The application is set up: S3, SQS and DynamoDB, then seven services');
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [join(root, 'samples/guardian-app/dist/setup-aws.mjs')],
    { env: { PATH: process.env.PATH, NODE_NO_WARNINGS: '1', ...aws.environment }, signal },
  );
  log(`   ${stdout.trim().split('\n').at(-1) ?? ''}`);
  await aws.withoutBucketPolicy(`guardian-videos-${account}`);
  await cluster.apply(secretOf({ JWT_SECRET: secret }));
  const config = parse(readFileSync(join(folder, 'guardian-app-config.yaml'), 'utf8')) as {
    apiVersion: string;
    kind: string;
    metadata: { name: string; namespace: string };
    data: Record<string, string>;
  };
  // The demo signs its own tokens.
  const data = Object.fromEntries(Object.entries(config.data).filter(([name]) => name !== 'JWT_JWKS_URL'));
  const own = {
    ...{ ...aws.environment, JWT_ISSUER: 'local', VIDEO_BUCKET: `guardian-videos-${account}` },
    ...{ SCREEN_TIMEOUT_SECONDS: '30', DEFER_SECONDS: '2', POLL_SECONDS: '1', NODE_NO_WARNINGS: '1' },
  };
  await cluster.apply({ ...config, data: { ...data, ...own } } as typeof config);
  const behind = ['ingestion', 'human-review'];
  const workers = ['fast-screening', 'deep-vision', 'policy-engine', 'notification'];
  for (const name of [...behind, ...workers]) await cluster.applyFile(join(folder, `${name}.yaml`));
  const [ingestion, review] = await Promise.all(behind.map(name => readyUrl(options, name)));
  // On a real cluster these are the Services' names; here a pod is a process with a port of its own.
  const urls = { INGESTION_URL: ingestion ?? '', HUMAN_REVIEW_URL: review ?? '' };
  await cluster.apply({ ...config, data: { ...data, ...own, ...urls } } as typeof config);
  await cluster.applyFile(join(folder, 'api-gateway.yaml'));
  const gateway = await readyUrl(options, 'api-gateway');
  await Promise.all(workers.map(name => readyUrl(options, name)));

  const token = await tokenOf(secret);
  const video = await smallVideo(root, { photographs: ['flower.jpg', 'cat.jpg', 'coffee.jpg'] });
  const moderate = (fileName: string): Promise<VideoRecord> => decided({ gateway, token, signal }, video, fileName);

  log('\n== A video of real photographs is uploaded');
  const before = await moderate('before.mp4');
  tell(before, log);

  log('\n== nsfw-detector is rolled back while videos come in');
  const stop = new AbortController();
  const during: VideoRecord[] = [];
  const load = (async () => {
    for (let turn = 1; !stop.signal.aborted; turn++) during.push(await moderate(`during-${turn}.mp4`));
  })();
  try {
    const run = await runPipeline({
      file: join(root, 'samples/pipelines/azure-pipelines-ml-rollback.yml'),
      parameters: { endpoints: ['nsfw-detector-endpoint'], reason: 'The new version flags harmless videos' },
      ...{ project, signal, runDir: join(runDir, 'application-rollback') },
      onLine: line => log(`   | ${line}`),
    });
    if (run.result !== 'Succeeded') throw new Error(`The rollback pipeline ended ${run.result}.`);
    // Callers notice a change of traffic a moment after the service has said that it is done.
    await sleep(defaultEndpointSettings.trafficDelayMilliseconds, undefined, { signal });
  } finally {
    stop.abort();
    await load;
  }
  during.forEach(record => tell(record, log));

  log('\n== The next video');
  const after = await moderate('after.mp4');
  tell(after, log);
  const all = [before, ...during, after];
  const failed = all.filter(({ status }) => status === 'failed').length;
  log(`   ${all.length} videos, ${failed} failed`);
  const versionOf = ({ analysis }: VideoRecord): string | undefined => analysis?.nsfw.answeredBy[0]?.version;
  if (failed > 0) throw new Error('A video failed while the model was rolled back.');
  if (versionOf(before) === versionOf(after)) throw new Error('The rollback is not seen in the next video.');
  return { before, during, after };
}

function secretOf(stringData: Record<string, string>): { apiVersion: string; kind: string; metadata: object } {
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'guardian-app-secrets', namespace }, stringData } as {
    apiVersion: string;
    kind: string;
    metadata: object;
  };
}

function tell(
  { videoId, screening, analysis, decision, policy, status }: VideoRecord,
  log: (line: string) => void,
): void {
  const models = Object.values(analysis ?? {}).flatMap(({ answeredBy }) =>
    answeredBy.map(({ model, version, deployment }) => `${model}:${version} by ${deployment}`),
  );
  const { outcome = 'none', reasons = [] } = decision ?? policy ?? {};
  log(
    `   ${videoId.slice(0, 8)} ${status.padEnd(9)} ${outcome.padEnd(8)} risk ${screening?.risk.toFixed(2) ?? '-'}  ${models.join(', ')}`,
  );
  for (const reason of reasons) log(`            ${reason}`);
}

/** The URL of a Deployment's newest pod, once it is ready. */
async function readyUrl({ cloud, signal }: StoryOptions, name: string): Promise<string> {
  for (;;) {
    signal.throwIfAborted();
    const url = cloud.podUrl(namespace, name);
    // The small ones of samples/k8s have no readiness of their own: only the services know that path.
    const isReady =
      url !== undefined &&
      (await fetch(`${url}/readyz`).then(
        answer => answer.ok,
        () => false,
      ));
    if (isReady) return url;
    await sleep(100, undefined, { signal });
  }
}

async function tokenOf(secret: string): Promise<string> {
  const { SignJWT } = await import('jose');
  return new SignJWT({ roles: ['uploader', 'reviewer'] })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject('demo')
    .setIssuer('local')
    .setAudience('guardian')
    .setExpirationTime('1 hour')
    .sign(new TextEncoder().encode(secret));
}

async function decided(
  { gateway, token, signal }: { gateway: string; token: string; signal: AbortSignal },
  video: Buffer,
  fileName: string,
): Promise<VideoRecord> {
  const call = async <T>(method: string, path: string, body?: object): Promise<T> => {
    const response = await fetch(`${gateway}/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, ...(body ? { 'content-type': 'application/json' } : {}) },
      ...(body ? { body: JSON.stringify(body) } : {}),
      signal,
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path} was answered ${response.status}: ${text}`);
    return JSON.parse(text) as T;
  };
  const upload = { fileName, contentType: 'video/mp4', sizeBytes: video.length };
  const begun = await call<{ videoId: string; upload: { url: string; headers: Record<string, string> } }>(
    'POST',
    '/videos',
    upload,
  );
  const put = await fetch(begun.upload.url, { method: 'PUT', headers: begun.upload.headers, body: video, signal });
  if (!put.ok) throw new Error(`S3 answered the upload with ${put.status}.`);
  await call('POST', `/videos/${begun.videoId}/complete`);
  for (;;) {
    const record = await call<VideoRecord>('GET', `/videos/${begun.videoId}`);
    if (['decided', 'in-review', 'failed'].includes(record.status)) return record;
    await sleep(200, undefined, { signal });
  }
}
