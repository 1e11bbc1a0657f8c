import assert from 'node:assert/strict';
import { plain } from './support/pictures';
import { SlowRequest } from './support/slow-request';
import { body, type Failure, modelFolder, type Prediction, Runtime } from './support/runtime';

describe('overload', () => {
  let runtime: Runtime;
  let picture: Buffer;
  before(async () => {
    picture = await plain('red');
    runtime = await Runtime.ready(modelFolder('colour'), { GUARDIAN_MAX_QUEUED_IMAGES: '2' });
  });
  after(() => runtime.stop());

  async function assertFull(answer: Response): Promise<void> {
    assert.equal(answer.status, 429);
    assert.match(answer.headers.get('retry-after') ?? '', /^[1-9]\d*$/);
    assert.equal((await body<Failure>(answer)).error.code, 'TooManyRequests');
  }

  it('is answered 429 with Retry-After while every place is taken, and the requests inside are served', async () => {
    const inside = [await SlowRequest.begin(runtime, picture), await SlowRequest.begin(runtime, picture)];
    await assertFull(await runtime.score(picture, 'image/png'));
    assert.match(await (await runtime.get('/metrics')).text(), /^guardian_scoring_images_in_progress 2$/m);
    for (const request of inside) assert.match(await request.finish(), /^HTTP\/1\.1 200 [^]*"label":"red"/);
    assert.equal((await runtime.score(picture, 'image/png')).status, 200);
  });

  it('counts every image of a list', async () => {
    const image = picture.toString('base64');
    const inside = await SlowRequest.begin(runtime, picture);
    await assertFull(await runtime.score({ images: [image, image] }));
    assert.match(await inside.finish(), /^HTTP\/1\.1 200 /);
    const { predictions } = await body<{ predictions: Prediction[] }>(await runtime.score({ images: [image, image] }));
    assert.equal(predictions.length, 2);
  });

  it('is not what a list that could never fit is told', async () => {
    const image = picture.toString('base64');
    const answer = await runtime.score({ images: [image, image, image] });
    assert.equal(answer.status, 413);
    assert.match((await body<Failure>(answer)).error.message, /at most 2/);
  });

  it('ends when clients hang up in the middle of their request', async () => {
    const inside = [await SlowRequest.begin(runtime, picture), await SlowRequest.begin(runtime, picture)];
    await assertFull(await runtime.score(picture, 'image/png'));
    for (const request of inside) request.hangUp();
    // The server learns of it by itself, so the first answers may still be 429.
    let status: number;
    do status = (await runtime.score(picture, 'image/png')).status;
    while (status === 429);
    assert.equal(status, 200);
  });

  it('lets probes and metrics through', async () => {
    const inside = [await SlowRequest.begin(runtime, picture), await SlowRequest.begin(runtime, picture)];
    for (const path of ['/live', '/ready', '/metrics']) assert.equal((await runtime.get(path)).status, 200, path);
    await Promise.all(inside.map(request => request.finish()));
  });
});
