import assert from 'node:assert/strict';
import type { ConfigEntry } from '../../../lib/kubernetes/config-change';
import type { SyncInputs } from '../../../tasks/SyncK8sConfigMap/inputs';
import { syncInto } from '../../../tasks/SyncK8sConfigMap/sync-config-map';
import { fakeHost } from './deploy-fake-azure';
import { FakeCluster } from './sync-fake-cluster';

const inputs: SyncInputs = {
  kubernetesConnection: {} as never,
  namespace: 'guardian',
  configMapName: 'guardian-config',
  secretName: 'guardian-config-secrets',
  entries: [],
  endpoints: undefined,
  secretsIn: 'secret',
  onConflict: 'fail',
  restartConsumers: true,
  rolloutTimeoutInMinutes: 1,
  whatIf: false,
};

const uri = { key: 'NSFW_MODEL_ENDPOINT', value: 'https://nsfw/score', secret: false };
const key = { key: 'NSFW_MODEL_ENDPOINT_KEY', value: 's3cret', secret: true };
const base64 = (text: string) => Buffer.from(text).toString('base64');

describe('SyncK8sConfigMap', () => {
  let kubernetes: FakeCluster;
  let host: ReturnType<typeof fakeHost>;
  beforeEach(() => {
    kubernetes = new FakeCluster();
    host = fakeHost();
    kubernetes.addDeployment(
      'deep-vision',
      { configMapRef: { name: 'guardian-config' } },
      { secretRef: { name: 'guardian-config-secrets' } },
    );
    kubernetes.addDeployment('policy-engine', { configMapRef: { name: 'guardian-config' } });
    kubernetes.addDeployment('bystander', { configMapRef: { name: 'other' } });
  });

  const sync = (entries: ConfigEntry[], change: Partial<SyncInputs> = {}) =>
    syncInto(kubernetes.cluster, 'guardian', entries, { ...inputs, ...change }, host);
  const data = (id: string) => kubernetes.objects.get(id)?.data;

  it('writes values to the ConfigMap and keys to the Secret, and restarts who reads them', async () => {
    await sync([uri, key]);
    assert.deepEqual(data('ConfigMap/guardian-config'), { NSFW_MODEL_ENDPOINT: 'https://nsfw/score' });
    assert.deepEqual(data('Secret/guardian-config-secrets'), { NSFW_MODEL_ENDPOINT_KEY: base64('s3cret') });
    assert.equal(host.outputs.restarted, 'deployment/deep-vision,deployment/policy-engine');
    assert.equal(host.outputs.changed, 'true');
    assert.ok(!host.lines.join('\n').includes('s3cret') && !host.summaries.join('\n').includes('s3cret'));
    for (const { annotations } of kubernetes.objects.values())
      assert.deepEqual(annotations, {}, 'no restart is pending');
  });

  it('does nothing the second time', async () => {
    await sync([uri, key]);
    kubernetes.writes.length = 0;
    await sync([uri, key]);
    assert.deepEqual(kubernetes.writes, []);
    assert.equal(host.outputs.changed, 'false');
    assert.equal(host.outputs.restarted, '');
  });

  it('restarts only whose content changed', async () => {
    await sync([uri, key]);
    await sync([uri, { ...key, value: 'rotated' }]);
    assert.equal(host.outputs.restarted, 'deployment/deep-vision');
  });

  it('leaves the keys of others and removes its own that are no longer listed', async () => {
    kubernetes.objects.set('ConfigMap/guardian-config', {
      data: { LOG_LEVEL: 'info' },
      annotations: {},
      owners: new Map([['LOG_LEVEL', 'kubectl']]),
    });
    await sync([uri, { key: 'MODE', value: 'strict', secret: false }]);
    await sync([uri]);
    assert.deepEqual(data('ConfigMap/guardian-config'), {
      LOG_LEVEL: 'info',
      NSFW_MODEL_ENDPOINT: 'https://nsfw/score',
    });
    assert.ok(host.lines.includes('- MODE: strict'));
  });

  it('names owner and both values in a conflict, writes nothing, and takes over when told', async () => {
    kubernetes.objects.set('ConfigMap/guardian-config', {
      data: { NSFW_MODEL_ENDPOINT: 'https://by-hand' },
      annotations: {},
      owners: new Map([['NSFW_MODEL_ENDPOINT', 'kubectl-edit']]),
    });
    await assert.rejects(
      sync([uri, key]),
      /NSFW_MODEL_ENDPOINT: owned by "kubectl-edit"; theirs: https:\/\/by-hand; ours: https:\/\/nsfw\/score/,
    );
    assert.deepEqual(kubernetes.writes, []);
    await sync([uri], { onConflict: 'force' });
    assert.equal(data('ConfigMap/guardian-config')?.NSFW_MODEL_ENDPOINT, 'https://nsfw/score');
    assert.match(host.lines.join('\n'), /warning: Taking over/);
  });

  it('masks both values of a secret conflict', async () => {
    kubernetes.objects.set('Secret/guardian-config-secrets', {
      data: { NSFW_MODEL_ENDPOINT_KEY: base64('theirs3cret') },
      annotations: {},
      owners: new Map([['NSFW_MODEL_ENDPOINT_KEY', 'vault']]),
    });
    await assert.rejects(sync([key]), /owned by "vault"; theirs: \*\*\*; ours: \*\*\*/);
  });

  it('puts keys into the ConfigMap when told, still masked', async () => {
    await sync([uri, key], { secretsIn: 'configMap' });
    assert.equal(data('ConfigMap/guardian-config')?.NSFW_MODEL_ENDPOINT_KEY, 's3cret');
    assert.equal(data('Secret/guardian-config-secrets'), undefined);
    assert.ok(!host.lines.join('\n').includes('s3cret') && !host.summaries.join('\n').includes('s3cret'));
  });

  it('what if: asks the server, says what would happen, writes nothing', async () => {
    await sync([uri, key], { whatIf: true });
    assert.deepEqual(kubernetes.writes, []);
    assert.match(
      host.lines.join('\n'),
      /- apply Secret guardian\/guardian-config-secrets\n- apply ConfigMap guardian\/guardian-config\n- restart deployment\/deep-vision\n- restart deployment\/policy-engine/,
    );
  });

  it('finishes what a killed run had begun: content written, nobody restarted', async () => {
    kubernetes.killedAtRestart = true;
    await assert.rejects(sync([uri, key]));
    assert.deepEqual(data('ConfigMap/guardian-config'), { NSFW_MODEL_ENDPOINT: 'https://nsfw/score' });
    kubernetes.killedAtRestart = false;
    await sync([uri, key]);
    assert.equal(host.outputs.restarted, 'deployment/deep-vision,deployment/policy-engine');
    kubernetes.writes.length = 0;
    await sync([uri, key]);
    assert.deepEqual(kubernetes.writes, []);
  });

  it('fails with what the pods say, and a second run still waits for the same rollout', async () => {
    kubernetes.stuck.add('deep-vision');
    const expected =
      /1 of 2 .*\ndeployment\/deep-vision: 0 of 1 pods have the new content; pod deep-vision-1: container app: CrashLoopBackOff; back-off 10s; exited with code 1 \(Error\)/;
    await assert.rejects(sync([uri, key]), expected);
    assert.ok(host.lines.includes('Last lines of its log:\nNSFW_MODEL_ENDPOINT is not an URL'));
    kubernetes.writes.length = 0;
    await assert.rejects(sync([uri, key]), /1 of 1 restarted workload does not run with the new content/);
    assert.deepEqual(kubernetes.writes, []);
  });

  it('says which rule a Role lacks, before anything is written', async () => {
    kubernetes.forbidden = 'patch secrets';
    await assert.rejects(
      sync([uri, key]),
      /pipeline may not patch secrets guardian-config-secrets in namespace guardian of https:\/\/cluster \(403\): forbidden. Add this rule to its Role there: apiGroups \[""\], resources \["secrets"\], verbs \["patch"\]/,
    );
    kubernetes.forbidden = 'patch deployments';
    await assert.rejects(sync([uri, key]), /apiGroups \["apps"\], resources \["deployments"\], verbs \["patch"\]/);
    assert.deepEqual(kubernetes.writes, []);
  });
});
