import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AxeResults } from 'axe-core';
import type { Browser, Page } from 'playwright-core';
import { ensureCertificates } from '../../local/certificates';
import { smallVideo } from '../../local/demo/small-video';
import { root } from '../../scripts/product';
import { launchBrowser, open } from '../local/page/browser';
import { CopilotDouble, says, type CopilotAnswer } from './copilot-double';
import { MailReceiver } from './mail-receiver';
import { jwtSecret, Stack, until, type Service } from './stack';

const used: Service[] = ['ingestion', 'human-review', 'notification', 'api-gateway'];
const password = 'the password of the mail server';
let lastId = 0;
const newId = (): string => `00000000-0000-4000-8000-${String(++lastId).padStart(12, '0')}`;

describe('the Guardian application and people', function () {
  this.timeout(120_000);
  let folder: string;
  let stack: Stack;
  let browser: Browser;
  let receiver: Server;
  let mailbox: MailReceiver;
  let identityProvider: Server;
  const copilot = new CopilotDouble();
  const notices: { videoId: string; outcome: string }[] = [];

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'guardian-people-'));
    const certificate = await ensureCertificates(folder);
    mailbox = new MailReceiver(certificate, password);
    receiver = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        notices.push(JSON.parse(body) as { videoId: string; outcome: string });
        response.writeHead(204).end();
      });
    });
    await new Promise<void>(done => receiver.listen(0, '127.0.0.1', done));
    identityProvider = createServer();
    await new Promise<void>(done => identityProvider.listen(0, '127.0.0.1', done));
    const nowhere = 'https://127.0.0.1:1/score';
    [browser, stack] = await Promise.all([
      launchBrowser(),
      Stack.start(
        { nsfw: nowhere, violence: nowhere, ca: certificate.caFile },
        {
          WEBHOOK_URL: `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`,
          SMTP_URL: `smtp://guardian@127.0.0.1:${await mailbox.listen()}`,
          MAIL_FROM: 'guardian@example.com',
          MAIL_TO: 'moderators@example.com, lead@example.com',
          COPILOT: 'on',
          AZURE_OPENAI_ENDPOINT: await copilot.listen(),
        },
      ),
    ]);
    stack.setSecret('SMTP_PASSWORD', 'not yet the right one');
    stack.setSecret('AZURE_OPENAI_KEY', 'the key of the copilot');
    await Promise.all(used.map(service => stack.run(service)));
  });
  after(async () => {
    await stack.stop();
    await Promise.all([browser.close(), mailbox.close(), copilot.close()]);
    await Promise.all([receiver, identityProvider].map(server => new Promise(done => server.close(done))));
    await rm(folder, { recursive: true, force: true });
  });

  const logOf = (service: Service): string => (stack.logs.get(service) ?? []).join('');

  it('tells each channel once: the webhook at once, the mail when its server takes it', async () => {
    const [videoId, rita] = [newId(), await stack.token('rita', 'reviewer')];
    await stack.putDoubtful(videoId, 'a\r\nBcc: everybody@example.com.mp4');
    await stack.call('POST', `/v1/reviews/${videoId}/claim`, undefined, rita);
    await stack.call('POST', `/v1/reviews/${videoId}/decision`, { outcome: 'block', comment: 'a knife' }, rita);
    await until('the mail is refused twice', () =>
      Promise.resolve(logOf('notification').split('127.0.0.1 did not take the mail: Invalid login: 535').length > 2),
    );
    stack.setSecret('SMTP_PASSWORD', password);
    const video = await stack.notified(videoId);
    assert.equal(notices.filter(notice => notice.videoId === videoId).length, 1);
    assert.equal(mailbox.mails.length, 1);
    const { to, text } = mailbox.mails[0]!;
    assert.deepEqual(to, ['moderators@example.com', 'lead@example.com']);
    assert.match(text, new RegExp(`^Message-ID: <${videoId}-decided@guardian.invalid>`, 'm'));
    assert.match(text, /^Subject: Guardian: a +Bcc: everybody@example.com.mp4: block/m);
    assert.match(text, /^X-Correlation-ID: c\r$/m);
    assert.match(text, /^a knife\r$/m);
    const told = video.events.filter(({ actor }) => actor === 'notification').map(({ eventId }) => eventId);
    assert.deepEqual(told, ['delivered#decided#webhook', 'notified#decided']);
    assert.doesNotMatch(logOf('notification'), /the password of|not yet the right one/);
  });

  it('does not start with half of what mail needs', async () => {
    await stack.stopService('notification');
    await assert.rejects(
      stack.run('notification', { MAIL_TO: '' }),
      /To send mail, SMTP_URL, MAIL_FROM and MAIL_TO are needed/,
    );
    await assert.rejects(
      stack.run('notification', { SMTP_URL: 'http://mail', MAIL_FROM: 'guardian' }),
      /SMTP_URL: .*\\n.*MAIL_FROM: /,
    );
    await stack.run('notification');
  });

  it('lets one person decide a doubtful video, once, also when human-review crashes meanwhile', async () => {
    const videoId = newId();
    await stack.putDoubtful(videoId);
    const [rita, rolf] = await Promise.all([stack.token('rita', 'reviewer'), stack.token('rolf', 'reviewer')]);
    const path = `/v1/reviews/${videoId}`;
    const { videos } = (await stack.call('GET', '/v1/reviews?limit=100', undefined, rita)).json as {
      videos: { videoId: string }[];
    };
    assert.ok(videos.some(item => item.videoId === videoId));
    assert.equal((await stack.call('POST', `${path}/claim`, undefined, rita)).status, 200);
    assert.equal((await stack.call('POST', `${path}/claim`, undefined, rolf)).status, 409);
    const decision = { outcome: 'approve', comment: 'a flower' };
    assert.equal((await stack.call('POST', `${path}/decision`, decision, rolf)).status, 409);
    // The record is written, the message is not sent, the client has no answer.
    const held = stack.proxies.get('human-review')!.hold('SendMessage');
    const lost = stack.call('POST', `${path}/decision`, decision, rita);
    await held;
    await stack.crash('human-review');
    assert.equal((await lost).status, 503);
    await stack.run('human-review');
    await until(
      'it is taken',
      async () => (await stack.call('POST', `${path}/decision`, decision, rita)).status === 200,
    );
    const video = await stack.notified(videoId);
    const decided = video.events.filter(({ eventId }) => eventId === 'decided').length;
    assert.deepEqual([video.decision?.outcome, video.decision?.decidedBy, decided], ['approve', 'rita', 1]);
  });

  describe('with the copilot', () => {
    const ask = async (videoId: string): Promise<{ status: number; json: unknown }> =>
      stack.call('GET', `/v1/reviews/${videoId}/suggestion`, undefined, await stack.token('rita', 'reviewer'));

    it('shows a reviewer what it would do, writes down who said it, and decides nothing', async () => {
      const videoId = newId();
      await stack.putDoubtful(videoId, 'the name is nobody’s business.mp4');
      const { status, json } = await ask(videoId);
      const said = { suggestion: 'block', explanation: 'The model is sure.', model: 'gpt-4o-2024-11-20' };
      assert.deepEqual([status, json], [200, said]);
      const { url, headers, body } = copilot.asked.at(-1)!;
      assert.equal(url, '/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21');
      assert.equal(headers['api-key'], 'the key of the copilot');
      assert.match(body, /a suspicion/);
      assert.doesNotMatch(body, /the name is|ursula/);
      const video = (await stack.video(videoId)) as unknown as { status: string; decision?: object; events: object[] };
      assert.deepEqual([video.status, video.decision], ['in-review', undefined]);
      assert.deepEqual(
        video.events.map(event => {
          const { actor, detail } = event as { actor: string; detail: object };
          return { actor, detail };
        }),
        [{ actor: 'copilot', detail: said }],
      );
    });

    const failures: Record<string, { answer: CopilotAnswer; says: RegExp }> = {
      'is busy': {
        answer: {
          status: 429,
          headers: { 'retry-after': '17' },
          body: { error: { code: '429', message: 'too many' } },
        },
        says: /answered 429; it may be asked again in 17 s: .*too many/,
      },
      'refuses what it is asked': {
        answer: { status: 400, body: { error: { code: 'content_filter', message: 'filtered' } } },
        says: /answered 400: .*content_filter/,
      },
      'swallows its answer': {
        answer: says(null, 'content_filter'),
        says: /gave no suggestion: it ended with content_filter/,
      },
      'answers something else': {
        answer: says({ suggestion: 'decide: approve', explanation: 'as I say' }),
        says: /gave no suggestion: /,
      },
      'answers no JSON': { answer: { status: 200, body: 'hello' }, says: /gave no suggestion: / },
    };
    for (const [what, { answer, says: message }] of Object.entries(failures)) {
      it(`goes on without it when it ${what}`, async () => {
        const videoId = newId();
        await stack.putDoubtful(videoId);
        copilot.answer = answer;
        const { status, json } = await ask(videoId);
        assert.equal(status, 503);
        assert.match((json as { error: string }).error, message);
        assert.deepEqual((await stack.video(videoId)).events, []);
      });
    }

    it('says so when it is off', async () => {
      await stack.stopService('human-review');
      await stack.run('human-review', { COPILOT: 'off' });
      const videoId = newId();
      await stack.putDoubtful(videoId);
      const before = copilot.asked.length;
      const { status, json } = await ask(videoId);
      assert.deepEqual([status, json], [404, { error: 'The copilot is off.' }]);
      assert.equal(copilot.asked.length, before);
      await stack.stopService('human-review');
      await stack.run('human-review');
      copilot.answer = says({ suggestion: 'block', explanation: 'The model is sure.' });
    });
  });

  it('has a review page that can be used with the keyboard alone', async () => {
    const film = await smallVideo(root, { colour: 'red' });
    const videoId = await stack.upload(film, 'red.mp4');
    await stack.putDoubtful(videoId, 'red.mp4');
    const { page, problems } = await open(browser, `${stack.url('api-gateway')}/`);
    const focused = (): Promise<string> => page.evaluate('document.activeElement.textContent');
    const message = page.getByRole('status');
    const tabTo = async (label: string): Promise<void> => {
      for (let turn = 0; turn < 40; turn++) {
        if ((await focused()) === label) return;
        await page.keyboard.press('Tab');
      }
      assert.fail(`The key Tab does not lead to ${label}.`);
    };

    await page.getByLabel('Access token').focus();
    await page.keyboard.type('not-a-token');
    await page.keyboard.press('Enter');
    await message.filter({ hasText: 'The token is not accepted' }).waitFor();
    await page.getByLabel('Access token').fill('');
    await page.keyboard.type(await stack.token('rita', 'reviewer'));
    await page.keyboard.press('Enter');
    const card = page.getByRole('article', { name: 'red.mp4' });
    await card.waitFor();
    assert.equal(await card.getByRole('button').count(), 1, 'nothing but Claim before the claim');
    // The only one in the way of the keyboard: what others have claimed has no buttons.
    await card.getByRole('button', { name: 'Claim' }).focus();
    await page.keyboard.press('Enter');
    await card.getByText('Claimed by rita until').waitFor();
    assert.equal(await focused(), 'Watch');
    await page.keyboard.press('Enter');
    await until('the video can be watched', () => page.evaluate("document.querySelector('video')?.readyState > 0"));
    assert.equal(await page.evaluate("document.querySelector('video').duration"), 2);
    await tabTo('Ask the copilot');
    await page.keyboard.press('Enter');
    await card.getByText('gpt-4o-2024-11-20 suggests: block. The model is sure.').waitFor();
    assert.deepEqual(await violations(page), []);
    await page.emulateMedia({ colorScheme: 'dark' });
    assert.deepEqual(await violations(page), []);
    await tabTo('Block');
    await page.keyboard.press('Enter');
    assert.equal(await page.evaluate('document.activeElement.name'), 'comment', 'a decision needs its reason');
    await page.keyboard.type('red all over');
    await tabTo('Block');
    await page.keyboard.press('Enter');
    await message.filter({ hasText: 'red.mp4: block.' }).waitFor();
    assert.equal(await card.count(), 0);
    const { decision } = (await stack.notified(videoId)) as unknown as { decision: Record<string, unknown> };
    assert.deepEqual(
      [decision['outcome'], decision['decidedBy'], decision['reasons']],
      ['block', 'rita', ['red all over']],
    );
    // The refused token is the one thing that the browser may complain about.
    assert.deepEqual(
      problems.filter(problem => !problem.includes('401')),
      [],
    );
    await page.context().close();
  });

  async function violations(page: Page): Promise<string[]> {
    await page.evaluate(readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8'));
    const results: AxeResults = await page.evaluate('axe.run()');
    return results.violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(', ')}`);
  }

  it('gives the bytes of a video to reviewers and to who uploaded it, and to nobody else', async () => {
    const videoId = await stack.upload(Buffer.from('these bytes'), 'bytes.mp4');
    const path = `/v1/videos/${videoId}/content`;
    for (const role of ['reviewer', 'uploader']) {
      const name = role === 'uploader' ? 'ursula' : 'rita';
      const { url } = (await stack.call('GET', path, undefined, await stack.token(name, role))).json as { url: string };
      assert.equal(await (await fetch(url)).text(), 'these bytes');
    }
    assert.equal((await stack.call('GET', path, undefined, await stack.token('other', 'uploader'))).status, 404);
    assert.equal((await stack.call('GET', path, undefined, await stack.token('nobody'))).status, 403);
    const begun = await stack.put(Buffer.from('half'), 'half.mp4');
    assert.equal((await stack.call('GET', `/v1/videos/${begun}/content`)).status, 404);
  });

  it('takes a large video in parts, and only whole', async () => {
    const film = Buffer.alloc(17 * 1024 * 1024, 'a frame ');
    const begun = { fileName: 'large.mp4', contentType: 'video/mp4', sizeBytes: film.length };
    const { videoId, upload } = (await stack.call('POST', '/v1/videos', begun)).json as {
      videoId: string;
      upload: { partBytes: number; urls: string[] };
    };
    const complete = (): ReturnType<Stack['call']> => stack.call('POST', `/v1/videos/${videoId}/complete`);
    const putPart = async (index: number): Promise<void> => {
      const body = film.subarray(index * upload.partBytes, (index + 1) * upload.partBytes);
      assert.equal((await fetch(upload.urls[index]!, { method: 'PUT', body })).status, 200);
    };
    assert.equal(upload.urls.length, 2);
    assert.equal((await complete()).status, 409, 'nothing was uploaded');
    await Promise.all([putPart(1), putPart(0)]);
    assert.equal((await complete()).status, 202);
    assert.equal((await complete()).status, 202, 'again, as a client does that got no answer');
    const { url } = (await stack.call('GET', `/v1/videos/${videoId}/content`)).json as { url: string };
    assert.ok(Buffer.from(await (await fetch(url)).arrayBuffer()).equals(film));
  });

  describe('asked without right', () => {
    const listed = async (authorization: string): Promise<{ status: number; error: string }> => {
      const response = await fetch(`${stack.url('api-gateway')}/v1/videos?status=decided`, {
        headers: { authorization },
      });
      return { status: response.status, error: ((await response.json()) as { error: string }).error };
    };
    const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const claims = {
      sub: 'mallory',
      iss: 'https://login.test',
      aud: 'guardian',
      exp: 4_000_000_000,
      roles: ['reviewer'],
    };
    const signed = async (payload: Record<string, unknown>, key = jwtSecret): Promise<string> => {
      const { SignJWT } = await import('jose');
      return new SignJWT(payload).setProtectedHeader({ alg: 'HS256' }).sign(new TextEncoder().encode(key));
    };
    const tokens: Record<string, () => Promise<string>> = {
      'for another audience': () => signed({ ...claims, aud: 'somebody else' }),
      'of another issuer': () => signed({ ...claims, iss: 'https://evil.test' }),
      'that has expired': () => signed({ ...claims, exp: 1_000_000_000 }),
      'that never expires': () => signed({ ...claims, exp: undefined }),
      'of nobody': () => signed({ ...claims, sub: undefined }),
      'with another signature': () => signed(claims, 'another secret, but as long as it must be'),
      'without a signature': () => Promise.resolve(`${encode({ alg: 'none' })}.${encode(claims)}.`),
    };
    for (const [what, token] of Object.entries(tokens)) {
      it(`answers 401 to a token ${what}`, async () => {
        const { status, error } = await listed(`Bearer ${await token()}`);
        assert.equal(status, 401);
        assert.match(error, /^The token is not accepted: /);
      });
    }

    it('answers 401 to no token, 403 to one without the role, and 400 to a question that has no sense', async () => {
      assert.equal((await listed('')).status, 401);
      assert.equal((await listed('Basic dXNlcjpwYXNz')).status, 401);
      const nobody = await stack.token('nobody');
      assert.equal((await stack.call('GET', '/v1/videos?status=decided', undefined, nobody)).status, 403);
      assert.equal((await stack.call('GET', '/v1/videos?status=unheard', undefined, nobody)).status, 400);
    });

    it('knows an identity provider by its published keys, and does not take them for secrets', async () => {
      const { exportJWK, exportSPKI, generateKeyPair, SignJWT } = await import('jose');
      const { publicKey, privateKey } = await generateKeyPair('RS256');
      identityProvider.on('request', (_request, response) => {
        void exportJWK(publicKey).then(jwk =>
          response.end(JSON.stringify({ keys: [{ ...jwk, kid: 'k', alg: 'RS256' }] })),
        );
      });
      await stack.stopService('api-gateway');
      await stack.run('api-gateway', {
        JWT_JWKS_URL: `http://127.0.0.1:${(identityProvider.address() as AddressInfo).port}/keys`,
      });
      const good = await new SignJWT(claims).setProtectedHeader({ alg: 'RS256', kid: 'k' }).sign(privateKey);
      assert.equal((await listed(`Bearer ${good}`)).status, 200);
      // The classic confusion: the public key as the secret of an HMAC.
      const forged = new SignJWT(claims).setProtectedHeader({ alg: 'HS256', kid: 'k' });
      const token = await forged.sign(new TextEncoder().encode(await exportSPKI(publicKey)));
      assert.equal((await listed(`Bearer ${token}`)).status, 401);
      await stack.stopService('api-gateway');
      await stack.run('api-gateway');
    });
  });

  it('has every operation that its description names, none without a token', async () => {
    const openapi = (await stack.call('GET', '/openapi.json')).json as {
      paths: Record<string, Record<string, object>>;
    };
    const operations = Object.entries(openapi.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map(method => `${method.toUpperCase()} ${path}`),
    );
    assert.deepEqual(operations.sort(), [
      'GET /v1/reviews',
      'GET /v1/reviews/{videoId}/suggestion',
      'GET /v1/videos',
      'GET /v1/videos/{videoId}',
      'GET /v1/videos/{videoId}/content',
      'POST /v1/reviews/{videoId}/claim',
      'POST /v1/reviews/{videoId}/decision',
      'POST /v1/videos',
      'POST /v1/videos/{videoId}/complete',
    ]);
    for (const operation of operations) {
      const [method, path = ''] = operation.split(' ');
      const url = `${stack.url('api-gateway')}${path.replace('{videoId}', newId())}`;
      assert.equal((await fetch(url, { method: method ?? '' })).status, 401, operation);
    }
  });

  it('limits how often one may call', async () => {
    const eager = await stack.token('eager', 'uploader');
    const statuses = await Promise.all(
      Array.from({ length: 320 }, async () => (await stack.call('GET', '/v1/videos/x', undefined, eager)).status),
    );
    assert.ok(statuses.includes(429));
    assert.equal(
      (await stack.call('GET', '/v1/videos/x', undefined, await stack.token('calm', 'uploader'))).status,
      400,
    );
  });
});
