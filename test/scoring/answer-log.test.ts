import assert from 'node:assert/strict';
import { plain } from './support/pictures';
import { modelFolder, Runtime } from './support/runtime';

describe('the log', () => {
  it('tells good answers in the share that is asked for, with their request id', async () => {
    const runtime = await Runtime.ready(modelFolder('colour'), { GUARDIAN_LOG_SAMPLE_RATE: '1' });
    try {
      await runtime.score(await plain('red'), 'image/png', { 'x-request-id': 'seen' });
      const line = await runtime.line('answered', { requestId: 'seen' });
      assert.deepEqual([line['status'], line['method'], line['url']], [200, 'POST', '/score']);
      await runtime.get('/ready');
      await runtime.score(Buffer.from('x'), 'image/png', { 'x-request-id': 'last' });
      await runtime.line('answered', { requestId: 'last' });
      assert.ok(!runtime.log.some(({ url }) => url === '/ready'));
    } finally {
      await runtime.stop();
    }
  });
});
