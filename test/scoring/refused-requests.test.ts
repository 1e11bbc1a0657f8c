import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import sharp from 'sharp';
import { plain } from './support/pictures';
import { type Failure, imageFile, modelFolder, Runtime } from './support/runtime';

describe('a request that cannot be served', () => {
  let runtime: Runtime;
  before(async () => {
    runtime = await Runtime.ready(modelFolder('colour'), {
      GUARDIAN_MAX_BODY_BYTES: '100000',
      GUARDIAN_MAX_PIXELS: '1000000',
      GUARDIAN_REQUEST_TIMEOUT_SECONDS: '1',
    });
  });
  after(() => runtime.stop());

  /** Every refusal has the one form, and the server answers good requests as before. */
  async function assertRefused(answer: Response, status: number, code: string, message: RegExp): Promise<void> {
    const raw = await answer.text();
    assert.equal(answer.status, status, raw);
    assert.match(answer.headers.get('content-type') ?? '', /^application\/json/);
    const { error, ...rest } = JSON.parse(raw) as Failure;
    assert.deepEqual(rest, {});
    assert.deepEqual(Object.keys(error), ['code', 'message', 'requestId']);
    assert.equal(error.code, code);
    assert.match(error.message, message);
    assert.equal(error.requestId, answer.headers.get('x-request-id'));
    assert.doesNotMatch(raw, /\bat .*:\d+|node_modules|\.js/);
    assert.equal((await runtime.score(await plain('red'), 'image/png')).status, 200);
  }

  it('because it is no image: 400', async () => {
    const answer = await runtime.score(Buffer.from('certainly not an image'), 'image/jpeg');
    await assertRefused(answer, 400, 'InvalidImage', /not a JPEG, PNG, WebP, GIF or AVIF/);
  });

  it('because it is empty: 400', async () => {
    await assertRefused(await runtime.score(Buffer.alloc(0), 'image/jpeg'), 400, 'InvalidImage', /is empty/);
  });

  it('because the image is cut off: 400', async () => {
    const whole = readFileSync(imageFile('cat.jpg'));
    const answer = await runtime.score(whole.subarray(0, whole.length / 2), 'image/jpeg');
    await assertRefused(answer, 400, 'InvalidImage', /cannot be decoded/);
  });

  it('because the image only begins like one: 400', async () => {
    const answer = await runtime.score(
      Buffer.concat([Buffer.from('ffd8ffe0', 'hex'), Buffer.alloc(500, 7)]),
      'image/jpeg',
    );
    await assertRefused(answer, 400, 'InvalidImage', /cannot be decoded/);
  });

  for (const [what, json, message] of [
    ['no JSON', '{"image":', /JSON/],
    ['neither image nor images', '{"picture":"YQ=="}', /"image"/],
    ['a list instead of an object', '["YQ=="]', /"image"/],
    ['both image and images', '{"image":"YQ==","images":["YQ=="]}', /"image"/],
    ['a number for an image', '{"image":5}', /'image' must be a base64 string/],
    ['no base64', '{"images":["%%%%"]}', /'images\[0\]' is not base64/],
    ['no images', '{"images":[]}', /at least one/],
    ['lists in lists', `{"images":${'['.repeat(40_000)}${']'.repeat(40_000)}}`, /more than 16 levels/],
  ] as const) {
    it(`because its body has ${what}: 400`, async () => {
      const answer = await runtime.score(Buffer.from(json), 'application/json');
      await assertRefused(answer, 400, 'InvalidRequest', message);
    });
  }

  it('because one image of a list is bad: 400, naming it', async () => {
    const good = (await plain('red')).toString('base64');
    const answer = await runtime.score({ images: [good, 'YWJj'] });
    await assertRefused(answer, 400, 'InvalidImage', /^images\[1\]: /);
  });

  it('because nothing is there: 404', async () => {
    await assertRefused(await runtime.get('/predict'), 404, 'NotFound', /\/predict/);
  });

  it('because the method is another one: 405 with Allow', async () => {
    const answer = await runtime.get('/score');
    assert.equal(answer.headers.get('allow'), 'POST');
    await assertRefused(answer, 405, 'MethodNotAllowed', /POST/);
    const other = await fetch(`${runtime.url}/ready`, { method: 'DELETE' });
    assert.equal(other.headers.get('allow'), 'GET, HEAD');
    await assertRefused(other, 405, 'MethodNotAllowed', /GET/);
  });

  it('because its type is not read: 415, saying which ones are', async () => {
    const answer = await runtime.score(await plain('red'), 'application/x-www-form-urlencoded');
    await assertRefused(answer, 415, 'UnsupportedMediaType', /image\/jpeg.*application\/json/);
  });

  it('because the image is of another kind: 415', async () => {
    const tiff = await sharp(await plain('red'))
      .tiff()
      .toBuffer();
    await assertRefused(await runtime.score(tiff, 'application/octet-stream'), 415, 'UnsupportedMediaType', /JPEG/);
    const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>');
    await assertRefused(await runtime.score(svg, 'application/octet-stream'), 415, 'UnsupportedMediaType', /JPEG/);
  });

  it('because its body is too large: 413', async () => {
    const answer = await runtime.score(Buffer.alloc(100_001), 'image/jpeg');
    await assertRefused(answer, 413, 'PayloadTooLarge', /larger/);
  });

  it('because its body grows too large without having said so: 413', async () => {
    const answer = await fetch(`${runtime.url}/score`, {
      method: 'POST',
      headers: { 'content-type': 'image/jpeg' },
      body: new ReadableStream<Uint8Array>({
        start(controller) {
          for (let i = 0; i < 11; i++) controller.enqueue(new Uint8Array(10_000));
          controller.close();
        },
      }),
      duplex: 'half',
    });
    await assertRefused(answer, 413, 'PayloadTooLarge', /larger/);
  });

  it('because a small file is a huge image: 413, without decoding it', async () => {
    const bomb = await sharp({ create: { width: 4000, height: 4000, channels: 3, background: 'black' } })
      .png({ compressionLevel: 9 })
      .toBuffer();
    assert.ok(bomb.length < 100_000);
    await assertRefused(await runtime.score(bomb, 'image/png'), 413, 'ImageTooLarge', /4000 x 4000/);
  });

  async function raw(bytes: string): Promise<string> {
    const socket = connect(runtime.port, '127.0.0.1');
    socket.write(bytes);
    return text(socket);
  }

  it('because it is no HTTP: 400 in the same form', async () => {
    const answer = await raw('HELLO\r\n\r\n');
    assert.match(answer, /^HTTP\/1\.1 400 /);
    assert.match(answer, /\{"error":\{"code":"InvalidRequest","message":"[^"]+","requestId":"[^"]+"\}\}$/);
  });

  it('because its headers come letter by letter: 408, and others are served meanwhile', async () => {
    const socket = connect(runtime.port, '127.0.0.1');
    const answer = text(socket);
    socket.write('POST /score HTTP/1.1\r\n');
    let sent = 0;
    const drip = setInterval(() => socket.write(`x-${sent++}: a\r\n`), 50);
    try {
      assert.equal((await runtime.score(await plain('red'), 'image/png')).status, 200);
      assert.match(await answer, /^HTTP\/1\.1 408 [^]*"code":"RequestTimeout"/);
    } finally {
      clearInterval(drip);
      socket.destroy();
    }
  });

  it('because it is compressed: 415', async () => {
    const picture = await plain('red');
    const answer = await runtime.score(picture, 'image/png', { 'content-encoding': 'gzip' });
    await assertRefused(answer, 415, 'UnsupportedMediaType', /gzip is not read/);
  });

  it('because clients whose requests never come to their end have every place, until these are told 408', async () => {
    const head = 'POST /score HTTP/1.1\r\nhost: a\r\ncontent-type: image/jpeg\r\ncontent-length: 9\r\n\r\na';
    const slow = Array.from({ length: 64 }, () => raw(head));
    const all = /^guardian_scoring_images_in_progress 64$/m;
    while (!all.test(await (await runtime.get('/metrics')).text()));
    assert.equal((await runtime.score(await plain('red'), 'image/png')).status, 429);
    for (const answer of await Promise.all(slow)) assert.match(answer, /^HTTP\/1\.1 408 [^]*"code":"RequestTimeout"/);
    assert.equal((await runtime.score(await plain('red'), 'image/png')).status, 200);
  });
});
