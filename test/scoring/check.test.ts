import assert from 'node:assert/strict';
import { ModelCopy } from './support/model-copy';
import { plain } from './support/pictures';
import { modelFolder, runToEnd } from './support/runtime';

describe('--check', () => {
  let model: ModelCopy;
  beforeEach(() => (model = new ModelCopy('colour')));
  afterEach(() => model.remove());

  it('says what a good folder would serve', async () => {
    model.write('warmup.png', await plain('green'));
    model.change(manifest => (manifest['warmup'] = { image: 'warmup.png', label: 'green' }));
    const { status, stdout } = runToEnd({ GUARDIAN_MODEL_VERSION: '3' }, '--check', model.folder);
    assert.equal(status, 0);
    for (const expected of [
      /^colour:3 is good to serve\.$/m,
      /digest +[0-9a-f]{64}/,
      /input +image: float32 \[N, 3, 32, 32\], RGB, stretch \(bilinear\)/,
      /output +logits: float32 \[N, 3\]/,
      /answers +red, green, blue \(softmax\)/,
      /warm-up +warmup\.png is answered as expected/,
    ])
      assert.match(stdout, expected);
  });

  it('says why a bad one would be refused', () => {
    model.change(manifest => (manifest['labels'] = ['a', 'b']));
    const { status, stdout, stderr } = runToEnd({}, '--check', model.folder);
    assert.equal(status, 1);
    assert.equal(stdout, '');
    assert.match(stderr, /gives 3 values an image, but the manifest has 2 labels/);
    assert.doesNotMatch(stderr, /\n\s+at /);
  });

  it('verifies the digest that is given', () => {
    const { status, stderr } = runToEnd({ GUARDIAN_MODEL_DIGEST: 'a'.repeat(64) }, '--check', model.folder);
    assert.equal(status, 1);
    assert.match(stderr, /not those that were registered/);
  });

  it('is told apart from other words', () => {
    for (const words of [['--check'], ['serve'], ['--check', 'a', 'b']]) {
      const { status, stderr } = runToEnd({ AZUREML_MODEL_DIR: modelFolder('colour') }, ...words);
      assert.equal(status, 1);
      assert.match(stderr, /no command '.*'[^]*--check FOLDER/);
    }
    const { status, stdout } = runToEnd({}, '--help');
    assert.equal(status, 0);
    assert.match(stdout, /--check FOLDER/);
  });
});
