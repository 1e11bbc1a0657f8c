import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AppsV1Api, CoreV1Api, RbacAuthorizationV1Api } from '@kubernetes/client-node' with {
  'resolution-mode': 'import',
};
import { Cluster } from '../../../local/demo/cluster';
import { root } from '../../../scripts/product';
import { TestCloud } from '../../support/local-cloud';
import { JudgeEndpoints } from './judge-endpoints';
import { failed, log, succeeded } from '../outcome';

const namespace = 'guardian';
const entries = `
  NSFW_MODEL_ENDPOINT = endpoint:nsfw-detector-endpoint#scoringUri
  VIOLENCE_MODEL_ENDPOINT = endpoint:violence-detector-endpoint#scoringUri
  MODEL_ENDPOINT_KEY = endpoint:nsfw-detector-endpoint#primaryKey
  VIOLENCE_MODEL_ENDPOINT_KEY = endpoint:violence-detector-endpoint#primaryKey`;

describe('SyncK8sConfigMap from endpoints to the application', function () {
  this.timeout(120_000);
  let cloud: TestCloud;
  let endpoints: JudgeEndpoints;
  let apps: AppsV1Api;
  let core: CoreV1Api;
  let rbac: RbacAuthorizationV1Api;

  before(async () => {
    cloud = await TestCloud.start();
    endpoints = new JudgeEndpoints(cloud.cloud);
    const { kubeconfig } = cloud.cloud.description;
    const { AppsV1Api, KubeConfig, CoreV1Api, RbacAuthorizationV1Api } = await import('@kubernetes/client-node');
    const config = new KubeConfig();
    config.loadFromFile(kubeconfig);
    apps = config.makeApiClient(AppsV1Api);
    core = config.makeApiClient(CoreV1Api);
    rbac = config.makeApiClient(RbacAuthorizationV1Api);
    await (await Cluster.open(kubeconfig)).applyFolder(join(root, 'samples/k8s'));
    await endpoints.make('nsfw-detector-endpoint', 'violence-detector-endpoint');
  });
  after(() => cloud.stop());

  const inputs = () => ({
    kubernetesServiceConnection: 'guardian-kubernetes-connection',
    azureSubscription: 'guardian-azure-connection',
    resourceGroup: 'guardian-ai-prod',
    workspaceName: 'guardian-ai-ml-workspace-prod',
    namespace,
    entries,
  });
  const sync = (change: Record<string, string> = {}, more: Parameters<TestCloud['runTask']>[2] = {}) =>
    cloud.runTask('SyncK8sConfigMap', { ...inputs(), ...change }, more);
  const secret = async (key: string): Promise<string> => {
    const { data } = await core.readNamespacedSecret({ namespace, name: 'guardian-config-secrets' });
    return Buffer.from(data?.[key] ?? '', 'base64').toString();
  };

  /** The application's answer to a picture. A pod that has just ended refuses the connection: then the next one is asked, as a Service does. */
  async function screen(failures: string[] = []): Promise<number> {
    for (;;) {
      const url = cloud.cloud.podUrl(namespace, 'deep-vision');
      try {
        if (url) {
          const answer = await fetch(`${url}/screen`, { method: 'POST', body: 'picture' });
          const text = await answer.text();
          if (!answer.ok) failures.push(text);
          return answer.status;
        }
      } catch (error) {
        if (
          !['ECONNREFUSED', 'ECONNRESET', 'UND_ERR_SOCKET'].includes(
            (error as { cause?: { code?: string } }).cause?.code ?? '',
          )
        )
          throw error;
      }
      await new Promise(resolve => setTimeout(resolve, 20));
    }
  }

  it('the application has addresses and keys afterwards, and judges; no key stands in log, outputs or ConfigMap', async () => {
    assert.equal(await screen(), 503, 'not configured yet');
    const run = succeeded(await sync());
    assert.equal(await screen(), 200);
    const { data, metadata } = await core.readNamespacedConfigMap({ namespace, name: 'guardian-config' });
    assert.equal(data?.['NSFW_MODEL_ENDPOINT'], await endpoints.scoringUri('nsfw-detector-endpoint'));
    assert.equal(data['LOG_LEVEL'], 'info', 'the owner’s keys stay');
    const { primary } = await endpoints.keys('nsfw-detector-endpoint');
    assert.equal(await secret('MODEL_ENDPOINT_KEY'), primary);
    const seen = JSON.stringify([log(run), run.outputs, run.summaries, run.variables, data]);
    assert.ok(primary.length > 10 && !seen.includes(primary));
    assert.equal(run.outputs['restarted'], 'deployment/deep-vision,deployment/policy-engine');
    assert.equal(
      metadata?.annotations?.['guardian-mlops/release'],
      'nsfw-detector-endpoint=1,violence-detector-endpoint=1',
    );
    assert.equal(succeeded(await sync()).outputs['changed'], 'false');
  });

  it('rotates the keys while the application calls, without a failed call', async () => {
    const names = ['nsfw-detector-endpoint', 'violence-detector-endpoint'];
    const before = await Promise.all(names.map(name => endpoints.keys(name)));
    const failures: string[] = [];
    let calls = 0;
    const calling = new AbortController();
    const callers = Array.from({ length: 3 }, async () => {
      while (!calling.signal.aborted) {
        await screen(failures);
        calls += 1;
      }
    });
    const run = await sync({ rotate: 'secondary' });
    calling.abort();
    await Promise.all(callers);
    succeeded(run);
    assert.deepEqual(failures, []);
    assert.ok(calls > 20, String(calls));
    for (const [index, name] of names.entries()) {
      const now = await endpoints.keys(name);
      assert.notEqual(now.primary, before[index]?.primary);
      assert.equal(now.secondary, before[index]?.secondary);
      assert.deepEqual(
        [await endpoints.score(name, now.primary), await endpoints.score(name, before[index]?.primary ?? '')],
        [200, 401],
      );
      assert.ok(!log(run).includes(now.primary) && !log(run).includes(now.secondary));
    }
    assert.equal(await secret('MODEL_ENDPOINT_KEY'), (await endpoints.keys(names[0] ?? '')).primary);
    assert.equal(succeeded(await sync()).outputs['changed'], 'false');
    const whatIf = succeeded(await sync({ rotate: 'secondary', whatIf: 'true' }));
    assert.match(log(whatIf), /would be regenerated/);
    assert.equal(await secret('MODEL_ENDPOINT_KEY'), (await endpoints.keys(names[0] ?? '')).primary);
    assert.match(failed(await sync({ rotate: 'secondary', entries: 'A=1' })), /no entry takes the primaryKey/);
  });

  it('killed between the new key and the application, leaves it with a key that is good, and the next run ends it', async () => {
    const pid = join(cloud.folder, 'pid');
    const script = join(cloud.folder, 'say-pid.cjs');
    writeFileSync(script, `require('node:fs').writeFileSync(${JSON.stringify(pid)}, String(process.pid));`);
    const killed = await sync(
      { rotate: 'secondary' },
      {
        env: { ...cloud.project.environmentVariables, NODE_OPTIONS: `--require ${script}` },
        onLine: line => {
          if (line.includes('has a new primary key')) process.kill(Number(readFileSync(pid, 'utf8')), 'SIGKILL');
        },
      },
    );
    assert.equal(killed.exitCode, null);
    assert.equal(await secret('MODEL_ENDPOINT_KEY'), (await endpoints.keys('nsfw-detector-endpoint')).secondary);
    assert.equal(await screen(), 200);
    succeeded(await sync({ rotate: 'secondary' }));
    assert.equal(await secret('MODEL_ENDPOINT_KEY'), (await endpoints.keys('nsfw-detector-endpoint')).primary);
    assert.equal(await screen(), 200);
  });

  it('a crash loop is told with the end of the log, a failing probe as one, and the old pods stay', async () => {
    const program = `
      if (process.env.CRASH) { console.error('CRASH is set to ' + process.env.CRASH); process.exit(3); }
      const status = process.env.UNREADY ? 500 : 200;
      require('node:http').createServer((_, response) => response.writeHead(status).end()).listen(process.env.PORT);`;
    const httpGet = { path: '/', port: 8080 };
    const container = {
      name: 'app',
      image: 'guardianacr.azurecr.io/guardian-app:1.0.0',
      command: ['node', '-e', program],
      ports: [{ containerPort: 8080 }],
      readinessProbe: { httpGet, periodSeconds: 1 },
      envFrom: [{ configMapRef: { name: 'fragile', optional: true } }],
    };
    const labels = { app: 'fragile' };
    await apps.createNamespacedDeployment({
      namespace,
      body: {
        metadata: { name: 'fragile' },
        spec: {
          ...{ replicas: 1, progressDeadlineSeconds: 5, selector: { matchLabels: labels } },
          template: { metadata: { labels }, spec: { containers: [container] } },
        },
      },
    });
    const change = { configMapName: 'fragile', entries: 'FINE=1' };
    succeeded(await sync(change));
    const crash = await sync({ ...change, entries: 'CRASH=green' });
    assert.match(failed(crash), /deployment\/fragile: .*CrashLoopBackOff.*exited with code 3.*are back/s);
    assert.match(log(crash), /Last lines of its log:\n.*CRASH is set to green/);
    assert.match(
      failed(await sync({ ...change, entries: 'UNREADY=1' })),
      /its readiness probe fails.*Unhealthy.*are back/s,
    );
    const { data } = await core.readNamespacedConfigMap({ namespace, name: 'fragile' });
    assert.deepEqual(data, { FINE: '1' });
    const { status } = await apps.readNamespacedDeployment({ namespace, name: 'fragile' });
    assert.equal(status?.availableReplicas, 1);
    await apps.deleteNamespacedDeployment({ namespace, name: 'fragile' });
  });

  it('an endpoint that is not there is named, with those that are', async () => {
    const error = failed(await sync({ entries: 'A = endpoint:nsfw-detectr-endpoint#scoringUri' }));
    assert.match(error, /nsfw-detectr-endpoint.*nsfw-detector-endpoint/);
  });

  describe('on AKS, through the Azure service connection', () => {
    const aks = { access: 'aks', kubernetesServiceConnection: '', entries: 'A=1', configMapName: 'from-aks' };

    it('uses the user or administrator credentials that Azure gives', async () => {
      for (const aksCredentials of ['user', 'admin']) {
        const run = succeeded(
          await sync({ ...aks, aksCluster: 'guardian-aks', aksCredentials, entries: `A=${aksCredentials}` }),
        );
        assert.match(log(run), /as cluster(User|Admin)_guardian-ai-prod_guardian-aks/);
        const { data } = await core.readNamespacedConfigMap({ namespace, name: 'from-aks' });
        assert.deepEqual(data, { A: aksCredentials });
      }
    });

    it('signs in to a cluster that knows Entra ID only, without kubelogin', async () => {
      const entra = { ...aks, aksCluster: 'guardian-ai-prod/guardian-aks-entra' };
      const { clientId } = cloud.cloud.description;
      const stranger = failed(await sync(entra));
      assert.match(stranger, new RegExp(`service principal ${clientId} may not get secrets .*Add this rule`));
      const { arm } = cloud.cloud.description;
      const { token } = await endpoints.credential.getToken(`${arm}/.default`);
      const { oid } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { oid: string };
      await rbac.createNamespacedRoleBinding({
        namespace,
        body: {
          metadata: { name: 'entra' },
          roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'guardian-pipeline' },
          subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: oid }],
        },
      });
      succeeded(await sync({ ...entra, entries: 'A=entra' }));
      assert.deepEqual((await core.readNamespacedConfigMap({ namespace, name: 'from-aks' })).data, { A: 'entra' });
      assert.match(
        failed(await sync({ ...entra, aksCredentials: 'admin' })),
        /disable local accounts.*aksCredentials to user/,
      );
    });

    it('names what it could not get', async () => {
      assert.match(
        failed(await sync({ ...aks, aksCluster: 'guardian-ask' })),
        /guardian-ask.*404 ResourceNotFound.*Check aksCluster/,
      );
      const connections = cloud.deniedConnections;
      const denied = failed(await sync({ ...aks, aksCluster: 'guardian-aks' }, { connections }));
      assert.match(
        denied,
        /403 AuthorizationFailed.*Azure Kubernetes Service Cluster User Role.*listClusterUserCredential/,
      );
    });
  });

  it('several service connections are several clusters', async () => {
    await core.createNamespace({ body: { metadata: { name: 'guardian-eu' } } });
    const [first] = cloud.project.connections.filter(item => item.type === 'kubernetes');
    assert.ok(first);
    const role = await rbac.readNamespacedRole({ namespace, name: 'guardian-pipeline' });
    await rbac.createNamespacedRole({
      namespace: 'guardian-eu',
      body: { metadata: { name: 'guardian-pipeline' }, ...(role.rules ? { rules: role.rules } : {}) },
    });
    await rbac.createNamespacedRoleBinding({
      namespace: 'guardian-eu',
      body: {
        metadata: { name: 'guardian-pipeline' },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'guardian-pipeline' },
        subjects: [{ kind: 'ServiceAccount', name: 'guardian-pipeline', namespace }],
      },
    });
    const second = {
      ...first,
      id: 'b7c2f3d8-6a1e-4e57-8f0a-91d4c6b2e503',
      name: 'eu',
      data: { ...first.data, namespace: 'guardian-eu' },
    };
    const run = succeeded(
      await sync(
        { kubernetesServiceConnection: `${first.name},eu`, namespace: '', configMapName: 'flags', entries: 'A=1' },
        { connections: [...cloud.project.connections, second] },
      ),
    );
    const targets = JSON.parse(run.outputs['targets'] ?? '[]') as { namespace: string }[];
    assert.deepEqual(
      targets.map(target => target.namespace),
      ['guardian', 'guardian-eu'],
    );
    assert.deepEqual((await core.readNamespacedConfigMap({ namespace: 'guardian-eu', name: 'flags' })).data, {
      A: '1',
    });
  });
});
