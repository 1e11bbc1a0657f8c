import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { ensureCertificates, type ServerCertificate } from '../../../local/certificates';
import { start, type Child } from '../../../local/processes';

const folder = resolve(__dirname, '../../../samples/guardian-app');

interface Screening {
  nsfw: { label: string; probability: number; deployment: string };
  violence: { label: string; probability: number; deployment: string };
  decision: string;
}

describe('the sample application', () => {
  const work = mkdtempSync(join(tmpdir(), 'guardian-app-'));
  let certificate: ServerCertificate;
  let model: Server;
  let modelUrl: string;
  /** What the model endpoint answers, by path. */
  const answers = new Map<string, { status: number; body: string }>();
  const received: { path: string; authorization: string | undefined; body: string }[] = [];
  const running: Child[] = [];

  before(async () => {
    certificate = await ensureCertificates(work);
    model = createServer({ cert: certificate.cert, key: certificate.key }, (request, response) => {
      const path = request.url ?? '';
      let body = '';
      request.on('data', (part: Buffer) => (body += part.toString()));
      request.on('end', () => {
        received.push({ path, authorization: request.headers.authorization, body });
        const answer = answers.get(path) ?? { status: 404, body: 'no such model' };
        response.writeHead(answer.status, { 'azureml-model-deployment': `deployment-of-${path.slice(1)}` });
        response.end(answer.body);
      });
    });
    await new Promise<void>(done => model.listen(0, '127.0.0.1', done));
    modelUrl = `https://127.0.0.1:${(model.address() as AddressInfo).port}`;
  });
  afterEach(async () => {
    received.length = 0;
    await Promise.all(running.splice(0).map(child => child.kill()));
  });
  after(async () => {
    await new Promise(done => model.close(done));
    rmSync(work, { recursive: true, force: true });
  });

  async function startApplication(environment: Record<string, string>): Promise<{ url: string; child: Child }> {
    const env = { PORT: '0', NODE_EXTRA_CA_CERTS: certificate.caFile, ...environment };
    const child = start(process.execPath, ['server.mjs'], { cwd: folder, env });
    running.push(child);
    for await (const line of createInterface({ input: child.stdout })) {
      const { message, port } = JSON.parse(line) as { message: string; port: number };
      if (message === 'listening') return { url: `http://127.0.0.1:${port}`, child };
    }
    throw new Error('The application ended before it listened.');
  }

  const configured = (): Record<string, string> => ({
    NSFW_MODEL_ENDPOINT: `${modelUrl}/nsfw`,
    VIOLENCE_MODEL_ENDPOINT: `${modelUrl}/violence`,
    MODEL_ENDPOINT_KEY: 'the-key',
  });
  const judge = (nsfw: object, violence: object): void => {
    answers.set('/nsfw', { status: 200, body: JSON.stringify(nsfw) });
    answers.set('/violence', { status: 200, body: JSON.stringify(violence) });
  };
  const screen = (url: string): Promise<Response> =>
    fetch(`${url}/screen`, { method: 'POST', body: 'bytes of an image', headers: { 'content-type': 'image/jpeg' } });

  it('asks both models over TLS with their keys, and says who answered', async () => {
    judge({ label: 'safe', probability: 0.97 }, { label: 'violence', probability: 0.7 });
    const { url } = await startApplication({ ...configured(), VIOLENCE_MODEL_ENDPOINT_KEY: 'another-key' });
    const response = await screen(url);
    assert.equal(response.status, 200);
    const { nsfw, violence, decision } = (await response.json()) as Screening;
    assert.deepEqual([nsfw.label, nsfw.probability, nsfw.deployment], ['safe', 0.97, 'deployment-of-nsfw']);
    assert.deepEqual([violence.label, violence.deployment], ['violence', 'deployment-of-violence']);
    assert.equal(decision, 'review');
    const sent = received.sort((a, b) => a.path.localeCompare(b.path));
    assert.deepEqual(sent, [
      { path: '/nsfw', authorization: 'Bearer the-key', body: 'bytes of an image' },
      { path: '/violence', authorization: 'Bearer another-key', body: 'bytes of an image' },
    ]);
  });

  it('approves what is safe for both, blocks what is nearly sure', async () => {
    const { url } = await startApplication(configured());
    const decide = async (): Promise<string> => ((await (await screen(url)).json()) as Screening).decision;
    judge({ label: 'safe', probability: 0.9 }, { label: 'safe', probability: 0.6 });
    assert.equal(await decide(), 'approve');
    judge({ label: 'nsfw', probability: 0.95 }, { label: 'safe', probability: 0.6 });
    assert.equal(await decide(), 'block');
  });

  it('is healthy before it is configured, and says what is missing', async () => {
    const { url } = await startApplication({ MODEL_ENDPOINT_KEY: 'the-key' });
    assert.equal((await fetch(`${url}/healthz`)).status, 200);
    const response = await screen(url);
    assert.equal(response.status, 503);
    const { error } = (await response.json()) as { error: string };
    assert.equal(error, 'not configured yet: NSFW_MODEL_ENDPOINT, VIOLENCE_MODEL_ENDPOINT missing');
  });

  it('never shows a key', async () => {
    const { url } = await startApplication(configured());
    const text = await (await fetch(`${url}/config`)).text();
    assert.match(text, /"keySha256":"[0-9a-f]{12}"/);
    assert.doesNotMatch(text, /the-key/);
  });

  it('tells which endpoint failed and how', async () => {
    judge({ label: 'safe', probability: 0.9 }, {});
    answers.set('/violence', { status: 424, body: 'the model is gone' });
    const { url } = await startApplication(configured());
    const response = await screen(url);
    assert.equal(response.status, 502);
    const { error } = (await response.json()) as { error: string };
    assert.equal(error, `the violence endpoint ${modelUrl}/violence answered 424: the model is gone`);
  });

  it('ends by itself when it is asked to', async () => {
    const { child } = await startApplication({});
    await child.kill();
    assert.equal((await child.exit).code, 0);
  });
});
