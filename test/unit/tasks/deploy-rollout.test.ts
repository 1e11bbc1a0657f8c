import assert from 'node:assert/strict';
import { join } from 'node:path';
import { parseGate, type Gate } from '../../../lib/release/gates';
import { deploy } from '../../../tasks/DeployOnlineEndpoint/deploy';
import type { DeployInputs } from '../../../tasks/DeployOnlineEndpoint/inputs';
import { promote } from '../../../tasks/DeployOnlineEndpoint/promote';
import { FakeAzure, fakeHost } from './deploy-fake-azure';
import { deployInputs, target } from './deploy-inputs-fixture';

type Analysis = DeployInputs['rollout']['analysis'];

describe('a gradual rollout', () => {
  let azure: FakeAzure;
  let host: ReturnType<typeof fakeHost>;
  let champion: string;

  beforeEach(async () => {
    azure = new FakeAzure();
    azure.environments.add('own-runtime:1');
    host = fakeHost();
    await run('1', { strategy: 'allAtOnce' });
    champion = host.outputs['deploymentName']!;
    host = fakeHost();
    azure.writes = [];
  });

  const gates = (...lines: string[]): Gate[] => lines.map(line => parseGate(line, ['champion']) as Gate);
  const analysis = (change: Partial<Analysis> = {}): Analysis => ({
    gates: gates('errorRate <= 1%'),
    minimumRequests: 0,
    onInconclusive: 'pause',
    dryRun: false,
    ...change,
  });
  function run(version: string, change: Partial<DeployInputs> = {}, rollout: Partial<DeployInputs['rollout']> = {}) {
    const inputs = deployInputs({
      modelVersion: version,
      strategy: 'canary',
      rollout: { steps: [5, 50, 100], bakeMinutes: 5, analysis: analysis(), onFailure: 'remove', ...rollout },
      ...change,
    });
    return deploy(inputs, azure.workspace, join(__dirname, 'none'), host);
  }
  const shares = () =>
    azure.writes.filter(write => write.startsWith('traffic')).map(write => JSON.parse(write.slice(8)) as object);
  const candidate = (): string => [...azure.deployments.keys()].find(name => name.startsWith('m2'))!;
  const healthy = () => ({ requests: 100, errors: 0, p95: 50 });

  it('goes up step by step while it is healthy, and ends as champion with the old one warm', async () => {
    azure.monitor = healthy;
    await run('2');
    const name = candidate();
    assert.deepEqual(shares(), [{ [champion]: 95, [name]: 5 }, { [champion]: 50, [name]: 50 }, { [name]: 100 }]);
    assert.equal(azure.role(name), 'champion');
    assert.equal(azure.role(champion), 'previous');
    assert.equal(azure.deployments.get(name)!.sku.capacity, 3);
    assert.match(host.summaries.join(), /\| 50 % \| errorRate .* \| pass \|/);
  });

  it('sends the traffic back at the first step that fails, and removes the new deployment', async () => {
    azure.monitor = name => ({ ...healthy(), errors: name.startsWith('m2') && shares().length === 2 ? 7 : 0 });
    await assert.rejects(run('2'), {
      errorCode: 'GuardianGateFailed',
      message:
        /did not pass at 50 %[\s\S]*errorRate is 0\.07, wanted <= 0\.01[\s\S]*Live traffic is back: m1-\w+ 100 %[\s\S]*removed again/,
    });
    assert.deepEqual(azure.traffic, { [champion]: 100 });
    assert.equal(candidate(), undefined);
    assert.equal(azure.role(champion), 'champion');
  });

  it('does not wait for the end of a step that two looks in a row have found bad', async () => {
    azure.monitor = name => ({ ...healthy(), errors: name.startsWith('m2') ? 50 : 0 });
    const minutes = async (bakeMinutes: number): Promise<number> => {
      const began = host.clock.now().getTime();
      await assert.rejects(run('2', {}, { bakeMinutes }), /did not pass at 5 %/);
      return (host.clock.now().getTime() - began) / 60_000;
    };
    assert.deepEqual([await minutes(60), await minutes(1.5), await minutes(0.5)], [2, 1.5, 0.5]);
  });

  it('takes one bad minute for chance', async () => {
    let looks = 0;
    azure.monitor = name => ({ ...healthy(), errors: name.startsWith('m2') && ++looks <= 2 ? 50 : 0 });
    await run('2');
    assert.deepEqual(azure.traffic, { [candidate()]: 100 });
  });

  it('keeps it without traffic when told so', async () => {
    azure.monitor = () => ({ requests: 10, errors: 10, p95: 1 });
    await assert.rejects(run('2', {}, { onFailure: 'keep' }), /Live traffic is back/);
    assert.equal(azure.role(candidate()), 'challenger');
    assert.deepEqual(azure.traffic, { [champion]: 100 });
  });

  it('stops where it is while too little is known, and can be promoted from there', async () => {
    azure.monitor = () => ({ requests: 3, errors: 0, p95: 1 });
    const outcome = await run('2', {}, { analysis: analysis({ minimumRequests: 20 }) });
    assert.equal(outcome.result, 'succeededWithIssues');
    assert.match(outcome.message, /stays on trial.*action: promote/);
    assert.deepEqual(azure.traffic, { [champion]: 95, [candidate()]: 5 });
    assert.match(host.lines.join('\n'), /3 requests reached m2-\w+, and 20 are needed to judge errorRate/);
    await promote(
      { action: 'promote', ...target, instanceCount: undefined, keepPrevious: true },
      azure.workspace,
      host,
    );
    assert.deepEqual(azure.traffic, { [candidate()]: 100 });
  });

  it('takes doubt for failure when told so, and for nothing when told so', async () => {
    await assert.rejects(run('2', {}, { analysis: analysis({ onInconclusive: 'fail' }) }), /Live traffic is back/);
    await run('2', {}, { analysis: analysis({ onInconclusive: 'continue' }) });
    assert.deepEqual(azure.traffic, { [candidate()]: 100 });
  });

  it('compares with the champion', async () => {
    azure.monitor = name => ({ ...healthy(), p95: name.startsWith('m2') ? 80 : 50 });
    await assert.rejects(
      run('2', {}, { analysis: analysis({ gates: gates('p95 <= champion + 20%') }) }),
      /p95 is 80, wanted <= 60 \(champion 50\)/,
    );
  });

  it('only measures in a dry run', async () => {
    azure.monitor = () => ({ requests: 10, errors: 10, p95: 1 });
    await run('2', {}, { analysis: analysis({ dryRun: true }) });
    assert.deepEqual(azure.traffic, { [candidate()]: 100 });
    assert.match(host.lines.join('\n'), /Dry run: Gate "errorRate <= 1%": fail/);
  });

  it('goes on from the share that a run that was stopped has left', async () => {
    azure.monitor = () => ({ requests: 0, errors: 0, p95: NaN });
    await run('2');
    azure.writes = [];
    azure.monitor = healthy;
    await run('2');
    const name = candidate();
    assert.deepEqual(shares(), [{ [champion]: 50, [name]: 50 }, { [name]: 100 }]);
  });

  describe('that waits for others', () => {
    const whenBusy = { kind: 'wait', minutes: 60 } as const;

    it('decides anew when somebody else was first', async () => {
      const other = structuredClone(azure.deployments.get(champion)!);
      host.progress = (_percent, what) => {
        if (what !== 'Moving traffic' || azure.deployments.has('other')) return;
        azure.deployments.set('other', { ...other, name: 'other', tags: {} });
        azure.endpoint!.properties.traffic = { [champion]: 60, other: 40 };
      };
      await run('2', { strategy: 'allAtOnce', whenBusy });
      assert.match(host.lines.join('\n'), /found m1-\w+ 60 %, other 40 %[\s\S]*looking again at what is there now/);
      assert.deepEqual(azure.traffic, { [candidate()]: 100 });
    });

    it('leaves it at that when somebody takes its own steps back', async () => {
      azure.monitor = name => {
        // As a rollback by hand does, in the middle of the first step.
        if (name.startsWith('m2')) azure.endpoint!.properties.traffic = { [champion]: 100 };
        return healthy();
      };
      await assert.rejects(run('2', { whenBusy }), { errorCode: 'GuardianConflict', message: /expected m1-\w+ 95 %/ });
      assert.deepEqual(azure.traffic, { [champion]: 100 });
      assert.equal(azure.writes.filter(write => write.startsWith('create m2')).length, 1);
    });
  });

  it('as blue/green moves all at once and still goes back', async () => {
    azure.monitor = name => ({ ...healthy(), errors: name.startsWith('m2') ? 50 : 0 });
    await assert.rejects(run('2', { strategy: 'blueGreen' }, { steps: [100] }), /did not pass at 100 %/);
    assert.equal(shares().length, 2);
    assert.deepEqual(azure.traffic, { [champion]: 100 });
  });

  it('makes the first deployment of an endpoint champion at once', async () => {
    azure = new FakeAzure();
    azure.environments.add('own-runtime:1');
    await run('2');
    assert.deepEqual(azure.traffic, { [candidate()]: 100 });
    assert.equal(azure.role(candidate()), 'champion');
  });

  it('tells its steps as a plan', async () => {
    await run('2', { whatIf: true });
    assert.match(
      host.lines.join('\n'),
      /give it 5 %, 50 %, 100 % of the live traffic, each for 5 min, as long as errorRate <= 1%/,
    );
    assert.deepEqual(azure.writes, []);
  });
});
