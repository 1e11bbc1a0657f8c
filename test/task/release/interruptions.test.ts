import assert from 'node:assert/strict';
import type { TaskRun } from '../../../local/agent/run-task';
import { log, succeeded } from '../outcome';
import { ReleaseCloud, type TaskOptions } from './release-cloud';

/** How many of each task's writes are tried in a usual run; `npm run test:nightly` tries them all. */
const most = process.env['GUARDIAN_NIGHTLY'] ? Infinity : 1;

describe('releases that are killed, or run two at a time', function () {
  this.timeout(process.env['GUARDIAN_NIGHTLY'] ? 3_600_000 : 300_000);
  let cloud: ReleaseCloud;
  let build = 100;

  before(async () => {
    cloud = await ReleaseCloud.start();
    succeeded(await cloud.deploy('1'));
    succeeded(await cloud.deploy('2'));
  });
  after(() => cloud.stop());

  /** Runs a task that is killed as soon as its write `at` was answered. @returns whether it was */
  async function killedAt(at: number, run: (o: TaskOptions) => Promise<TaskRun>): Promise<boolean> {
    let kill = (): void => undefined;
    cloud.writes.length = 0;
    cloud.afterWrite = count => {
      if (count === at) kill();
    };
    const { result } = await run({ build: String(build), onStart: how => (kill = how) });
    cloud.afterWrite = () => undefined;
    return result !== 'Succeeded';
  }

  it('a rollback killed after any write ends as an unbroken one when it runs again', async () => {
    for (let at = 1; at <= most; at++) {
      build += 1;
      succeeded(await cloud.deploy('2', {}, { build: String(build) }));
      build += 1;
      // A removed deployment has to be made again: that is a write more.
      await cloud.remove('1');
      const back = (o: TaskOptions): Promise<TaskRun> => cloud.rollback({ to: 'letters:1' }, o);
      const wasKilled = await killedAt(at, back);
      const what = `killed after ${cloud.writes[at - 1] ?? 'nothing'}`;
      if (wasKilled) succeeded(await back({ build: String(build) }));
      assert.deepEqual(await cloud.traffic(), { 1: 100 }, what);
      assert.deepEqual(await cloud.roles(), ['1 champion', '2 previous wrong letters'], what);
      if (!wasKilled) {
        assert.ok(at > 4, 'deployment, traffic, model and two roles are writes');
        break;
      }
    }
  });

  it('a deployment killed after any write ends as an unbroken one when it runs again, and nothing is left over', async () => {
    for (let at = 1; at <= most; at++) {
      build += 1;
      succeeded(await cloud.deploy('1', { keepPrevious: 'false' }, { build: String(build) }));
      build += 1;
      const forth = (o: TaskOptions): Promise<TaskRun> => cloud.deploy('3', {}, o);
      const wasKilled = await killedAt(at, forth);
      const what = `killed after ${cloud.writes[at - 1] ?? 'nothing'}`;
      if (wasKilled) {
        assert.equal(
          Object.values(await cloud.traffic()).reduce((sum, share) => sum + share, 0),
          100,
          what,
        );
        succeeded(await forth({ build: String(build) }));
      }
      assert.deepEqual(await cloud.traffic(), { 3: 100 }, what);
      assert.deepEqual(await cloud.roles(), ['1 previous', '3 champion'], what);
      if (!wasKilled) break;
    }
  });

  it('two rollbacks at once: live traffic goes back once', async () => {
    succeeded(await cloud.deploy('1', { keepPrevious: 'false' }, { build: '900' }));
    succeeded(await cloud.deploy('2', {}, { build: '901' }));
    const runs = await Promise.all(['902', '903'].map(id => cloud.rollback({ to: 'letters:1' }, { build: id })));
    assert.ok(
      runs.some(run => run.result === 'Succeeded'),
      runs.map(log).join('\n----\n'),
    );
    for (const run of runs.filter(one => one.result !== 'Succeeded'))
      assert.match(log(run), /Somebody else has changed/);
    assert.deepEqual(await cloud.traffic(), { 1: 100 });
    assert.deepEqual(await cloud.roles(), ['1 champion', '2 previous wrong letters']);
  });

  it('a thousand calls in flight over a trial, its promotion and a rollback: none fails', async () => {
    succeeded(await cloud.deploy('1', { keepPrevious: 'false' }, { build: '910' }));
    const callers = await cloud.callers();
    const trial = { strategy: 'challenger', challengerTraffic: '30' };
    succeeded(await cloud.deploy('2', trial, { build: '911' }));
    succeeded(await cloud.deploy('2', { action: 'abort' }, { build: '912' }));
    succeeded(await cloud.deploy('3', trial, { build: '913' }));
    succeeded(await cloud.deploy('3', { action: 'promote' }, { build: '914' }));
    succeeded(await cloud.rollback({}, { build: '915' }));
    await callers.stop(1000);
    assert.deepEqual(callers.failures, []);
    assert.ok(callers.answered >= 1000);
    assert.deepEqual(await cloud.traffic(), { 1: 100 });
  });
});
