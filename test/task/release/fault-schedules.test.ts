import assert from 'node:assert/strict';
import type { FaultRule } from '../../../local/azure/faults/fault-rule';
import { log } from '../outcome';
import { ReleaseCloud } from './release-cloud';

/** A number from 0 to 1 for each call, the same ones for the same seed (mulberry32). */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** What may happen to any request, also after the service has done what it was asked. */
const requestFaults: FaultRule['fault'][] = [
  { type: 'status', status: 429, retryAfterSeconds: 0 },
  { type: 'status', status: 503 },
  { type: 'status', status: 500, handled: true },
  { type: 'reset' },
  { type: 'reset', handled: true },
];

/** How many schedules there are, and from which seed on: GUARDIAN_SCHEDULES=500 GUARDIAN_SEED=1. */
const schedules = Number(process.env['GUARDIAN_SCHEDULES'] ?? (process.env['GUARDIAN_NIGHTLY'] ? '500' : '2'));
const firstSeed = Number(process.env['GUARDIAN_SEED'] ?? '1');

describe('releases under random faults', function () {
  this.timeout(300_000);
  let cloud: ReleaseCloud;

  before(async () => {
    cloud = await ReleaseCloud.start();
    assert.equal((await cloud.deploy('1', {}, { build: '1' })).result, 'Succeeded');
    // The router hears of the first traffic a moment later.
    for (let answered = 0; answered === 0;) {
      const callers = await cloud.callers();
      await callers.stop(1);
      answered = callers.answered;
    }
  });
  after(() => cloud.stop());

  for (let seed = firstSeed; seed < firstSeed + schedules; seed++) {
    it(`schedule ${seed}: the champion serves, traffic sums to 100, and a quiet run leaves nothing over`, async () => {
      const random = randomNumbers(seed);
      const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)]!;
      const faults: FaultRule[] = requestFaults.map((fault, at) => ({
        plane: 'arm',
        fault,
        probability: 0.03,
        seed: seed * 10 + at,
      }));
      if (random() < 0.3) {
        const path = pick(['onlineEndpoints/letters-endpoint', 'onlineEndpoints/letters-endpoint/deployments/*']);
        const fault = { type: 'operation', code: 'InternalServerError', message: 'by chance' } as const;
        faults.push({ plane: 'arm', method: 'PUT', path, first: 1, fault });
      }
      const killAt = random() < 0.5 ? 1 + Math.floor(random() * 5) : Infinity;
      const steps = Array.from({ length: 2 }, () => pick(['allAtOnce', 'challenger', 'promote', 'abort', 'rollback']));
      const story: string[] = [];
      const callers = await cloud.callers();
      for (const [at, step] of steps.entries()) {
        let kill = (): void => undefined;
        cloud.writes.length = 0;
        cloud.afterWrite = count => {
          if (count === killAt) kill();
        };
        const rules = faults.map(rule => cloud.test.cloud.faults.add(rule));
        const options = { build: `${seed}${at}`, onStart: (how: () => void) => (kill = how) };
        const run = await (step === 'rollback'
          ? cloud.rollback({}, options)
          : step === 'promote' || step === 'abort'
            ? cloud.deploy('1', { action: step }, options)
            : cloud.deploy(pick(['1', '2', '3']), { strategy: step }, options));
        cloud.afterWrite = () => undefined;
        rules.forEach(({ id }) => cloud.test.cloud.faults.delete(id));
        story.push(`${step} ${run.result}\n${log(run)}`);
        const live = Object.values(await cloud.traffic());
        assert.equal(
          live.reduce((sum, share) => sum + share, 0),
          100,
          story.join('\n'),
        );
      }
      await callers.stop();
      assert.deepEqual(callers.failures, [], story.join('\n'));

      // What a killed run has begun is its own as long as Azure is at it.
      await cloud.settled();
      const quiet = await cloud.deploy('1', { keepPrevious: 'false' }, { build: `${seed}9` });
      const told = [...story, log(quiet)].join('\n');
      assert.equal(quiet.result, 'Succeeded', told);
      assert.deepEqual(await cloud.traffic(), { 1: 100 }, told);
      assert.deepEqual(
        (await cloud.roles()).map(role => role.split(' ').slice(0, 2).join(' ')),
        ['1 champion'],
        told,
      );
    });
  }
});
