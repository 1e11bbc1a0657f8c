import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { TestCluster } from './test-cluster';

const root = resolve(__dirname, '../../..');
const run = promisify(execFile);

describe('kubectl against local Kubernetes', () => {
  const cluster = new TestCluster({
    'guardianacr.azurecr.io/guardian-app:1.0.0': {
      command: process.execPath,
      args: ['server.mjs'],
      cwd: resolve(root, 'samples/guardian-app'),
    },
  });
  before(async function () {
    if (spawnSync('kubectl', ['version', '--client']).status !== 0) {
      this.skip();
    }
    await cluster.start();
  });
  after(() => cluster.remove());
  afterEach(() => assert.deepEqual(cluster.log, []));

  /** Standard output and error together. */
  async function kubectl(...args: string[]): Promise<string> {
    const env = { PATH: process.env.PATH, HOME: cluster.folder, KUBECONFIG: cluster.kubernetes.kubeconfigFile };
    const { stdout, stderr } = await run('kubectl', args, { env });
    return stdout + stderr;
  }

  it('applies the sample manifests, twice, and waits for their rollout', async () => {
    const folder = resolve(root, 'samples/k8s');
    await kubectl('apply', '--server-side', '-k', folder);
    assert.match(
      await kubectl('rollout', 'status', 'deployment/deep-vision', '--timeout=30s'),
      /successfully rolled out/,
    );
    assert.match(
      await kubectl('rollout', 'status', 'deployment/policy-engine', '--timeout=30s'),
      /successfully rolled out/,
    );
    const versions = ['get', 'deployments,configmaps,services', '-o', 'jsonpath={.items[*].metadata.generation}'];
    const before = await kubectl(...versions);
    await kubectl('apply', '--server-side', '-k', folder);
    assert.equal(await kubectl(...versions), before);
    assert.match(await kubectl('get', 'pods'), /^NAME +READY +STATUS +RESTARTS +AGE\ndeep-vision-\S+ +1\/1 +Running/);
    assert.match(await kubectl('logs', 'deployment/deep-vision'), /listening/);
  });

  it('restarts, shows the history, and undoes', async () => {
    await kubectl('rollout', 'restart', 'deployment/policy-engine');
    await kubectl('rollout', 'status', 'deployment/policy-engine', '--timeout=30s');
    assert.match(await kubectl('rollout', 'history', 'deployment/policy-engine'), /\n1 .*\n2 /);
    await kubectl('rollout', 'undo', 'deployment/policy-engine');
    await kubectl('rollout', 'status', 'deployment/policy-engine', '--timeout=30s');
    assert.match(await kubectl('rollout', 'history', 'deployment/policy-engine'), /\n2 .*\n3 /);
  });

  it('creates with its own commands, which send protobuf', async () => {
    await kubectl('create', 'namespace', 'other');
    await kubectl('create', 'configmap', 'made', '-n', 'other', '--from-literal=A=1');
    assert.equal(await kubectl('get', 'configmap', 'made', '-n', 'other', '-o', 'jsonpath={.data.A}'), '1');
    await kubectl('create', 'secret', 'generic', 'made', '-n', 'other', '--from-literal=A=1');
    assert.equal(await kubectl('get', 'secret', 'made', '-n', 'other', '-o', 'jsonpath={.data.A}'), 'MQ==');
    await kubectl('create', 'deployment', 'web', '-n', 'other', '--image=nginx', '--replicas=2');
    await kubectl('rollout', 'status', 'deployment/web', '-n', 'other', '--timeout=30s');
    await kubectl('scale', 'deployment/web', '-n', 'other', '--replicas=1');
    await kubectl('delete', 'namespace', 'other', '--timeout=30s');
    await assert.rejects(kubectl('get', 'namespace', 'other'), /namespaces "other" not found/);
  });

  it('applies and changes from the client side', async () => {
    const file = resolve(root, 'samples/k8s/policy-engine.yaml');
    await kubectl('apply', '-f', file);
    assert.match(await kubectl('apply', '-f', file), /deployment.apps\/policy-engine unchanged/);
    await kubectl('set', 'env', 'deployment/policy-engine', 'EXTRA=1');
    const env = '-o=jsonpath={.spec.template.spec.containers[0].env[0].name}';
    assert.equal(await kubectl('get', 'deployment', 'policy-engine', env), 'EXTRA');
  });

  it('says who may not do what', async () => {
    const token = (await kubectl('create', 'token', 'guardian-pipeline')).trim();
    const flags = ['--user=', `--token=${token}`];
    assert.match(await kubectl('auth', 'whoami', ...flags), /system:serviceaccount:guardian:guardian-pipeline/);
    assert.match(await kubectl('auth', 'can-i', 'patch', 'configmaps', ...flags), /^yes/);
    await assert.rejects(
      kubectl('delete', 'configmap', 'guardian-config', ...flags),
      /configmaps "guardian-config" is forbidden: User "system:serviceaccount:guardian:guardian-pipeline" cannot delete resource "configmaps" in API group "" in the namespace "guardian"/,
    );
  });
});
