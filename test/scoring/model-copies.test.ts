import assert from 'node:assert/strict';
import { keepsAnswersApart } from './support/many-answers';
import { plain } from './support/pictures';
import { modelFolder, Runtime } from './support/runtime';

describe('a model that is loaded twice', () => {
  it('runs side by side: an image that takes long holds nobody up, and nothing is mixed up', async () => {
    const runtime = await Runtime.ready(modelFolder('slow-on-white'), { GUARDIAN_MODEL_COPIES: '2' });
    try {
      let slowIsDone = false;
      const slow = runtime.score(await plain('white'), 'image/png').then(answer => {
        slowIsDone = true;
        return answer;
      });
      const decoded = /^guardian_scoring_resize_duration_seconds_count\{.*\} 1$/m;
      while (!decoded.test(await (await runtime.get('/metrics')).text()));
      // A dark picture takes no turn of the model's loop.
      const dark = await runtime.score(await plain('black'), 'image/png');
      assert.equal(dark.status, 200);
      assert.equal(slowIsDone, false);
      assert.equal((await slow).status, 200);
    } finally {
      await runtime.stop();
    }
  });

  it('answers many at once as one copy does', async () => {
    const runtime = await Runtime.ready(modelFolder('colour'), { GUARDIAN_MODEL_COPIES: '3' });
    try {
      await keepsAnswersApart(runtime);
    } finally {
      await runtime.stop();
    }
  });
});
