import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { until } from '../azure/azure-fixture';
import { errorOf, JobFixture } from './job-fixture';

interface Cluster {
  properties: {
    provisioningState: string;
    properties: {
      allocationState: string;
      currentNodeCount: number;
      targetNodeCount: number;
      nodeStateCounts: { runningNodeCount: number; idleNodeCount: number; preparingNodeCount: number };
      scaleSettings: { minNodeCount: number; maxNodeCount: number; nodeIdleTimeBeforeScaleDown: string };
      state?: string;
    };
  };
}

describe('local Azure: computes', () => {
  let jobs: JobFixture;
  before(async () => {
    jobs = await JobFixture.start();
  });
  after(() => jobs.end());

  const cluster = async (name: string): Promise<Cluster['properties']> =>
    ((await jobs.arm('GET', `/computes/${name}`)).json as Cluster).properties;
  const make = async (name: string, scaleSettings: object): Promise<void> => {
    const answer = await jobs.arm('PUT', `/computes/${name}`, {
      location: 'eastus',
      properties: { computeType: 'AmlCompute', properties: { vmSize: 'STANDARD_D2_V2', scaleSettings } },
    });
    assert.equal(answer.status, 201, answer.text);
    assert.equal((answer.json as Cluster).properties.provisioningState, 'Creating');
    assert.equal(await jobs.finished(answer), 'Succeeded');
  };

  it('scales a cluster from nothing to what the jobs need, at most its maximum, and down again when idle', async () => {
    await make('elastic', { minNodeCount: 0, maxNodeCount: 2, nodeIdleTimeBeforeScaleDown: 'PT0.3S' });
    const before = (await cluster('elastic')).properties;
    assert.deepEqual([before.allocationState, before.currentNodeCount], ['Steady', 0]);
    const gate = join(jobs.azure.stateDir, 'gate');
    const computeId = `${jobs.azure.workspaceId}/computes/elastic`;
    for (const name of ['first', 'second', 'third'])
      await jobs.submit(name, jobs.command(`while [ ! -e ${gate} ]; do sleep 0.05; done`, { computeId }));
    await jobs.runIn('second', 'Running');
    await jobs.runIn('third', 'Queued');
    const busy = (await cluster('elastic')).properties;
    assert.deepEqual([busy.currentNodeCount, busy.nodeStateCounts.runningNodeCount], [2, 2]);
    const nodes = (await jobs.arm('POST', '/computes/elastic/listNodes')).json as { nodes: { nodeState: string }[] };
    assert.deepEqual(
      nodes.nodes.map(node => node.nodeState),
      ['running', 'running'],
    );
    const refused = await jobs.arm('DELETE', '/computes/elastic?underlyingResourceAction=Delete');
    assert.equal(refused.status, 409);
    writeFileSync(gate, '');
    assert.equal((await jobs.ended('third')).status, 'Completed');
    await until(async () => ((await cluster('elastic')).properties.currentNodeCount === 0 ? true : undefined));
  });

  it('lets waiting jobs go on when the cluster is made larger', async () => {
    await make('small', { minNodeCount: 1, maxNodeCount: 1 });
    assert.equal((await cluster('small')).properties.currentNodeCount, 1);
    const gate = join(jobs.azure.stateDir, 'gate-2');
    const computeId = 'small';
    for (const name of ['holds', 'waits'])
      await jobs.submit(name, jobs.command(`while [ ! -e ${gate} ]; do sleep 0.05; done`, { computeId }));
    await jobs.runIn('waits', 'Queued');
    const update = await jobs.arm('PATCH', '/computes/small', {
      properties: { properties: { scaleSettings: { maxNodeCount: 2 } } },
    });
    assert.equal(await jobs.finished(update), 'Succeeded');
    await jobs.runIn('waits', 'Running');
    assert.equal((await cluster('small')).properties.scaleSettings.maxNodeCount, 2);
    writeFileSync(gate, '');
    await jobs.ended('waits');
  });

  it('is made, read, updated and deleted by the official client', async () => {
    const client = jobs.azure.azure.description;
    const { computeOperations } = jobs.azure.client();
    const made = await computeOperations.beginCreateOrUpdateAndWait(
      client.resourceGroup,
      client.workspace,
      'by-client',
      {
        location: 'eastus',
        properties: {
          computeType: 'AmlCompute',
          properties: { vmSize: 'STANDARD_D2_V2', scaleSettings: { minNodeCount: 0, maxNodeCount: 3 } },
        },
      },
    );
    assert.equal(made.properties?.provisioningState, 'Succeeded');
    const names = [];
    for await (const found of computeOperations.list(client.resourceGroup, client.workspace)) names.push(found.name);
    assert.ok(names.includes('by-client') && names.includes('cpu-training-cluster'));
    await computeOperations.beginDeleteAndWait(client.resourceGroup, client.workspace, 'by-client', 'Delete');
    await assert.rejects(computeOperations.get(client.resourceGroup, client.workspace, 'by-client'), {
      statusCode: 404,
    });
  });

  it('starts and stops a compute instance, and takes jobs only while it runs', async () => {
    const answer = await jobs.arm('PUT', '/computes/my-instance', {
      properties: { computeType: 'ComputeInstance', properties: { vmSize: 'STANDARD_D2_V2' } },
    });
    assert.equal(await jobs.finished(answer), 'Succeeded');
    assert.equal((await cluster('my-instance')).properties.state, 'Running');
    assert.equal(await jobs.finished(await jobs.arm('POST', '/computes/my-instance/stop')), 'Succeeded');
    assert.equal((await cluster('my-instance')).properties.state, 'Stopped');
    const refused = await jobs.put('on-instance', jobs.command('true', { computeId: 'my-instance' }));
    assert.equal(errorOf(refused).target, 'computeId');
    assert.equal(await jobs.finished(await jobs.arm('POST', '/computes/my-instance/start')), 'Succeeded');
    await jobs.submit('on-instance', jobs.command('true', { computeId: 'my-instance' }));
    assert.equal((await jobs.ended('on-instance')).status, 'Completed');
    assert.equal(errorOf(await jobs.arm('POST', '/computes/cpu-training-cluster/stop')).code, 'UserError');
  });

  it('attaches a cluster of Kubernetes, which serves endpoints and runs no jobs', async () => {
    const resourceId = '/subscriptions/s/resourceGroups/r/providers/Microsoft.ContainerService/managedClusters/aks';
    const answer = await jobs.arm('PUT', '/computes/k8s', {
      properties: { computeType: 'Kubernetes', resourceId, properties: { namespace: 'guardian' } },
    });
    assert.equal(await jobs.finished(answer), 'Succeeded');
    const shown = (await cluster('k8s')) as unknown as {
      isAttachedCompute: boolean;
      resourceId: string;
      properties: object;
    };
    assert.deepEqual([shown.isAttachedCompute, shown.resourceId], [true, resourceId]);
    assert.match(
      errorOf(await jobs.put('on-k8s', jobs.command('true', { computeId: 'k8s' }))).message,
      /Kubernetes compute are not supported by local Azure/,
    );
    assert.equal(
      await jobs.finished(await jobs.arm('DELETE', '/computes/k8s?underlyingResourceAction=Detach')),
      'Succeeded',
    );
  });

  it('runs jobs without a compute on serverless nodes', async () => {
    await jobs.submit(
      'serverless',
      jobs.command('echo here', { computeId: null, resources: { instanceType: 'Standard_E4s_v3' } }),
    );
    assert.equal((await jobs.ended('serverless')).status, 'Completed');
  });

  const properties = (change: object, details: object = {}): object => ({
    properties: { computeType: 'AmlCompute', properties: { vmSize: 'STANDARD_D2_V2', ...details }, ...change },
  });
  const refused: [what: string, name: string, body: object, target: string][] = [
    ['a name with a blank', 'no%20name', properties({}), 'computeName'],
    ['a type that cannot be here', 'hdi', properties({ computeType: 'HDInsight' }), 'properties.computeType'],
    [
      'no vmSize',
      'sizeless',
      { properties: { computeType: 'AmlCompute', properties: {} } },
      'properties.properties.vmSize',
    ],
    [
      'a minimum above the maximum',
      'upside',
      properties({}, { scaleSettings: { minNodeCount: 3, maxNodeCount: 1 } }),
      'scaleSettings.minNodeCount',
    ],
    [
      'an idle time that is no duration',
      'idle',
      properties({}, { scaleSettings: { maxNodeCount: 1, nodeIdleTimeBeforeScaleDown: '120' } }),
      'scaleSettings.nodeIdleTimeBeforeScaleDown',
    ],
  ];
  for (const [what, name, body, target] of refused) {
    it(`refuses ${what}, naming the field`, async () => {
      const answer = await jobs.arm('PUT', `/computes/${name}`, body);
      assert.equal(answer.status, 400, answer.text);
      assert.equal(errorOf(answer).target, target);
    });
  }
});
