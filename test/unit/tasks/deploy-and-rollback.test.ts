import assert from 'node:assert/strict';
import { join } from 'node:path';
import { RestError } from '@azure/core-rest-pipeline';
import { abort } from '../../../tasks/DeployOnlineEndpoint/abort';
import { deploy } from '../../../tasks/DeployOnlineEndpoint/deploy';
import type { DeployInputs, PromoteInputs } from '../../../tasks/DeployOnlineEndpoint/inputs';
import { promote } from '../../../tasks/DeployOnlineEndpoint/promote';
import type { RollbackInputs } from '../../../tasks/Rollback/inputs';
import type { RollbackTo } from '../../../lib/release/rollback-plan';
import { rollback } from '../../../tasks/Rollback/rollback';
import { FakeAzure, fakeHost } from './deploy-fake-azure';
import { deployInputs, target } from './deploy-inputs-fixture';

describe('deploy, promote, abort and roll back', () => {
  let azure: FakeAzure;
  let host: ReturnType<typeof fakeHost>;
  beforeEach(() => {
    azure = new FakeAzure();
    azure.environments.add('own-runtime:1');
    host = fakeHost();
  });

  const runtime = join(__dirname, 'none');
  const deployed = async (version: string, change: Partial<DeployInputs> = {}): Promise<string> => {
    await deploy(deployInputs({ modelVersion: version, ...change }), azure.workspace, runtime, host);
    return host.outputs.deploymentName ?? '';
  };
  const challenge = (version: string, share = 10): Promise<string> =>
    deployed(version, { strategy: 'challenger', challengerTraffic: share });
  const promoted = (change: Partial<PromoteInputs> = {}) =>
    promote(
      { action: 'promote', ...target, instanceCount: undefined, keepPrevious: true, ...change },
      azure.workspace,
      host,
    );
  const to = (where: RollbackTo) => new Map([[target.endpointName, where]]);
  const rolledBack = (change: Partial<RollbackInputs> = {}, run = fakeHost({ 'Build.BuildId': '99' })) =>
    rollback(
      {
        ...target,
        endpoints: new Map([[target.endpointName, 'previous']]),
        drill: false,
        reason: 'too many false alarms',
        config: undefined,
        ...change,
      },
      azure.workspace,
      run,
    ).then(() => run);

  it('makes the first version champion with 3 instances, even as a challenger', async () => {
    const first = await challenge('1');
    assert.match(first, /^m1-[0-9a-f]{8}$/);
    assert.deepEqual(azure.traffic, { [first]: 100 });
    assert.equal(azure.role(first), 'champion');
    assert.equal(azure.deployments.get(first)?.sku.capacity, 3);
    assert.equal(azure.endpoint?.tags['guardian.revision'], '1');
    assert.equal(azure.endpoint.tags['guardian.revision.1'], `${first}=100`);
    assert.deepEqual(host.outputs, {
      scoringUri: 'https://127.0.0.1:1/score',
      swaggerUri: '',
      endpointName: 'nsfw-detector-endpoint',
      deploymentName: first,
      modelVersion: '1',
      revision: '1',
      previousRevision: '0',
      traffic: JSON.stringify({ [first]: 100 }),
    });
    assert.match(
      host.summaries[0] ?? '',
      new RegExp(`${first} \\| nsfw-detector:1 \\| champion \\| 3 \\| 0 % \\| 100 %`),
    );
    assert.match(host.records[0] ?? '', /"digest": "d1"/);
  });

  it('writes nothing when the same content is deployed again', async () => {
    await deployed('1');
    azure.writes = [];
    assert.match(
      (await deploy(deployInputs({ modelVersion: '1' }), azure.workspace, runtime, host)).message,
      /unchanged/,
    );
    assert.deepEqual(azure.writes, []);
    assert.equal(host.outputs.revision, '1');
  });

  it('all at once: traffic moves whole, the old champion stays warm, older ones of ours go, others stay', async () => {
    const first = await deployed('1');
    azure.deployments.set('blue', {
      name: 'blue',
      tags: {},
      sku: { capacity: 1 },
      properties: { provisioningState: 'Succeeded' },
    });
    const second = await deployed('2');
    assert.equal(azure.role(first), 'previous');
    const third = await deployed('latest');
    assert.match(third, /^m3-/);
    assert.deepEqual(azure.traffic, { [third]: 100 });
    assert.deepEqual([...azure.deployments.keys()].sort(), ['blue', second, third].sort());
    assert.equal(azure.role(second), 'previous');
  });

  it('keeps no previous champion when told so', async () => {
    await deployed('1');
    const second = await deployed('2', { keepPrevious: false });
    assert.deepEqual([...azure.deployments.keys()], [second]);
  });

  it('challenger: one instance, its share, and promote makes it as large as the champion before it moves', async () => {
    const first = await deployed('1');
    const second = await challenge('2');
    assert.deepEqual(azure.traffic, { [first]: 90, [second]: 10 });
    assert.equal(azure.role(second), 'challenger');
    assert.equal(azure.deployments.get(second)?.sku.capacity, 1);
    azure.writes = [];
    await promoted();
    assert.deepEqual(azure.writes, [
      `patch ${second} x3`,
      `traffic ${JSON.stringify({ [second]: 100 })}`,
      `patch ${first}`,
      `patch ${second}`,
    ]);
    assert.deepEqual([azure.role(first), azure.role(second)], ['previous', 'champion']);
    assert.equal(host.outputs.revision, '3');
    assert.equal(host.outputs.previousRevision, '2');
    azure.writes = [];
    await promoted();
    assert.deepEqual(azure.writes, [], 'a retry of the same run changes nothing');
    const other = promote(
      { action: 'promote', ...target, instanceCount: undefined, keepPrevious: true },
      azure.workspace,
      fakeHost({ 'Build.BuildId': '58' }),
    );
    await assert.rejects(other, /no challenger to promote/);
  });

  it('a new challenger replaces the one on trial', async () => {
    const first = await deployed('1');
    const second = await challenge('2');
    const third = await challenge('3', 20);
    assert.deepEqual(azure.traffic, { [first]: 80, [third]: 20 });
    assert.ok(!azure.deployments.has(second));
  });

  it('the champion does not challenge itself', async () => {
    const first = await deployed('1');
    azure.writes = [];
    await challenge('1');
    assert.deepEqual(azure.traffic, { [first]: 100 });
    assert.deepEqual(azure.writes, []);
  });

  it('abort gives the share back and removes the challenger; a second one does nothing', async () => {
    const first = await deployed('1');
    const second = await challenge('2');
    await abort({ action: 'abort', ...target }, azure.workspace, host);
    assert.deepEqual(azure.traffic, { [first]: 100 });
    assert.ok(!azure.deployments.has(second));
    azure.writes = [];
    assert.match((await abort({ action: 'abort', ...target }, azure.workspace, host)).message, /nothing to abort/);
    assert.deepEqual(azure.writes, []);
  });

  it('carries what a traffic change is not about: mirror, identity, description, tags of others', async () => {
    await deployed('1');
    azure.deployments.set('shadow', {
      name: 'shadow',
      tags: {},
      sku: { capacity: 1 },
      properties: { provisioningState: 'Succeeded' },
    });
    assert.ok(azure.endpoint);
    azure.endpoint.properties.mirrorTraffic = { shadow: 20 };
    azure.endpoint.properties.description = 'ours';
    azure.endpoint.tags.team = 'moderation';
    azure.endpoint.identity = { type: 'SystemAssigned', principalId: 'p', tenantId: 't' };
    await deployed('2');
    assert.deepEqual(azure.endpoint.properties.mirrorTraffic, { shadow: 20 });
    assert.equal(azure.endpoint.properties.description, 'ours');
    assert.equal(azure.endpoint.tags.team, 'moderation');
    assert.deepEqual(azure.endpoint.identity, { type: 'SystemAssigned' });
  });

  it('waits while another operation runs on the endpoint', async () => {
    await deployed('1');
    let busy = 3;
    azure.beforePut = () => {
      if (busy-- > 0) throw new RestError('another operation runs', { statusCode: 409 });
    };
    const second = await deployed('2');
    assert.deepEqual(azure.traffic, { [second]: 100 });
    assert.equal(host.lines.filter(line => line.includes('busy')).length, 3);
  });

  it('stops when somebody else changed the traffic meanwhile, with expected and found', async () => {
    const first = await deployed('1');
    const second = await challenge('2');
    azure.beforePut = () => {
      // The other client's change lands while ours waits for the endpoint to be free.
      assert.ok(azure.endpoint);
      azure.endpoint.properties.traffic = { [first]: 50, [second]: 50 };
      azure.beforePut = () => undefined;
      throw new RestError('another operation runs', { statusCode: 409 });
    };
    await assert.rejects(
      deployed('3'),
      new RegExp(`expected ${first} 90 %, ${second} 10 %, found ${first} 50 %, ${second} 50 %`),
    );
    assert.deepEqual(azure.traffic, { [first]: 50, [second]: 50 });
  });

  it('explains a failed deployment and takes it away, live traffic untouched', async () => {
    const first = await deployed('1');
    azure.failing.set('*', 'ResourceNotReady');
    await assert.rejects(deployed('2'), (error: Error) => {
      assert.match(error.message, /failed \(ResourceNotReady\): User container has crashed/);
      assert.match(error.message, /Likely cause: the container ended, or did not answer its probes/);
      assert.match(error.message, /was removed again; live traffic was not touched/);
      return true;
    });
    assert.ok(host.lines.includes('Traceback: no model'));
    assert.deepEqual([...azure.deployments.keys()], [first]);
    assert.deepEqual(azure.traffic, { [first]: 100 });
  });

  it('says everything that is wrong before it creates anything', async () => {
    const inputs = deployInputs({
      modelName: 'nsfw-Detector',
      environment: 'azureml:own-runtime:9',
      smokeTestFile: '/nowhere/x.jpg',
    });
    await assert.rejects(deploy(inputs, azure.workspace, runtime, host), (error: Error) => {
      assert.match(error.message, /3 things are in the way/);
      assert.match(error.message, /There is 'nsfw-detector': names are case-sensitive/);
      assert.match(error.message, /no environment 'own-runtime' version 9/);
      assert.match(error.message, /smoke test file \/nowhere\/x.jpg cannot be read \(ENOENT\)/);
      return true;
    });
    assert.deepEqual(azure.writes, []);
  });

  it('what if: says what it would do and writes nothing', async () => {
    const first = await deployed('1');
    azure.writes = [];
    await deploy(deployInputs({ strategy: 'challenger', whatIf: true }), azure.workspace, runtime, host);
    assert.match(
      host.lines.join('\n'),
      new RegExp(`create deployment m3-\\w+: 1 x Standard_DS3_v2\n- change live traffic from ${first} 100 %`),
    );
    await promoted({ whatIf: true }).catch(() => undefined);
    await rolledBack({ whatIf: true }).catch(() => undefined);
    assert.deepEqual(azure.writes, []);
  });

  it('rolls a trial back with one traffic write, marks what it took out, and does not do it twice', async () => {
    const first = await deployed('1');
    const second = await challenge('2');
    azure.writes = [];
    const run = await rolledBack();
    assert.equal(azure.writes[0], `traffic ${JSON.stringify({ [first]: 100 })}`);
    assert.deepEqual(azure.writes.slice(1), [`patch ${second}`]);
    assert.equal(azure.endpoint?.tags['guardian.revision'], '3');
    assert.equal(azure.endpoint.tags['guardian.rollback.reason'], 'too many false alarms');
    assert.equal(azure.endpoint.tags['guardian.rollback.from'], `${first}=90,${second}=10`);
    assert.equal(azure.deployments.get(second)?.tags['guardian.rejected'], 'too many false alarms');
    assert.equal(azure.role(second), 'previous');
    assert.equal(azure.models.get('nsfw-detector:2')?.tags['guardian.rejected'], 'too many false alarms');
    assert.deepEqual(JSON.parse(run.outputs.endpoints ?? ''), {
      'nsfw-detector-endpoint': { revision: 3, traffic: { [first]: 100 }, deployment: first, modelVersion: '1' },
    });

    azure.writes = [];
    await rolledBack({}, fakeHost({ 'Build.BuildId': '99' }));
    assert.deepEqual(azure.writes, [], 'a retry in the same run changes nothing');
    await assert.rejects(rolledBack({}, fakeHost({ 'Build.BuildId': '100' })), /no earlier revision to go back to/);
    assert.deepEqual(azure.writes, []);
  });

  it('goes back to a numbered revision, and that lifts the rejection', async () => {
    const first = await deployed('1');
    const second = await deployed('2');
    await rolledBack();
    assert.deepEqual(azure.traffic, { [first]: 100 });
    await rolledBack({ endpoints: to(2), reason: 'it was the camera' }, fakeHost({ 'Build.BuildId': '101' }));
    assert.deepEqual(azure.traffic, { [second]: 100 });
    assert.equal(azure.models.get('nsfw-detector:2')?.tags['guardian.rejected'], '');
    assert.equal(azure.models.get('nsfw-detector:1')?.tags['guardian.rejected'], 'it was the camera');
    assert.deepEqual([azure.role(first), azure.role(second)], ['previous', 'champion']);
  });

  it('makes a deployment that is gone again as it was, and then moves the traffic', async () => {
    const first = await deployed('1');
    const made = structuredClone(azure.deployments.get(first));
    await deployed('2', { keepPrevious: false });
    assert.ok(!azure.deployments.has(first));
    azure.writes = [];
    await rolledBack({ endpoints: to({ model: 'nsfw-detector', version: '1' }) });
    assert.deepEqual(azure.writes.slice(0, 2), [`create ${first} x3`, `traffic ${JSON.stringify({ [first]: 100 })}`]);
    assert.deepEqual(azure.deployments.get(first)?.properties, made?.properties);
    assert.equal(azure.role(first), 'champion');
    assert.equal(azure.deployments.get(first)?.tags['guardian.digest'], 'd1');
  });

  it('refuses when it cannot be made again as it was, and changes nothing', async () => {
    await deployed('1');
    await deployed('2', { keepPrevious: false });
    azure.writes = [];
    azure.models.set('nsfw-detector:1', { tags: { 'guardian.digest': 'other' } });
    await assert.rejects(
      rolledBack(),
      /cannot go back to revision 1 .* model nsfw-detector:1 is no longer what it was/,
    );
    azure.models.delete('nsfw-detector:1');
    await assert.rejects(rolledBack(), /no longer exists and cannot be made again: model nsfw-detector:1 is gone/);
    assert.deepEqual(azure.writes, []);
  });

  it('finishes what a rollback that was killed after its change of traffic has left, and goes back no further', async () => {
    await deployed('1');
    const second = await deployed('2');
    const third = await deployed('3');
    let writes = 0;
    azure.beforePut = () => {
      writes++;
    };
    await rolledBack({}, fakeHost());
    delete azure.deployments.get(third)?.tags['guardian.rejected'];
    azure.models.get('nsfw-detector:3')!.tags['guardian.rejected'] = '';
    const run = await rolledBack({ reason: 'a later try' }, fakeHost());
    assert.deepEqual(azure.traffic, { [second]: 100 });
    assert.equal(writes, 1);
    assert.equal(azure.deployments.get(third)?.tags['guardian.rejected'], 'too many false alarms');
    assert.equal(azure.models.get('nsfw-detector:3')?.tags['guardian.rejected'], 'too many false alarms');
    assert.match(run.records[0] ?? '', /"backTo": 2/);
  });

  it('a drill writes the endpoint once and leaves live traffic and deployments as they are', async () => {
    await deployed('1');
    const second = await deployed('2', { keepPrevious: false });
    azure.writes = [];
    const run = await rolledBack({ drill: true });
    assert.deepEqual(azure.traffic, { [second]: 100 });
    assert.deepEqual([...azure.deployments.keys()], [second]);
    assert.equal(azure.endpoint?.tags['guardian.revision'], '2');
    assert.match(run.outputs.secondsToRestore ?? '', /^[\d.]+$/);
  });
});
