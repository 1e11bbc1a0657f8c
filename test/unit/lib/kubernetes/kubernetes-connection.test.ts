import assert from 'node:assert/strict';
import { kubernetesAccess } from '../../../../lib/connection/kubernetes-connection';
import type { ServiceConnection, TaskHost } from '../../../../lib/host/task-host';

const base64 = (text: string) => Buffer.from(text).toString('base64');
const claims = Buffer.from(JSON.stringify({ sub: 'system:serviceaccount:guardian:pipeline' })).toString('base64url');
const token = `e30.${claims}.c2ln`;

const kubeconfig = `
apiVersion: v1
kind: Config
current-context: prod
contexts:
  - { name: prod, context: { cluster: c, user: admin, namespace: guardian } }
  - { name: test, context: { cluster: d, user: admin } }
clusters:
  - { name: c, cluster: { server: "https://prod:6443", certificate-authority-data: "${base64('ca')}" } }
  - { name: d, cluster: { server: "https://test:6443" } }
users:
  - { name: admin, user: { token: s3cret-token } }
`;

function connect(auth: Record<string, string>, data: Record<string, string>) {
  const masked: string[] = [];
  const connection: ServiceConnection = {
    id: 'k',
    url: 'https://cluster:443/',
    scheme: 'Token',
    auth: key => auth[key],
    data: key => data[key],
  };
  const host = { maskSecret: (value: string) => masked.push(value), proxy: () => undefined } as unknown as TaskHost;
  return kubernetesAccess(connection, host).then(access => ({ access, masked }));
}

describe('Kubernetes service connection', () => {
  for (const authorizationType of ['ServiceAccount', 'AzureSubscription']) {
    it(`${authorizationType}: the token is decoded and masked`, async () => {
      const { access, masked } = await connect(
        { apiToken: base64(token), serviceAccountCertificate: base64('ca') },
        { authorizationType, namespace: 'guardian' },
      );
      assert.equal(access.server, 'https://cluster:443');
      assert.equal(access.user, 'system:serviceaccount:guardian:pipeline');
      assert.equal(access.namespace, 'guardian');
      assert.equal(access.kubeConfig.getCurrentUser()?.token, token);
      assert.equal(access.kubeConfig.getCurrentCluster()?.caData, base64('ca'));
      assert.deepEqual(masked, [token]);
    });
  }

  it('a token that is not base64 is taken as it is', async () => {
    const { access } = await connect({ apiToken: token }, { authorizationType: 'ServiceAccount' });
    assert.equal(access.kubeConfig.getCurrentUser()?.token, token);
  });

  it('Kubeconfig: current context, or the one that the connection names', async () => {
    const { access, masked } = await connect({ kubeconfig }, {});
    assert.deepEqual([access.server, access.user, access.namespace], ['https://prod:6443', 'admin', 'guardian']);
    assert.deepEqual(masked, ['s3cret-token']);
    assert.equal((await connect({ kubeconfig, clusterContext: 'test' }, {})).access.server, 'https://test:6443');
  });

  it('skips the certificate check when the connection says so', async () => {
    const { access } = await connect({ kubeconfig }, { acceptUntrustedCerts: 'true' });
    assert.equal(access.kubeConfig.getCurrentCluster()?.skipTLSVerify, true);
    assert.equal(access.kubeConfig.getCurrentCluster()?.caData, undefined);
  });

  const refusals: [string, Record<string, string>, Record<string, string>, RegExp][] = [
    ['no kubeconfig', {}, {}, /holds no kubeconfig/],
    ['broken YAML', { kubeconfig: 'a: [' }, {}, /cannot be read/],
    ['unknown context', { kubeconfig, clusterContext: 'dev' }, {}, /no context dev. It has: prod, test/],
    ['no cluster', { kubeconfig: 'apiVersion: v1\nkind: Config\n' }, {}, /names no cluster/],
    ['no token', {}, { authorizationType: 'ServiceAccount' }, /holds no service account token/],
    ['unknown kind', {}, { authorizationType: 'Exec' }, /unknown authorization type Exec/],
  ];
  for (const [what, auth, data, expected] of refusals) {
    it(`refuses: ${what}`, () => assert.rejects(connect(auth, data), expected));
  }
});
