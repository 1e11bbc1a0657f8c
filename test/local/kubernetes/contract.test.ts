import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type * as k8s from '@kubernetes/client-node' with { 'resolution-mode': 'import' };
import { describeAccessContract } from './access-contract';
import { describeConfigContract } from './config-contract';
import { describeRolloutContract } from './rollout-contract';
import { eventually, refusal, TestCluster, type ContractCluster } from './test-cluster';

/**
 * What a real API server (1.37) was seen to do, asked of ours; or, with `npm run test:cluster`, of the cluster of
 * KUBECONFIG. Only then: whoever has a cluster in the environment must not find our namespaces there.
 */
describe('local Kubernetes keeps the contract of a real API server', () => {
  const kubeconfig = process.env.npm_lifecycle_event === 'test:cluster' ? process.env.KUBECONFIG : undefined;
  const cluster = new TestCluster();
  const namespace = `contract-${randomBytes(4).toString('hex')}`;
  let asked: ContractCluster;
  let core: k8s.CoreV1Api;
  before(async () => {
    const client = await import('@kubernetes/client-node');
    const config = new client.KubeConfig();
    if (kubeconfig === undefined) await cluster.start();
    config.loadFromFile(kubeconfig ?? cluster.kubernetes.kubeconfigFile);
    asked = { client, config, namespace };
    core = config.makeApiClient(client.CoreV1Api);
    await core.createNamespace({ body: { metadata: { name: namespace } } });
  });
  after(async () => {
    if (kubeconfig !== undefined) await core.deleteNamespace({ name: namespace });
    await cluster.remove();
  });
  afterEach(() => assert.deepEqual(cluster.log, []));

  const current = (): ContractCluster => asked;
  describeConfigContract(current);
  describeAccessContract(current);
  describeRolloutContract(current);

  it('a namespace that is deleted takes everything with it', async () => {
    const brief = `${namespace}-brief`;
    await core.createNamespace({ body: { metadata: { name: brief } } });
    await core.createNamespacedConfigMap({ namespace: brief, body: { metadata: { name: 'inside' } } });
    await core.deleteNamespace({ name: brief });
    await eventually(async () => {
      const { items } = await core.listNamespace();
      return items.some(({ metadata }) => metadata?.name === brief) ? undefined : true;
    });
    const gone = await refusal(core.readNamespacedConfigMap({ namespace: brief, name: 'inside' }));
    assert.equal(gone.code, 404);
  });
});
