import assert from 'node:assert/strict';
import { Batcher } from '../../scoring-runtime/src/batcher';

const never = new AbortController().signal;

/** A batcher whose runs wait until the test lets them go. */
function held(limits: { maxSize: number; maxDelayMilliseconds: number; runs?: number }) {
  const runs: { inputs: number[]; finish: () => void; fail: (error: Error) => void }[] = [];
  const sizes: number[] = [];
  const batcher = new Batcher<number, string>(
    { runs: 1, ...limits },
    inputs =>
      new Promise((resolve, reject) => runs.push({ inputs, finish: () => resolve(inputs.map(String)), fail: reject })),
    ({ size }) => sizes.push(size),
  );
  return { batcher, runs, sizes };
}

describe('batching', () => {
  it('lets an input go at once and alone when nothing runs', async () => {
    const { batcher, runs } = held({ maxSize: 8, maxDelayMilliseconds: 10_000 });
    const answer = batcher.submit(1, never);
    assert.deepEqual(runs[0]?.inputs, [1]);
    runs[0].finish();
    assert.equal(await answer, '1');
  });

  it('gathers what arrives while a batch runs, up to the largest size, in order', async () => {
    const { batcher, runs, sizes } = held({ maxSize: 3, maxDelayMilliseconds: 10_000 });
    const answers = [1, 2, 3, 4, 5].map(input => batcher.submit(input, never));
    assert.equal(batcher.queued, 4);
    runs[0]?.finish();
    await answers[0];
    await new Promise(setImmediate);
    assert.deepEqual(runs[1]?.inputs, [2, 3, 4]);
    runs[1].finish();
    await answers[3];
    await new Promise(setImmediate);
    assert.deepEqual(runs[2]?.inputs, [5]);
    runs[2].finish();
    assert.deepEqual(await Promise.all(answers), ['1', '2', '3', '4', '5']);
    assert.deepEqual(sizes, [1, 3, 1]);
  });

  it('shares what waits out among the runs that are free', async () => {
    const { batcher, runs } = held({ maxSize: 8, maxDelayMilliseconds: 10_000, runs: 2 });
    const answers = [1, 2, 3, 4, 5, 6, 7].map(input => batcher.submit(input, never));
    assert.deepEqual(
      runs.map(({ inputs }) => inputs),
      [[1], [2]],
    );
    runs[1]?.finish();
    await answers[1];
    await new Promise(setImmediate);
    assert.deepEqual(runs[2]?.inputs, [3, 4, 5, 6, 7]);
    assert.equal(batcher.queued, 0);

    const both = held({ maxSize: 8, maxDelayMilliseconds: 10_000, runs: 2 });
    const taken = both.batcher.expect();
    for (const input of [1, 2, 3]) void both.batcher.submit(input, never);
    assert.deepEqual(both.runs, []);
    taken();
    assert.deepEqual(
      both.runs.map(({ inputs }) => inputs),
      [[1, 2], [3]],
    );
  });

  it('holds a short batch back while more inputs are expected, and no longer', () => {
    const { batcher, runs } = held({ maxSize: 3, maxDelayMilliseconds: 10_000 });
    const arrived = [batcher.expect(), batcher.expect()];
    void batcher.submit(1, never);
    arrived[0]?.();
    arrived[0]?.();
    assert.equal(runs.length, 0);
    // The second one turned out to be no image: nothing is on its way any more.
    arrived[1]?.();
    assert.deepEqual(runs[0]?.inputs, [1]);
  });

  it('does not hold a full batch back', () => {
    const { batcher, runs } = held({ maxSize: 2, maxDelayMilliseconds: 10_000 });
    batcher.expect();
    void batcher.submit(1, never);
    void batcher.submit(2, never);
    assert.deepEqual(runs[0]?.inputs, [1, 2]);
  });

  it('holds nothing back longer than the delay', async () => {
    const { batcher, runs } = held({ maxSize: 2, maxDelayMilliseconds: 1 });
    batcher.expect();
    const answer = batcher.submit(1, never);
    while (runs.length === 0) await new Promise(setImmediate);
    runs[0]?.finish();
    assert.equal(await answer, '1');
  });

  it('does not compute what nobody waits for', async () => {
    const { batcher, runs } = held({ maxSize: 8, maxDelayMilliseconds: 0 });
    const first = batcher.submit(1, never);
    const left = new AbortController();
    const gone = batcher.submit(2, left.signal);
    const stays = batcher.submit(3, never);
    left.abort(new Error('left'));
    runs[0]?.finish();
    await first;
    await assert.rejects(gone, /left/);
    assert.deepEqual(runs[1]?.inputs, [3]);
    runs[1].finish();
    assert.equal(await stays, '3');
  });

  it('tells everybody when a run fails, and goes on', async () => {
    const { batcher, runs } = held({ maxSize: 8, maxDelayMilliseconds: 0 });
    const failing = batcher.submit(1, never);
    runs[0]?.fail(new Error('out of memory'));
    await assert.rejects(failing, /out of memory/);
    await new Promise(setImmediate);
    const next = batcher.submit(2, never);
    runs[1]?.finish();
    assert.equal(await next, '2');
  });
});
