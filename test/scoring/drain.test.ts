import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { plain } from './support/pictures';
import { SlowRequest } from './support/slow-request';
import { body, modelFolder, type Prediction, Runtime } from './support/runtime';

/** The port closes a moment after the log says so. */
async function refusesConnections(runtime: Runtime): Promise<void> {
  const socket = connect(runtime.port, '127.0.0.1');
  const [error] = (await Promise.race([once(socket, 'error'), once(socket, 'connect')])) as [Error?];
  socket.destroy();
  if (!error) return refusesConnections(runtime);
  assert.match(String(error), /ECONNREFUSED|ECONNRESET/);
}

describe('shutting down', () => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    it(`on ${signal} finishes what is in flight, takes no new connection, and exits 0`, async () => {
      const runtime = await Runtime.ready(modelFolder('colour'), { GUARDIAN_DRAIN_DELAY_MS: '0' });
      try {
        const inside = await SlowRequest.begin(runtime, await plain('green'));
        runtime.signal(signal);
        await runtime.line('draining');
        await refusesConnections(runtime);
        const answer = await inside.finish();
        assert.match(answer, /^HTTP\/1\.1 200 [^]*"label":"green"/);
        assert.equal(await runtime.exit(), 0);
        await runtime.line('stopped');
      } finally {
        await runtime.stop();
      }
    });
  }

  it('is seen by a probe that comes on a connection that is open, and closes it', async () => {
    const runtime = await Runtime.ready(modelFolder('colour'));
    const socket = connect(runtime.port, '127.0.0.1');
    try {
      // A request that has begun keeps its connection open; the answer to /live says that the server has seen it.
      socket.write('GET /ready HTTP/1.1\r\nhost: local');
      await runtime.get('/live');
      const inside = await SlowRequest.begin(runtime, await plain('green'));
      runtime.signal('SIGTERM');
      await runtime.line('draining');
      socket.write('host\r\n\r\n');
      const answer = await text(socket);
      assert.match(answer, /^HTTP\/1\.1 503 /);
      assert.match(answer, /^connection: close\r$/im);
      assert.match(answer, /"status":"draining"/);
      assert.match(await inside.finish(), /^HTTP\/1\.1 200 /);
      assert.equal(await runtime.exit(), 0);
    } finally {
      socket.destroy();
      await runtime.stop();
    }
  });

  it('does not wait for ever for a client that never finishes', async () => {
    const runtime = await Runtime.ready(modelFolder('colour'), {
      GUARDIAN_DRAIN_DELAY_MS: '0',
      GUARDIAN_DRAIN_TIMEOUT_SECONDS: '0',
    });
    try {
      await SlowRequest.begin(runtime, await plain('green'));
      runtime.signal('SIGTERM');
      assert.equal(await runtime.exit(), 1);
      await runtime.line(/cut off/);
    } finally {
      await runtime.stop();
    }
  });

  it('does not wait for a run of the model that takes too long, nor is the process aborted', async () => {
    const runtime = await Runtime.ready(modelFolder('slow-on-white'), {
      GUARDIAN_DRAIN_DELAY_MS: '0',
      GUARDIAN_DRAIN_TIMEOUT_SECONDS: '0',
    });
    try {
      const answer = runtime.score(await plain('white'), 'image/png');
      const decoded = /^guardian_scoring_resize_duration_seconds_count\{.*\} 1$/m;
      while (!decoded.test(await (await runtime.get('/metrics')).text()));
      runtime.signal('SIGTERM');
      await assert.rejects(answer);
      assert.equal(await runtime.exit(), 1);
      await runtime.line(/cut off/, { images: 1 });
    } finally {
      await runtime.stop();
    }
  });

  it('in the middle of load fails no request', async () => {
    const runtime = await Runtime.ready(modelFolder('colour'));
    try {
      const picture = await plain('blue', 'jpeg');
      let answered = 0;
      /** Goes on until an answer asks to hang up, as front ends do. */
      const client = async (): Promise<void> => {
        let last = false;
        while (!last) {
          const answer = await runtime.score(picture, 'image/jpeg');
          assert.equal(answer.status, 200);
          last = answer.headers.get('connection') === 'close';
          assert.equal((await body<Prediction>(answer)).label, 'blue');
          if (++answered === 50) runtime.signal('SIGTERM');
        }
      };
      await Promise.all(Array.from({ length: 16 }, client));
      assert.equal(await runtime.exit(), 0);
    } finally {
      await runtime.stop();
    }
  });

  it('still serves whoever comes during the delay, asks them to hang up, and is not ready', async () => {
    const runtime = await Runtime.ready(modelFolder('colour'), { GUARDIAN_DRAIN_DELAY_MS: '1000' });
    try {
      runtime.signal('SIGTERM');
      await runtime.line('draining');
      assert.equal((await runtime.get('/ready')).status, 503);
      const answer = await runtime.score(await plain('red'), 'image/png');
      assert.equal(answer.status, 200);
      assert.equal(answer.headers.get('connection'), 'close');
      assert.equal(await runtime.exit(), 0);
    } finally {
      await runtime.stop();
    }
  });

  it('works while the model is still being loaded', async () => {
    const runtime = await Runtime.start(modelFolder('colour'));
    runtime.signal('SIGTERM');
    assert.equal(await runtime.exit(), 0);
  });
});
