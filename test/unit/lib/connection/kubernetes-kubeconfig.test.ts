import assert from 'node:assert/strict';
import { kubeconfigAccess } from '../../../../lib/connection/kubernetes-kubeconfig';
import { FakeHost } from '../../../support/fake-host';

const kubeconfig = (user: string) => `
apiVersion: v1
kind: Config
current-context: c
contexts: [{ name: c, context: { cluster: c, user: u } }]
clusters: [{ name: c, cluster: { server: "https://aks:443" } }]
users: [{ name: u, user: ${user} }]
`;
const kubelogin =
  '{ exec: { apiVersion: client.authentication.k8s.io/v1beta1, command: /usr/bin/kubelogin, args: [get-token, --server-id, server-app] } }';

describe('a kubeconfig', () => {
  it('that has kubelogin sign in is signed in by the Azure service connection, per request', async () => {
    const host = new FakeHost();
    const asked: string[] = [];
    const entra = {
      principal: 'service principal x',
      token: (application: string) => {
        asked.push(application);
        return Promise.resolve(`token-${asked.length}`);
      },
    };
    for (const [user, application] of [
      [kubelogin, 'server-app'],
      ['{ auth-provider: { name: azure, config: { apiserver-id: old-app } } }', 'old-app'],
    ] as const) {
      asked.length = 0;
      const access = await kubeconfigAccess(kubeconfig(user), { what: 'the kubeconfig', entra }, host);
      assert.equal(access.user, 'service principal x');
      for (const expected of ['Bearer token-1', 'Bearer token-2']) {
        const options: { headers?: Record<string, string> } = {};
        await access.kubeConfig.applyToHTTPSOptions(options);
        assert.equal(options.headers?.['Authorization'], expected);
      }
      assert.deepEqual(asked, [application, application]);
    }
    assert.ok(host.masked.includes('token-1'));
  });

  it('that has kubelogin sign in is refused without one', () =>
    assert.rejects(
      kubeconfigAccess(kubeconfig(kubelogin), { what: 'the kubeconfig' }, new FakeHost()),
      /The kubeconfig signs in to Entra ID with kubelogin, as the user u. Name an Azure service connection/,
    ));

  it("is reached through the agent's proxy", async () => {
    const host = new FakeHost({ proxy: url => (url.startsWith('https://aks') ? 'http://proxy:3128' : undefined) });
    const access = await kubeconfigAccess(kubeconfig('{ token: t }'), { what: 'the kubeconfig' }, host);
    assert.equal(access.kubeConfig.getCurrentCluster()?.proxyUrl, 'http://proxy:3128');
  });
});
