import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { localProject } from '../../../local/project';

describe('pipelines on another cluster than local Kubernetes', () => {
  const folder = mkdtempSync(join(tmpdir(), 'guardian-other-cluster-'));
  after(() => rmSync(folder, { recursive: true, force: true }));

  const project = (kubeconfig: object): ReturnType<typeof localProject> => {
    const file = join(folder, 'config');
    writeFileSync(file, stringify(kubeconfig));
    const description = Object.fromEntries(
      ['arm', 'authority', 'ca', 'tenantId', 'clientId', 'clientSecret'].map(name => [name, name]),
    );
    const facts = { description: { ...description, kubeconfig: file }, otherClusterKubeconfig: file };
    return localProject(facts as unknown as Parameters<typeof localProject>[0], { sourcesDir: folder });
  };

  it('the Kubernetes connection is that of the kubeconfig, with its current context', () => {
    const clusters = ['one', 'two'].map(name => ({ name, cluster: { server: `https://${name}.example.com` } }));
    const contexts = [{ name: 'here', context: { cluster: 'two' } }];
    const { connections } = project({ clusters, contexts, 'current-context': 'here' });
    const connection = connections.find(({ name }) => name === 'guardian-kubernetes-connection');
    assert.equal(connection?.url, 'https://two.example.com');
    assert.equal(connection.data.authorizationType, 'Kubeconfig');
    assert.equal(connection.parameters.clusterContext, 'here');
    assert.match(connection.parameters.kubeconfig ?? '', /two\.example\.com/);
  });

  it('a kubeconfig without a current cluster is refused with its name', () => {
    assert.throws(() => project({ clusters: [] }), /config: its current context names no cluster with a server/);
  });
});
