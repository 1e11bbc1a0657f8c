import assert from 'node:assert/strict';
import { send } from '../../../local/demo/azure-reader';
import { failed, log, succeeded } from '../outcome';
import { ReleaseCloud } from './release-cloud';

describe('Rollback on really running containers', function () {
  this.timeout(180_000);
  let cloud: ReleaseCloud;

  before(async () => {
    cloud = await ReleaseCloud.start();
    succeeded(await cloud.deploy('1', {}, { build: '11' }));
    succeeded(await cloud.deploy('2', {}, { build: '12' }));
  });
  after(() => cloud.stop());

  it('a drill says how long it takes and leaves live traffic, revision and deployments as they are', async () => {
    const [before, deployments] = [await cloud.tags(), await cloud.roles()];
    cloud.writes.length = 0;
    const run = succeeded(await cloud.rollback({ drill: 'true' }, { build: '20' }));
    assert.match(run.outputs['secondsToRestore'] ?? '', /^\d+(\.\d)?$/);
    assert.match(run.summaries.join(), /Live traffic was not changed. It would be back after [\d.]+ s/);
    assert.deepEqual(cloud.writes, ['PUT onlineEndpoints/letters-endpoint']);
    const { 'guardian.drill': drill, ...after } = await cloud.tags();
    assert.match(drill ?? '', /^2\S+Z [\d.]+ s 20$/);
    assert.deepEqual([after, await cloud.roles()], [before, deployments]);
    assert.deepEqual(await cloud.traffic(), { 2: 100 });
  });

  it('the fast path brings traffic back with one write, without a failed call, and tells who, why, from and to', async () => {
    const callers = await cloud.callers();
    cloud.writes.length = 0;
    const run = succeeded(await cloud.rollback({}, { build: '21', inDevOps: true }));
    await callers.stop();
    assert.equal(cloud.writes[0], 'PUT onlineEndpoints/letters-endpoint');
    assert.equal(cloud.writes.filter(write => write === 'PUT onlineEndpoints/letters-endpoint').length, 1);
    assert.deepEqual(callers.failures, []);
    assert.deepEqual(await cloud.traffic(), { 1: 100 });
    assert.deepEqual(await cloud.roles(), ['1 champion', '2 previous wrong letters']);
    assert.match(log(run), /letters-endpoint answers, 50 times in a row: m1-\w+ 50/);
    const tags = await cloud.tags();
    const [first = '', second = ''] = (await cloud.deployments()).map(({ name }) => name).sort();
    assert.deepEqual(
      ['reason', 'from', 'to', 'by'].map(key => tags[`guardian.rollback.${key}`]),
      ['wrong letters', `${second}=100`, '1', 'Grace Hopper'],
    );
    const { devops } = cloud.test.cloud;
    assert.deepEqual(devops.builds.get(21).tags, ['letters-endpoint-r3']);
    const reports = run.commands.filter(({ event }) => event === 'addattachment');
    assert.deepEqual(
      reports.map(({ properties }) => [properties['type'], properties['name']]),
      [['guardian-mlops.report', 'Rollback-Endpoint-letters-endpoint.json']],
    );
    const model = await cloud.azure.read<{ properties: { tags: Record<string, string> } }>('models/letters/versions/2');
    assert.equal(model.properties.tags['guardian.rejected'], 'wrong letters');
    assert.deepEqual(JSON.parse(run.outputs['endpoints'] ?? ''), {
      'letters-endpoint': { revision: 3, traffic: { [first]: 100 }, deployment: first, modelVersion: '1' },
    });
  });

  it('makes a deployment that is gone again from its record: same content, same name, ready before it gets traffic', async () => {
    const content = async (version: string): Promise<unknown> => {
      const name = (await cloud.deployments()).find(one => one.name.startsWith(`m${version}-`))?.name ?? '';
      const { sku, properties } = await cloud.azure.read<{ sku: object; properties: Record<string, unknown> }>(
        `onlineEndpoints/letters-endpoint/deployments/${name}`,
      );
      return { name, sku, properties: { ...properties, properties: undefined } };
    };
    const made = await content('2');
    const name = await cloud.remove('2');
    const callers = await cloud.callers();
    cloud.writes.length = 0;
    const run = succeeded(await cloud.rollback({ to: 'letters:2' }, { build: '22' }));
    await callers.stop();
    assert.deepEqual(cloud.writes.slice(0, 2), [
      `PUT onlineEndpoints/letters-endpoint/deployments/${name}`,
      'PUT onlineEndpoints/letters-endpoint',
    ]);
    assert.deepEqual(callers.failures, []);
    assert.deepEqual(await cloud.traffic(), { 2: 100 });
    assert.deepEqual(await content('2'), made);
    assert.match(log(run), new RegExp(`after ${name} has been made again from the record`));
    assert.deepEqual(await cloud.roles(), ['1 previous wrong letters', '2 champion']);
  });

  it('to a deployment, to a number; what is not there is answered with what is', async () => {
    const first = (await cloud.deployments()).find(({ name }) => name.startsWith('m1-'))?.name ?? '';
    succeeded(await cloud.rollback({ to: first }, { build: '23' }));
    assert.deepEqual(await cloud.traffic(), { 1: 100 });
    assert.match(
      failed(await cloud.rollback({ to: 'letters:9' }, { build: '24' })),
      /no deployment of model letters:9.*Deployed: m1-\w+ \(letters:1\)/,
    );
    succeeded(await cloud.rollback({ to: '2' }, { build: '25' }));
    assert.deepEqual(await cloud.traffic(), { 2: 100 });
    const whatIf = succeeded(await cloud.rollback({ to: 'model:1', whatIf: 'true' }, { build: '26' }));
    assert.match(log(whatIf), /back to revision 5 \(m1-\w+ 100 %\)/);
    assert.deepEqual(await cloud.traffic(), { 2: 100 });
  });

  it('several endpoints: all go back, or none', async () => {
    const endpointName = 'other-endpoint';
    succeeded(await cloud.deploy('1', { endpointName }, { build: '30' }));
    succeeded(await cloud.deploy('2', { endpointName }, { build: '31' }));
    const endpointNames = 'letters-endpoint = letters:1\nother-endpoint';
    // Its write is accepted and then fails, as for want of capacity.
    const { id } = cloud.test.cloud.faults.add({
      plane: 'arm',
      method: 'PUT',
      path: 'onlineEndpoints/other-endpoint',
      first: 1,
      fault: { type: 'operation', code: 'InternalServerError', message: 'no' },
    });
    const error = failed(await cloud.rollback({ endpointNames }, { build: '32' }));
    cloud.test.cloud.faults.delete(id);
    assert.match(error, /No endpoint was rolled back, because not all of them could be/);
    assert.match(error, /- letters-endpoint: was back at m1-\w+ 100 % and is at m2-\w+ 100 % again/);
    assert.deepEqual([await cloud.traffic(), await cloud.traffic(endpointName)], [{ 2: 100 }, { 2: 100 }]);
    // The same step again goes through.
    succeeded(await cloud.deploy('2', { endpointName }, { build: '33' }));
    succeeded(await cloud.rollback({ endpointNames }, { build: '32' }));
    assert.deepEqual([await cloud.traffic(), await cloud.traffic(endpointName)], [{ 1: 100 }, { 1: 100 }]);
  });

  it('waits out a router that still gives the old deployment its share, and does not pass it by luck', async () => {
    const setting = async (trafficDelayMilliseconds: number): Promise<void> => {
      const { status } = await send(`${cloud.test.cloud.description.arm}/_local/online-endpoints`, {
        method: 'PATCH',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ trafficDelayMilliseconds }),
        ca: cloud.test.cloud.certificate.ca,
      });
      assert.equal(status, 200);
    };
    await setting(3000);
    try {
      const run = succeeded(await cloud.rollback({ to: 'letters:2' }, { build: '40' }));
      assert.match(log(run), /answers, 50 times in a row: m2-\w+ 50/);
    } finally {
      await setting(200);
    }
  });
});
