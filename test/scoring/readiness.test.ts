import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ModelCopy } from './support/model-copy';
import { plain } from './support/pictures';
import { body, type Failure, modelFolder, Runtime } from './support/runtime';

describe('readiness', () => {
  let model: ModelCopy;
  let runtime: Runtime | undefined;
  beforeEach(() => (model = new ModelCopy('colour')));
  afterEach(async () => {
    await runtime?.stop();
    runtime = undefined;
    model.remove();
  });

  it('comes after the model is loaded; until then the server lives, says so and sends requests away', async function () {
    if (process.platform === 'win32') this.skip();
    // The manifest is a pipe, so the server reads it for as long as this test wants.
    const manifest = join(model.folder, 'guardian-model.json');
    rmSync(manifest);
    spawnSync('mkfifo', [manifest]);
    runtime = await Runtime.start(model.folder);

    assert.equal((await runtime.get('/live')).status, 200);
    const ready = await runtime.get('/ready');
    assert.equal(ready.status, 503);
    assert.deepEqual(await ready.json(), { status: 'loading', reason: 'The model is being loaded.' });
    const refused = await runtime.score(await plain('red'), 'image/png');
    assert.equal(refused.status, 503);
    assert.match(refused.headers.get('retry-after') ?? '', /^[1-9]\d*$/);
    assert.equal((await body<Failure>(refused)).error.code, 'NotReady');

    writeFileSync(manifest, readFileSync(join(modelFolder('colour'), 'guardian-model.json')));
    await runtime.line('ready');
    assert.equal((await runtime.get('/ready')).status, 200);
    assert.equal((await runtime.score(await plain('red'), 'image/png')).status, 200);
  });

  it('comes when the warm-up image gets the label that the manifest expects', async () => {
    model.write('warmup.png', await plain('green'));
    const probabilities = { green: 0.999, red: 0.0006 };
    model.change(manifest => (manifest['warmup'] = { image: 'warmup.png', label: 'green', probabilities }));
    runtime = await Runtime.ready(model.folder);
    assert.equal((await runtime.get('/ready')).status, 200);
  });

  for (const [what, warmup, expected] of [
    ['another label', { image: 'warmup.png', label: 'red' }, /warmup\.png must be 'red', but the model says 'green'/],
    [
      'another probability',
      { image: 'warmup.png', label: 'green', probabilities: { green: 0.5 }, tolerance: 0.1 },
      /must be 'green' with a probability of 0\.5 ± 0\.1, but the model says 0\.99/,
    ],
    ['no such image', { image: 'gone.png' }, /warm-up image .*gone\.png.*ENOENT/],
  ] as const) {
    it(`never comes when the warm-up gives ${what}, and probes and log say why`, async () => {
      model.write('warmup.png', await plain('green'));
      model.change(manifest => (manifest['warmup'] = warmup));
      runtime = await Runtime.start(model.folder);
      const line = await runtime.line(/refused/);
      assert.match(String(line['reason']), expected);
      const ready = await runtime.get('/ready');
      assert.equal(ready.status, 503);
      assert.match((await body<{ reason: string }>(ready)).reason, expected);
      const live = await runtime.get('/live');
      assert.equal(live.status, 200);
      assert.match((await body<{ reason: string }>(live)).reason, expected);
    });
  }
});
