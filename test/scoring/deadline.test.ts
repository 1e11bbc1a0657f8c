import assert from 'node:assert/strict';
import { plain } from './support/pictures';
import { body, type Failure, modelFolder, Runtime } from './support/runtime';

describe('an answer that takes too long', () => {
  it('is not waited for: 503, and the server goes on', async () => {
    const runtime = await Runtime.ready(modelFolder('colour'), { GUARDIAN_ANSWER_TIMEOUT_MS: '1' });
    try {
      const large = await plain('red', 'jpeg', 3000);
      const answer = await runtime.score(large, 'image/jpeg');
      assert.equal(answer.status, 503);
      assert.match(answer.headers.get('retry-after') ?? '', /^[1-9]\d*$/);
      const { error } = await body<Failure>(answer);
      assert.equal(error.code, 'DeadlineExceeded');
      assert.match(error.message, /within 1 ms/);
      const places = async () =>
        /^guardian_scoring_images_in_progress (\d+)$/m.exec(await (await runtime.get('/metrics')).text())?.[1];
      // The place is free when what was begun is over.
      while ((await places()) !== '0');
      assert.equal((await runtime.get('/ready')).status, 200);
    } finally {
      await runtime.stop();
    }
  });
});
