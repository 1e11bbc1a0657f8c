import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { keepsAnswersApart } from './support/many-answers';
import { plain } from './support/pictures';
import { body, imageFile, modelFolder, type Prediction, Runtime } from './support/runtime';

describe('scoring', () => {
  let runtime: Runtime;
  before(async () => (runtime = await Runtime.ready(modelFolder('colour'), { GUARDIAN_MODEL_VERSION: '7' })));
  after(() => runtime.stop());

  for (const format of ['jpeg', 'png', 'webp'] as const) {
    it(`answers ${format} bytes with label and probabilities`, async () => {
      const answer = await runtime.score(await plain('green', format), `image/${format}`);
      assert.equal(answer.status, 200);
      const prediction = await body<Prediction>(answer);
      assert.equal(prediction.model, 'colour:7');
      assert.equal(prediction.label, 'green');
      // softmax over ten times the mean colour: (30, 220, 30) / 255
      const other = Math.exp(((30 - 220) / 255) * 10);
      assert.ok(Math.abs(prediction.probability - 1 / (1 + 2 * other)) < 1e-3, JSON.stringify(prediction));
      assert.deepEqual(Object.keys(prediction.probabilities), ['red', 'green', 'blue']);
      assert.equal(prediction.probabilities['green'], prediction.probability);
    });
  }

  it('takes bytes without a known type', async () => {
    const answer = await runtime.score(await plain('blue', 'jpeg'), 'application/octet-stream');
    assert.equal((await body<Prediction>(answer)).label, 'blue');
  });

  it('takes JSON with a base64 image, also as a data URL', async () => {
    const base64 = (await plain('red')).toString('base64');
    for (const image of [base64, `data:image/png;base64,${base64}`, base64.replace(/.{76}/g, '$&\n')]) {
      const answer = await runtime.score({ image });
      assert.equal((await body<Prediction>(answer)).label, 'red');
    }
  });

  it('answers a list of images in its order', async () => {
    const names = ['blue', 'red', 'green', 'green', 'red'] as const;
    const images = await Promise.all(names.map(async name => (await plain(name)).toString('base64')));
    const { predictions } = await body<{ predictions: Prediction[] }>(await runtime.score({ images }));
    assert.deepEqual(
      predictions.map(({ label }) => label),
      names,
    );
  });

  it('keeps answers apart under concurrency', async () => {
    await keepsAnswersApart(runtime);
  });

  it('scores a photograph', async () => {
    const answer = await runtime.score(readFileSync(imageFile('cat.jpg')), 'image/jpeg');
    assert.equal((await body<Prediction>(answer)).label, 'red');
  });
});

describe('models of other kinds', () => {
  for (const [model, picture, expected] of [
    ['single', 'blue', { label: 'blue' }],
    ['bgr-nhwc', 'red', { label: 'red' }],
    ['sigmoid', 'red', { label: 'red' }],
    ['sigmoid', 'green', { label: 'other' }],
  ] as const) {
    it(`${model} says ${expected.label} to ${picture}`, async () => {
      const runtime = await Runtime.ready(modelFolder(model), { GUARDIAN_MODEL_NAME: 'registered' });
      try {
        const image = (await plain(picture)).toString('base64');
        const answer = await runtime.score({ images: [image, image, image] });
        const { predictions } = await body<{ predictions: Prediction[] }>(answer);
        assert.equal(predictions.length, 3);
        for (const { label, model: name, probabilities } of predictions) {
          assert.equal(label, expected.label);
          assert.equal(name, 'registered');
          assert.ok(Object.values(probabilities).every(value => value >= 0 && value <= 1));
        }
      } finally {
        await runtime.stop();
      }
    });
  }
});
