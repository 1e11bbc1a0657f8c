import assert from 'node:assert/strict';
import { KillableCluster } from './killable-cluster';
import { eventually } from './test-cluster';
import { deployment } from './workload-manifests';

describe('local Kubernetes that is killed', () => {
  const cluster = new KillableCluster();
  after(() => cluster.remove());

  it('keeps every acknowledged write, goes on with a rollout, and takes up its clients again', async () => {
    const port = await cluster.start(0);
    const client = await import('@kubernetes/client-node');
    const config = new client.KubeConfig();
    config.loadFromFile(cluster.kubeconfig);
    const core = config.makeApiClient(client.CoreV1Api);
    const apps = config.makeApiClient(client.AppsV1Api);
    const namespace = 'default';
    const seen = new Set<string>();
    const informer = client.makeInformer(config, `/api/v1/namespaces/${namespace}/configmaps`, () =>
      core.listNamespacedConfigMap({ namespace }),
    );
    informer.on('add', ({ metadata }) => seen.add(metadata?.name ?? ''));
    let watching = true;
    informer.on('error', () => {
      // As the client's documentation has it: who is cut off starts again.
      if (watching) setTimeout(() => void informer.start().catch(() => undefined), 100);
    });
    await informer.start();
    await apps.createNamespacedDeployment({ namespace, body: deployment('rolling', { replicas: 8 }) });
    const acknowledged: string[] = [];
    const writing = (async () => {
      for (let number = 0; ; number += 1) {
        const name = `written-${number}`;
        await core.createNamespacedConfigMap({ namespace, body: { metadata: { name } } });
        acknowledged.push(name);
      }
    })().catch(() => undefined);
    await eventually(() => (acknowledged.length >= 20 ? true : undefined));
    const merge = client.setHeaderOptions('Content-Type', client.PatchStrategy.MergePatch);
    const body = { spec: { template: { metadata: { annotations: { again: '1' } } } } };
    const patched = await apps.patchNamespacedDeployment({ namespace, name: 'rolling', body }, merge);
    await cluster.kill();
    await writing;

    assert.equal(await cluster.start(port), port);
    const { items } = await core.listNamespacedConfigMap({ namespace });
    const there = new Set(items.map(({ metadata }) => metadata?.name));
    assert.deepEqual(
      acknowledged.filter(name => !there.has(name)),
      [],
    );
    await eventually(async () => {
      const { status } = await apps.readNamespacedDeployment({ namespace, name: 'rolling' });
      const done = status?.observedGeneration === patched.metadata?.generation && status?.updatedReplicas === 8;
      return done && status.availableReplicas === 8 && status.replicas === 8 ? true : undefined;
    });
    await core.createNamespacedConfigMap({ namespace, body: { metadata: { name: 'afterwards' } } });
    await eventually(() => (seen.has('afterwards') ? true : undefined));
    watching = false;
    await informer.stop();
  });
});
