import assert from 'node:assert/strict';
import { readInputs } from '../../../tasks/SyncK8sConfigMap/inputs';
import { parseTargets } from '../../../tasks/SyncK8sConfigMap/targets';
import { FakeHost, fakeConnection } from '../../support/fake-host';

const connections = ['k1', 'k2', 'azure'].map(id => fakeConnection({ id }));
const read = (inputs: Record<string, string>) =>
  readInputs(new FakeHost({ inputs: { kubernetesServiceConnection: 'k1', entries: 'A=1', ...inputs }, connections }));

describe('SyncK8sConfigMap inputs', () => {
  it('have defaults', () => {
    const { access, consumers, onConflict, onRolloutFailure, whenImmutable, keepSnapshots, rotate } = read({});
    assert.equal(access.kind === 'serviceConnection' && access.connections[0]?.id, 'k1');
    assert.deepEqual(consumers, { kind: 'found' });
    assert.deepEqual(
      [onConflict, onRolloutFailure, whenImmutable, keepSnapshots, rotate],
      ['fail', 'restore', 'fail', 10, 'none'],
    );
  });

  it('name several clusters', () => {
    const { access } = read({ kubernetesServiceConnection: 'k1,k2' });
    assert.deepEqual(access.kind === 'serviceConnection' && access.connections.map(one => one.id), ['k1', 'k2']);
  });

  it('name consumers by list or by selector', () => {
    assert.deepEqual(read({ consumers: 'deployment/a\nStatefulSets/b' }).consumers, {
      kind: 'listed',
      workloads: [
        { kind: 'Deployment', name: 'a' },
        { kind: 'StatefulSet', name: 'b' },
      ],
    });
    assert.deepEqual(read({ consumers: 'selector: app in (a, b)' }).consumers, {
      kind: 'selected',
      labelSelector: 'app in (a, b)',
    });
    assert.equal(read({ restartConsumers: 'false' }).consumers, undefined);
  });

  const refusals: [string, Record<string, string>, RegExp][] = [
    ['no entry at all', { entries: '' }, /entries is required and was not given/],
    ['AKS without a cluster and a connection', { access: 'aks' }, /aksCluster is required.*\n.*azureSubscription/],
    ['no kubeconfig', { access: 'kubeconfig' }, /kubeconfig is required/],
    ['a key twice', { secretEntries: 'A=2' }, /secretEntries names A, which another input names already/],
    ['an unknown consumer', { consumers: 'pod/a' }, /consumers has "pod\/a", but a line reads kind\/name/],
    ['a selector beside names', { consumers: 'selector: a=b\ndeployment/a' }, /holds a selector and something else/],
    ['rotation without a key', { rotate: 'secondary' }, /no entry takes the primaryKey/],
    [
      'rotation without restarts',
      {
        rotate: 'secondary',
        restartConsumers: 'false',
        entries: 'K=endpoint:abc#primaryKey',
        azureSubscription: 'azure',
        resourceGroup: 'g',
        workspaceName: 'w',
      },
      /every workload that reads the key must restart/,
    ],
    ['a bad target', { targets: 'namespace=Guardian' }, /targets has "Guardian", but it must be/],
  ];
  for (const [what, inputs, expected] of refusals)
    it(`refuse ${what}`, () => assert.throws(() => read(inputs), expected));
});

describe('SyncK8sConfigMap targets', () => {
  it('leave to the other inputs what they do not say', () => {
    const { targets, problems } = parseTargets(['cluster=2 namespace=eu', 'CONFIGMAP=flags, secret=flag-keys']);
    assert.deepEqual(problems, []);
    assert.deepEqual(targets, [
      { cluster: '2', namespace: 'eu', configMapName: undefined, secretName: undefined },
      { cluster: undefined, namespace: undefined, configMapName: 'flags', secretName: 'flag-keys' },
    ]);
  });

  it('refuse other words and a word twice', () => {
    const { problems } = parseTargets(['cluster=1 cluster=2', 'pod=x']);
    assert.equal(problems.length, 2);
  });
});
