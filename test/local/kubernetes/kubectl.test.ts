import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
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
      kubectl('delete', 'service', 'policy-engine', ...flags),
      /services "policy-engine" is forbidden: User "system:serviceaccount:guardian:guardian-pipeline" cannot delete resource "services" in API group "" in the namespace "guardian"/,
    );
    assert.match(await kubectl('auth', 'can-i', '--list', ...flags), /configmaps +\[\] +\[\] +\[.*patch/);
    const account = '--as=system:serviceaccount:guardian:guardian-pipeline';
    assert.match(await kubectl('auth', 'can-i', 'patch', 'configmaps', account), /^yes/);
    await assert.rejects(kubectl('auth', 'can-i', 'delete', 'services', account), { code: 1 });
    await assert.rejects(kubectl('get', 'pods', '--as=somebody', ...flags), /cannot impersonate resource "users"/);
  });

  it('rolls StatefulSets and DaemonSets, shows their history, and undoes', async () => {
    const container = 'containers: [{name: app, image: "example.com/any:1"}]';
    const manifest = (kind: string, name: string, more: string): string =>
      // Without the comment kubectl takes it for JSON.
      `# ${name}\n{apiVersion: apps/v1, kind: ${kind}, metadata: {name: ${name}}, spec: {${more} selector: {matchLabels: {app: ${name}}}, template: {metadata: {labels: {app: ${name}}}, spec: {${container}}}}}`;
    const file = resolve(cluster.folder, 'sets.yaml');
    writeFileSync(
      file,
      [manifest('StatefulSet', 'db', 'replicas: 3, serviceName: db,'), manifest('DaemonSet', 'agent', '')].join(
        '\n---\n',
      ),
    );
    await kubectl('apply', '-f', file);
    for (const name of ['statefulset/db', 'daemonset/agent']) {
      const status = (): Promise<string> => kubectl('rollout', 'status', name, '--timeout=30s');
      await status();
      await kubectl('set', 'env', name, 'A=1');
      await status();
      assert.match(await kubectl('rollout', 'history', name), /\n1 .*\n2 /);
      const variables = '-o=jsonpath={.spec.template.spec.containers[0].env}';
      assert.notEqual(await kubectl('get', name, variables), '');
      await kubectl('rollout', 'undo', name);
      await status();
      assert.equal(await kubectl('get', name, variables), '');
      assert.match(await kubectl('rollout', 'history', name), /\n2 .*\n3 /);
    }
    const names = await kubectl('get', 'pods', '-l', 'app=db', '-o', 'jsonpath={.items[*].metadata.name}');
    assert.equal(names, 'db-0 db-1 db-2');
    await kubectl('scale', 'statefulset/db', '--replicas=1');
    await kubectl('wait', '--for=delete', 'pod/db-1', '--timeout=30s');
    assert.match(await kubectl('get', 'statefulset,daemonset', '-o', 'wide'), /CONTAINERS +IMAGES/);
    await kubectl('delete', '-f', file, '--wait', '--timeout=30s');
  });

  it('explains, compares, describes and waits', async () => {
    assert.match(await kubectl('explain', 'deployment.spec.strategy'), /rollingUpdate\s+<RollingUpdateDeployment>/);
    const file = resolve(root, 'samples/k8s/policy-engine.yaml');
    await kubectl('apply', '-f', file);
    await kubectl('scale', 'deployment/policy-engine', '--replicas=2');
    await assert.rejects(kubectl('diff', '-f', file), { code: 1 });
    await kubectl('wait', '--for=condition=Available', 'deployment/policy-engine', '--timeout=30s');
    const described = await kubectl('describe', 'deployment', 'policy-engine');
    assert.match(described, /NewReplicaSet: +policy-engine-/);
    assert.match(described, /ScalingReplicaSet/);
    assert.match(await kubectl('describe', 'pods'), /Successfully assigned guardian\/policy-engine-/);
    assert.match(await kubectl('describe', 'node', 'local'), /cpu:/);
    const dry = await kubectl('delete', 'deployment', 'policy-engine', '--dry-run=server');
    assert.match(dry, /deleted \(server dry run\)/);
    await kubectl('get', 'deployment', 'policy-engine');
  });

  it('runs a Job to its end, and one that fails to its limit', async () => {
    const job = (name: string, code: number): string =>
      `# ${name}\n{apiVersion: batch/v1, kind: Job, metadata: {name: ${name}}, spec: {backoffLimit: 1, template: {spec: {restartPolicy: Never, containers: [{name: app, image: "guardianacr.azurecr.io/guardian-app:1.0.0", args: ['-e', 'console.log(7); process.exit(${code})']}]}}}}`;
    const file = resolve(cluster.folder, 'jobs.yaml');
    writeFileSync(file, [job('good', 0), job('bad', 1)].join('\n---\n'));
    await kubectl('apply', '-f', file);
    await kubectl('wait', '--for=condition=Complete', 'job/good', '--timeout=30s');
    await kubectl('wait', '--for=condition=Failed', 'job/bad', '--timeout=30s');
    assert.equal(await kubectl('logs', '-f', 'job/good'), '7\n');
    assert.equal(await kubectl('get', 'job', 'bad', '-o', 'jsonpath={.status.failed}'), '2');
    assert.match(await kubectl('describe', 'job', 'bad'), /BackoffLimitExceeded/);
    await kubectl('delete', '-f', file, '--wait', '--timeout=30s');
  });
});
