import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { startLocalAws, type LocalAws } from '../../local/aws/local-aws';
import { prepareApplication } from '../../local/demo/prepare-application';
import { freePort } from '../../local/free-port';
import { start, type Child } from '../../local/processes';
import { root } from '../../scripts/product';
import { AwsWire } from './aws-wire';
import { HoldingProxy } from './holding-proxy';

const execute = promisify(execFile);
/** With which tokens are signed. */
export const jwtSecret = 'a secret of the tests, long enough for HS256';

export const services = [
  'ingestion',
  'fast-screening',
  'deep-vision',
  'policy-engine',
  'human-review',
  'notification',
  'api-gateway',
] as const;
export type Service = (typeof services)[number];

export interface VideoView {
  videoId: string;
  correlationId: string;
  status: string;
  screening?: { risk: number; route: string };
  analysis?: Record<
    'nsfw' | 'violence',
    { probability: number; frames: number; answeredBy: { deployment: string; model: string; version: string }[] }
  >;
  policy?: { outcome: string; policyVersion: string; reasons: string[] };
  decision?: { outcome: string; decidedBy: string };
  failure?: { stage: string; reason: string };
  events: { eventId: string; actor: string; correlationId: string }[];
}

export interface Endpoints {
  nsfw: string;
  violence: string;
  ca: string;
}

/** All services as processes of their own, each with its own way to AWS, which a test can hold up. */
export class Stack {
  readonly logs = new Map<Service, string[]>();
  readonly proxies = new Map<Service, HoldingProxy>();
  private readonly children = new Map<Service, Child>();
  private readonly ports = new Map<Service, number>();

  private constructor(
    readonly aws: LocalAws,
    readonly wire: AwsWire,
    readonly folder: string,
    private readonly dist: string,
    private readonly environment: Record<string, string>,
  ) {}

  static async start(endpoints: Endpoints, settings: Record<string, string>): Promise<Stack> {
    const built = await prepareApplication(root, () => undefined);
    const aws = await startLocalAws({ cacheDir: join(root, '.local/cache') });
    const folder = mkdtempSync(join(tmpdir(), 'guardian-stack-'));
    mkdirSync(join(folder, 'secrets'));
    // As in the images: what was built, and no package beside it.
    const dist = join(folder, 'app');
    cpSync(built, dist, { recursive: true });
    await execute(process.execPath, [join(dist, 'setup-aws.mjs')], {
      env: { PATH: process.env.PATH, ...aws.environment },
    });
    await aws.withoutBucketPolicy('guardian-videos-123456789012');
    const stack = new Stack(aws, new AwsWire(aws.url), folder, dist, {
      PATH: process.env.PATH ?? '',
      ...aws.environment,
      NODE_NO_WARNINGS: '1',
      NODE_EXTRA_CA_CERTS: endpoints.ca,
      SECRETS_DIR: join(folder, 'secrets'),
      VIDEO_BUCKET: 'guardian-videos-123456789012',
      NSFW_MODEL_ENDPOINT: endpoints.nsfw,
      VIOLENCE_MODEL_ENDPOINT: endpoints.violence,
      SCREEN_TIMEOUT_SECONDS: '20',
      SCREEN_SAMPLE_PERCENT: '0',
      MAX_FRAMES: '10',
      BATCH_FRAMES: '4',
      VISIBILITY_SECONDS: '2',
      DEFER_SECONDS: '1',
      CIRCUIT_OPEN_SECONDS: '1',
      POLL_SECONDS: '1',
      JWT_ISSUER: 'https://login.test',
      JWT_SECRET: jwtSecret,
      ...settings,
    });
    for (const service of services) {
      stack.proxies.set(service, await HoldingProxy.start(aws.url));
      stack.ports.set(service, await freePort());
    }
    return stack;
  }

  setSecret(name: string, value: string): void {
    writeFileSync(join(this.folder, 'secrets', name), value);
  }

  url(service: Service): string {
    return `http://127.0.0.1:${this.ports.get(service) ?? 0}`;
  }

  /** Starts a service and waits until it is ready. */
  async run(service: Service, settings: Record<string, string> = {}): Promise<void> {
    const env = {
      ...this.environment,
      AWS_ENDPOINT_URL: this.proxies.get(service)?.url ?? '',
      // Clients upload straight to S3.
      ...(service === 'ingestion' ? { AWS_ENDPOINT_URL_S3: this.aws.url } : {}),
      PORT: String(this.ports.get(service)),
      INGESTION_URL: this.url('ingestion'),
      HUMAN_REVIEW_URL: this.url('human-review'),
      ...settings,
    };
    const child = start(process.execPath, [join(this.dist, `${service}.mjs`)], { env });
    this.children.set(service, child);
    const lines = this.logs.get(service) ?? [];
    this.logs.set(service, lines);
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => lines.push(chunk.toString()));
    let hasEnded = false;
    void child.exit.then(() => (hasEnded = true));
    await until(`${service} is ready`, async () => {
      if (hasEnded) throw new Error(`${service} ended:\n${lines.join('')}`);
      return fetch(`${this.url(service)}/readyz`).then(
        answer => answer.ok,
        () => false,
      );
    });
  }

  /** Kills it as a machine that fails does. */
  async crash(service: Service): Promise<void> {
    const child = this.children.get(service);
    if (!child) return;
    process.kill(child.pid, 'SIGKILL');
    await child.exit;
    this.proxies.get(service)?.release();
  }

  /** Asks it to end. @returns the exit code */
  async stopService(service: Service): Promise<number | null> {
    const child = this.children.get(service);
    this.children.delete(service);
    await child?.kill(20_000);
    return (await child?.exit)?.code ?? null;
  }

  async stop(): Promise<void> {
    await Promise.all([...this.children.values()].map(child => child.kill()));
    await Promise.all([...this.proxies.values()].map(proxy => proxy.stop()));
    await this.aws.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  async token(name: string, ...roles: string[]): Promise<string> {
    const { SignJWT } = await import('jose');
    return new SignJWT({ roles })
      .setProtectedHeader({ alg: 'HS256' })
      .setSubject(name)
      .setIssuer('https://login.test')
      .setAudience('guardian')
      .setExpirationTime('10 minutes')
      .sign(new TextEncoder().encode(jwtSecret));
  }

  async call(
    method: string,
    path: string,
    body?: unknown,
    token?: string,
  ): Promise<{ status: number; json: unknown; headers: Headers }> {
    const response = await fetch(`${this.url('api-gateway')}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token ?? (await this.token('ursula', 'uploader', 'reviewer'))}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, json: await response.json(), headers: response.headers };
  }

  /** Begins an upload and puts the bytes; `complete` is still to be said. */
  async put(video: Buffer, fileName: string): Promise<string> {
    const begun = await this.call('POST', '/v1/videos', {
      fileName,
      contentType: 'video/mp4',
      sizeBytes: video.length,
    });
    if (begun.status !== 201) throw new Error(JSON.stringify(begun.json));
    const { videoId, upload } = begun.json as {
      videoId: string;
      upload: { url: string; headers: Record<string, string> };
    };
    const answer = await fetch(upload.url, { method: 'PUT', headers: upload.headers, body: video });
    if (!answer.ok) throw new Error(`S3 answered ${answer.status}: ${await answer.text()}`);
    return videoId;
  }

  async upload(video: Buffer, fileName: string): Promise<string> {
    const videoId = await this.put(video, fileName);
    const { status, json } = await this.call('POST', `/v1/videos/${videoId}/complete`);
    if (status !== 202) throw new Error(JSON.stringify(json));
    return videoId;
  }

  async video(videoId: string): Promise<VideoView> {
    const { status, json } = await this.call('GET', `/v1/videos/${videoId}`);
    if (status !== 200) throw new Error(JSON.stringify(json));
    return json as VideoView;
  }

  /** A record as the policy engine leaves one that a person has to decide. */
  async putDoubtful(videoId: string, fileName = 'doubt.mp4'): Promise<void> {
    const text = (value: string): { S: string } => ({ S: value });
    const policy = { M: { outcome: text('review'), policyVersion: text('1'), reasons: { L: [text('a suspicion')] } } };
    await this.wire.json('dynamodb', 'PutItem', {
      TableName: 'guardian-videos',
      Item: {
        ...{ videoId: text(videoId), correlationId: text('c'), status: text('in-review'), policy },
        ...{ createdAt: text('2026-01-01'), uploadedBy: text('ursula'), fileName: text(fileName) },
        objectKey: text(`videos/${videoId}`),
      },
    });
  }

  /** The video once its notice is out: every service has had it. */
  notified(videoId: string): Promise<VideoView> {
    return until(
      `${videoId} is decided and told`,
      async () => {
        const video = await this.video(videoId);
        return video.events.some(({ eventId }) => eventId.startsWith('notified#')) ? video : undefined;
      },
      async () => JSON.stringify(await this.video(videoId), undefined, 1),
    );
  }
}

/** Waits for a state of other processes. */
export async function until<T>(
  what: string,
  look: () => Promise<T | undefined | false>,
  tell: () => Promise<string> = () => Promise.resolve(''),
): Promise<T> {
  const end = Date.now() + 200_000;
  while (Date.now() < end) {
    const seen = await look();
    if (seen !== undefined && seen !== false) return seen;
    await sleep(50);
  }
  throw new Error(`It did not happen in 200 s that ${what}. ${await tell()}`);
}
