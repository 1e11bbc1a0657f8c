import assert from 'node:assert/strict';
import { parse, stringify } from 'yaml';
import { failed, log, succeeded } from '../outcome';
import { readsApp, type SyncCluster, type SyncNamespace } from './sync-cluster';

interface Rule {
  apiGroups: string[];
  resources: string[];
  verbs: string[];
}

/** Which way in, with which rights, and to how many places. */
export function describeAccess(cluster: () => SyncCluster): void {
  describe('access', () => {
    let space: SyncNamespace;
    beforeEach(async () => (space = await cluster().namespace()));

    /** The Role of the samples without one verb on one resource, for as long as `run` takes. */
    async function without(verb: string, resource: string, run: () => Promise<void>): Promise<void> {
      const { name: namespace, rbac } = space;
      const role = await rbac.readNamespacedRole({ namespace, name: 'guardian-pipeline' });
      const whole = role.rules as Rule[];
      const rules = whole.flatMap(rule =>
        rule.resources.map(one => ({
          ...{ apiGroups: rule.apiGroups, resources: [one] },
          verbs: rule.verbs.filter(word => one !== resource || word !== verb),
        })),
      );
      const put = async (list: Rule[]): Promise<void> => {
        const body = [{ op: 'replace', path: '/rules', value: list.filter(rule => rule.verbs.length > 0) }];
        await rbac.patchNamespacedRole({ namespace, name: 'guardian-pipeline', body });
      };
      await put(rules);
      await run();
      await put(whole);
    }

    it('lacking a right says which rule to add, before anything is written', async () => {
      await space.deploy('reader', { container: readsApp });
      const inputs = { entries: 'A=1', secretEntries: 'P=secret-p' };
      const lacks: [verb: string, resource: string, group: string][] = [
        ['get', 'secrets', ''],
        ['create', 'secrets', ''],
        ['patch', 'configmaps', ''],
        ['list', 'cronjobs', 'batch'],
        ['patch', 'deployments', 'apps'],
      ];
      for (const [verb, resource, group] of lacks) {
        await without(verb, resource, async () => {
          const error = failed(await space.sync(inputs));
          const rule = `Add this rule to its Role there: apiGroups ["${group}"], resources ["${resource}"], verbs ["${verb}"].`;
          assert.ok(error.includes(rule), error);
          for (const part of ['guardian-pipeline', space.proxy.url, space.name]) assert.ok(error.includes(part), error);
        });
      }
      assert.deepEqual([await space.configMap(), await space.secret()], [undefined, undefined]);
      // Old contents that may not be cleared away are no reason to fail a release that is done.
      await without('list', 'configmaps', async () => {
        const run = succeeded(await space.sync(inputs));
        assert.ok(
          run.issues.some(({ message }) => message.includes('resources ["configmaps"], verbs ["list"]')),
          log(run),
        );
      });
    });

    it('refused or impossible names cluster, user, verb and resource', async () => {
      const wrongToken = await space.sync({ entries: 'A=1', kubeconfig: space.kubeconfigWith('wrong') });
      assert.match(
        failed(wrongToken),
        new RegExp(
          `${space.proxy.url} does not accept the credentials of guardian-pipeline \\(401\\), seen when trying to get secrets`,
        ),
      );
      const elsewhere = await space.sync({ entries: 'A=1', namespace: 'kube-system' });
      assert.match(failed(elsewhere), /may not get secrets app-secrets in namespace kube-system of/);
      assert.match(
        failed(await space.sync({ entries: 'A=1', kubeContext: 'dev' })),
        /has no context dev. It has: main/,
      );
      const nowhere = space.kubeconfig.replace(space.proxy.url, 'https://kubernetes.invalid:6443');
      assert.match(
        failed(await space.sync({ entries: 'A=1', kubeconfig: nowhere })),
        /kubernetes\.invalid:6443 cannot be reached \(\w+\), when guardian-pipeline was to get secrets/,
      );
    });

    it('to several places writes each, one after the other, and reports each', async () => {
      const second = await cluster().namespace();
      const kubeconfig = inOne({ one: space, two: second });
      await space.deploy('reader', { container: readsApp });
      await second.deploy('reader', { container: readsApp });
      const inputs = { kubeconfig, kubeContext: 'one, two' };
      const run = succeeded(await space.sync({ ...inputs, entries: 'A=1' }));
      assert.deepEqual([await space.configMap(), await second.configMap()], [{ A: '1' }, { A: '1' }]);
      const targets = JSON.parse(run.outputs['targets'] ?? '[]') as Record<string, unknown>[];
      assert.deepEqual(
        targets.map(target => [target['cluster'], target['namespace'], target['configMap'], target['restarted']]),
        [space, second].map(one => [one.proxy.url, one.name, 'app', ['deployment/reader']]),
      );
      const lines = 'cluster=one configMap=app\ncluster=two configMap=app\ncluster=two configMap=flags';
      succeeded(await space.sync({ ...inputs, targets: lines, entries: 'A=2' }));
      assert.deepEqual([await space.configMap('flags'), await second.configMap('flags')], [undefined, { A: '2' }]);

      // Nothing is written anywhere when one of the places refuses.
      await second.applyAs('other-tool', 'app', { B: 'theirs' });
      assert.match(failed(await space.sync({ ...inputs, entries: 'A=3\nB=ours' })), /owned by "other-tool"/);
      assert.deepEqual(await space.configMap(), { A: '2' });

      // What fails only later is reported beside what is done.
      await second.deploy('needy', {
        container: { env: [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'app', key: 'A' } } }] },
      });
      const error = failed(await space.sync({ ...inputs, entries: 'C=3' }));
      assert.match(
        error,
        /1 of 2 places have the configuration:\n- .*: written, and running with it\n- .*: failed\. .*CreateContainerConfigError/s,
      );
      assert.deepEqual([await space.configMap(), await second.configMap()], [{ C: '3' }, { A: '2', B: 'theirs' }]);
    });
  });
}

/** The kubeconfigs of several namespaces in one, as contexts. */
function inOne(spaces: Record<string, SyncNamespace>): string {
  interface Named {
    name: string;
  }
  interface Kubeconfig {
    clusters: (Named & { cluster: object })[];
    users: (Named & { user: object })[];
    contexts: (Named & { context: { cluster: string; user: string; namespace: string } })[];
  }
  const all = Object.entries(spaces).map(([name, space]) => ({ name, config: parse(space.kubeconfig) as Kubeconfig }));
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: all.flatMap(({ name, config }) => config.clusters.map(one => ({ ...one, name }))),
    users: all.flatMap(({ name, config }) => config.users.map(one => ({ ...one, name }))),
    contexts: all.flatMap(({ name, config }) =>
      config.contexts.map(({ context }) => ({ name, context: { ...context, cluster: name, user: name } })),
    ),
    'current-context': Object.keys(spaces)[0],
  });
}
