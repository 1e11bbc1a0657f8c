import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Masker } from '../../../local/agent/masker';
import { runTaskProcess } from '../../../local/agent/run-task';
import { stage } from '../../../scripts/product';
import { KillableCluster } from '../../local/kubernetes/killable-cluster';
import { deployment } from '../../local/kubernetes/workload-manifests';
import { log, succeeded } from '../outcome';

/** An API server that goes away in the middle: only one that is ours can be killed, so this is not part of the cluster contract. */
describe('SyncK8sConfigMap while the API server restarts', function () {
  this.timeout(90_000);
  const cluster = new KillableCluster();
  after(() => cluster.remove());

  it('waits on through it, and sees the rollout end', async () => {
    const port = await cluster.start(0);
    const { AppsV1Api, CoreV1Api, KubeConfig } = await import('@kubernetes/client-node');
    const config = new KubeConfig();
    const { kubeconfig } = cluster;
    config.loadFromFile(kubeconfig);
    const [apps, core] = [config.makeApiClient(AppsV1Api), config.makeApiClient(CoreV1Api)];
    const namespace = 'default';
    await core.createNamespacedConfigMap({ namespace, body: { metadata: { name: 'guardian-config' }, data: {} } });
    const body = deployment('reader', {
      replicas: 3,
      container: { envFrom: [{ configMapRef: { name: 'guardian-config' } }] },
    });
    // Pods that count only after a while: the rollout goes on while the server is away.
    body.spec!.minReadySeconds = 2;
    await apps.createNamespacedDeployment({ namespace, body });

    const [workDir, tempDir] = [join(cluster.folder, 'work'), join(cluster.folder, 'temp')];
    for (const path of [workDir, tempDir]) mkdirSync(path);
    let restarted: Promise<number> | undefined;
    const run = await runTaskProcess({
      taskDir: join(stage, 'tasks/SyncK8sConfigMap'),
      inputs: { access: 'kubeconfig', kubeconfig, namespace, entries: 'MODE=strict' },
      connections: [],
      variables: [],
      workDir,
      tempDir,
      env: {},
      masker: new Masker(),
      onLine: line => {
        if (/restart/i.test(line)) restarted ??= cluster.kill().then(() => cluster.start(port));
      },
    });
    succeeded(run);
    assert.ok(restarted, `the server was never restarted:\n${log(run)}`);
    assert.equal(await restarted, port);
    const { spec, status } = await apps.readNamespacedDeployment({ namespace, name: 'reader' });
    assert.ok(spec?.template.metadata?.annotations?.['guardian-mlops/checksum.guardian-config']);
    assert.deepEqual([status?.updatedReplicas, status?.availableReplicas], [3, 3]);
  });
});
