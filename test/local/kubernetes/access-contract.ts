import assert from 'node:assert/strict';
import type * as k8s from '@kubernetes/client-node' with { 'resolution-mode': 'import' };
import { eventually, refusal, withToken, type ContractCluster } from './test-cluster';

/** Who may do what, and how a refusal reads; any cluster with RBAC must pass. */
export function describeAccessContract(cluster: () => ContractCluster): void {
  describe('access', () => {
    let namespace: string;
    let admin: k8s.CoreV1Api;
    /** A service account that may get and patch ConfigMaps, and create the one called allowed. */
    let limited: k8s.CoreV1Api;
    let limitedConfig: k8s.KubeConfig;
    let apply: k8s.ConfigurationOptions;
    before(async () => {
      const { client, config } = cluster();
      ({ namespace } = cluster());
      apply = client.setHeaderOptions('Content-Type', client.PatchStrategy.ServerSideApply);
      admin = config.makeApiClient(client.CoreV1Api);
      const rbac = config.makeApiClient(client.RbacAuthorizationV1Api);
      await admin.createNamespacedServiceAccount({ namespace, body: { metadata: { name: 'limited' } } });
      const rules = [{ apiGroups: [''], resources: ['configmaps'], verbs: ['get', 'patch'] }];
      await rbac.createNamespacedRole({ namespace, body: { metadata: { name: 'limited' }, rules } });
      await rbac.createNamespacedRoleBinding({
        namespace,
        body: {
          metadata: { name: 'limited' },
          roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'limited' },
          subjects: [{ kind: 'ServiceAccount', name: 'limited', namespace }],
        },
      });
      await admin.createNamespacedConfigMap({ namespace, body: { metadata: { name: 'readable' }, data: { A: '1' } } });
      limitedConfig = withToken(cluster(), await tokenOf('limited'));
      limited = limitedConfig.makeApiClient(client.CoreV1Api);
    });

    async function tokenOf(name: string): Promise<string> {
      const body = { spec: { audiences: [], expirationSeconds: 600 } } as unknown as k8s.AuthenticationV1TokenRequest;
      const answer = await admin.createNamespacedServiceAccountToken({ namespace, name, body });
      return answer.status?.token ?? '';
    }

    const user = (): string => `system:serviceaccount:${namespace}:limited`;

    it('a role allows what it names', async () => {
      assert.deepEqual((await limited.readNamespacedConfigMap({ namespace, name: 'readable' })).data, { A: '1' });
      const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'readable' }, data: { B: '2' } };
      const patch = { namespace, name: 'readable', body, fieldManager: 'limited' };
      assert.deepEqual((await limited.patchNamespacedConfigMap(patch, apply)).data, { A: '1', B: '2' });
    });

    it('anything else is 403 and says who, what and where', async () => {
      const refused = await refusal(limited.readNamespacedSecret({ namespace, name: 'x' }));
      assert.deepEqual([refused.code, refused.reason], [403, 'Forbidden']);
      assert.equal(
        refused.message,
        `secrets "x" is forbidden: User "${user()}" cannot get resource "secrets" in API group "" in the namespace "${namespace}"`,
      );
      const list = await refusal(
        limitedConfig.makeApiClient(cluster().client.AppsV1Api).listNamespacedDeployment({ namespace }),
      );
      assert.equal(
        list.message,
        `deployments.apps is forbidden: User "${user()}" cannot list resource "deployments" in API group "apps" in the namespace "${namespace}"`,
      );
      const nodes = await refusal(limited.listNode());
      assert.match(nodes.message, /cannot list resource "nodes" in API group "" at the cluster scope/);
      const elsewhere = await refusal(limited.readNamespacedConfigMap({ namespace: 'default', name: 'readable' }));
      assert.equal(elsewhere.code, 403);
    });

    it('an apply that would create needs the right to create', async () => {
      const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'new' }, data: { A: '1' } };
      const patch = { namespace, name: 'new', body, fieldManager: 'limited' };
      const refused = await refusal(limited.patchNamespacedConfigMap(patch, apply));
      assert.equal(refused.code, 403);
      assert.match(refused.message, /cannot create resource "configmaps"/);
    });

    it('a wrong token is 401, no token is 403 as anonymous', async () => {
      const wrong = withToken(cluster(), 'wrong').makeApiClient(cluster().client.CoreV1Api);
      const refused = await refusal(wrong.listNamespacedConfigMap({ namespace }));
      assert.equal(refused.code, 401);
      const nobody = withToken(cluster(), undefined).makeApiClient(cluster().client.CoreV1Api);
      const anonymous = await refusal(nobody.listNamespacedConfigMap({ namespace }));
      assert.equal(anonymous.code, 403);
      assert.match(anonymous.message, /User "system:anonymous" cannot list resource "configmaps"/);
    });

    it('a token ends with its service account', async () => {
      await admin.createNamespacedServiceAccount({ namespace, body: { metadata: { name: 'brief' } } });
      const brief = withToken(cluster(), await tokenOf('brief')).makeApiClient(cluster().client.CoreV1Api);
      assert.equal((await refusal(brief.listNamespacedConfigMap({ namespace }))).code, 403);
      await admin.deleteNamespacedServiceAccount({ namespace, name: 'brief' });
      await eventually(async () =>
        (await refusal(brief.listNamespacedConfigMap({ namespace }))).code === 401 ? true : undefined,
      );
    });

    it('a service account can ask what it may do', async () => {
      const may = async (verb: string, resource: string): Promise<boolean | undefined> => {
        const body = { spec: { resourceAttributes: { namespace, verb, resource, group: '' } } };
        const api = limitedConfig.makeApiClient(cluster().client.AuthorizationV1Api);
        return (await api.createSelfSubjectAccessReview({ body })).status?.allowed;
      };
      assert.deepEqual([await may('patch', 'configmaps'), await may('delete', 'configmaps')], [true, false]);
    });

    it('a Secret of type service-account-token is filled', async () => {
      await admin.createNamespacedSecret({
        namespace,
        body: {
          metadata: { name: 'limited-token', annotations: { 'kubernetes.io/service-account.name': 'limited' } },
          type: 'kubernetes.io/service-account-token',
        },
      });
      const data = await eventually(async () => {
        const secret = await admin.readNamespacedSecret({ namespace, name: 'limited-token' });
        return secret.data?.token ? secret.data : undefined;
      });
      const text = (key: string): string => Buffer.from(data[key] ?? '', 'base64').toString();
      assert.equal(text('namespace'), namespace);
      assert.match(text('ca.crt'), /BEGIN CERTIFICATE/);
      const core = withToken(cluster(), text('token')).makeApiClient(cluster().client.CoreV1Api);
      assert.equal((await core.readNamespacedConfigMap({ namespace, name: 'readable' })).metadata?.name, 'readable');
    });
  });
}
