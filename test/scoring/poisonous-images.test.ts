import assert from 'node:assert/strict';
import { plain } from './support/pictures';
import { body, type Failure, modelFolder, type Prediction, Runtime } from './support/runtime';

describe('a poisonous image', () => {
  it('that cannot be decoded fails alone, beside good ones at the same time', async () => {
    const runtime = await Runtime.ready(modelFolder('colour'));
    try {
      const good = await plain('blue', 'jpeg');
      const bad = good.subarray(0, good.length - 40);
      const answers = await Promise.all(
        Array.from({ length: 48 }, (_, index) => runtime.score(index % 3 === 1 ? bad : good, 'image/jpeg')),
      );
      for (const [index, answer] of answers.entries()) {
        assert.equal(answer.status, index % 3 === 1 ? 400 : 200);
        if (answer.ok) assert.equal((await body<Prediction>(answer)).label, 'blue');
      }
    } finally {
      await runtime.stop();
    }
  });

  it('on which the model fails does not fail its batch mates', async () => {
    // A long delay makes sure that they share a batch: it goes when all eight are decoded.
    const runtime = await Runtime.ready(modelFolder('fails-on-white'), {
      GUARDIAN_MAX_BATCH_SIZE: '8',
      GUARDIAN_MAX_BATCH_DELAY_MS: '10000',
    });
    try {
      const [good, bad] = [await plain('green'), await plain('white')];
      const answers = await Promise.all(
        Array.from({ length: 8 }, (_, index) => runtime.score(index === 5 ? bad : good, 'image/png')),
      );
      for (const [index, answer] of answers.entries()) {
        assert.equal(answer.status, index === 5 ? 500 : 200);
        if (answer.ok) assert.equal((await body<Prediction>(answer)).label, 'green');
        else assert.equal((await body<Failure>(answer)).error.code, 'InferenceFailed');
      }
    } finally {
      await runtime.stop();
    }
  });
});
