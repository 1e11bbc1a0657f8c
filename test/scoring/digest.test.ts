import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ModelCopy } from './support/model-copy';
import { plain } from './support/pictures';
import { body, type Failure, Runtime } from './support/runtime';

/** By the rule that is written down for registered models, computed apart from the product. */
function digestOf(folder: string, files: readonly string[], prefix = ''): string {
  const lines = files.map(file => {
    const bytes = readFileSync(join(folder, file));
    return `${prefix}${file}\0${bytes.length}\0${createHash('sha256').update(bytes).digest('hex')}\n`;
  });
  return createHash('sha256').update(lines.sort().join('')).digest('hex');
}

const files = ['guardian-model.json', 'model.onnx'];

describe('the registered digest', () => {
  let runtime: Runtime | undefined;
  const models: ModelCopy[] = [];
  const copy = (below = '') => {
    const model = new ModelCopy('colour', below);
    models.push(model);
    return model;
  };
  afterEach(async () => {
    await runtime?.stop();
    runtime = undefined;
    models.splice(0).forEach(model => model.remove());
  });

  it('is verified, and shown', async () => {
    const model = copy();
    const digest = digestOf(model.folder, files);
    runtime = await Runtime.ready(model.root, { GUARDIAN_MODEL_DIGEST: digest });
    const info = await body<{ model: { digest: string } }>(await runtime.get('/'));
    assert.equal(info.model.digest, digest);
  });

  it('may be that of the folder itself or of the one that holds it', async () => {
    for (const prefix of ['', 'model/']) {
      const model = copy('model');
      runtime = await Runtime.ready(model.root, { GUARDIAN_MODEL_DIGEST: digestOf(model.folder, files, prefix) });
      await runtime.stop();
    }
  });

  it('that differs keeps the server from ever becoming ready, and probes and log say so', async () => {
    const model = copy();
    const registered = digestOf(model.folder, files);
    model.change(manifest => (manifest['labels'] = ['green', 'red', 'blue']));
    const expected = new RegExp(`not those that were registered.*${digestOf(model.folder, files)}.*${registered}`);

    runtime = await Runtime.start(model.root, { GUARDIAN_MODEL_DIGEST: registered });
    assert.match(String((await runtime.line(/refused/))['reason']), expected);
    const ready = await runtime.get('/ready');
    assert.equal(ready.status, 503);
    assert.match((await body<{ reason: string }>(ready)).reason, expected);
    const refused = await runtime.score(await plain('red'), 'image/png');
    assert.equal(refused.status, 503);
    assert.match((await body<Failure>(refused)).error.message, expected);
  });
});
