/* eslint @typescript-eslint/no-unsafe-class-instance-assignment: off -- the client's models are classes, but its methods take plain objects */
import assert from 'node:assert/strict';
import type * as k8s from '@kubernetes/client-node' with { 'resolution-mode': 'import' };
import { describeAccessContract } from './access-contract';
import { describeConfigContract } from './config-contract';
import { describeRolloutContract } from './rollout-contract';
import { eventually, refusal, TestCluster, type ContractCluster } from './test-cluster';

/** What a real API server (1.37) was seen to do, asked of ours. */
describe('local Kubernetes keeps the contract of a real API server', () => {
  const cluster = new TestCluster();
  const namespace = 'contract';
  let core: k8s.CoreV1Api;
  before(async () => {
    await cluster.start();
    core = cluster.config.makeApiClient(cluster.client.CoreV1Api);
    await core.createNamespace({ body: { metadata: { name: namespace } } });
  });
  after(() => cluster.remove());
  afterEach(() => assert.deepEqual(cluster.log, []));

  const current = (): ContractCluster => ({ client: cluster.client, config: cluster.config, namespace });
  describeConfigContract(current);
  describeAccessContract(current);
  describeRolloutContract(current);

  it('a namespace that is deleted takes everything with it', async () => {
    await core.createNamespace({ body: { metadata: { name: 'brief' } } });
    await core.createNamespacedConfigMap({ namespace: 'brief', body: { metadata: { name: 'inside' } } });
    await core.deleteNamespace({ name: 'brief' });
    await eventually(async () => {
      const { items } = await core.listNamespace();
      return items.some(({ metadata }) => metadata?.name === 'brief') ? undefined : true;
    });
    const gone = await refusal(core.readNamespacedConfigMap({ namespace: 'brief', name: 'inside' }));
    assert.equal(gone.code, 404);
  });
});
