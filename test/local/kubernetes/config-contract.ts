import assert from 'node:assert/strict';
import type * as k8s from '@kubernetes/client-node' with { 'resolution-mode': 'import' };
import { eventually, refusal, type ContractCluster } from './test-cluster';

/** What a real API server does with ConfigMaps and Secrets; any cluster must pass. */
export function describeConfigContract(cluster: () => ContractCluster): void {
  describe('ConfigMaps and Secrets', () => {
    let core: k8s.CoreV1Api;
    let namespace: string;
    let apply: k8s.ConfigurationOptions;
    let merge: k8s.ConfigurationOptions;
    before(() => {
      const { client, config } = cluster();
      ({ namespace } = cluster());
      core = config.makeApiClient(client.CoreV1Api);
      apply = client.setHeaderOptions('Content-Type', client.PatchStrategy.ServerSideApply);
      merge = client.setHeaderOptions('Content-Type', client.PatchStrategy.MergePatch);
    });

    const applyData = (
      name: string,
      data: Record<string, unknown>,
      o: { manager?: string | undefined; force?: boolean; dryRun?: string; fields?: object; namespace?: string } = {},
    ): Promise<k8s.V1ConfigMap> => {
      const manager = 'manager' in o ? o.manager : 'guardian';
      return core.patchNamespacedConfigMap(
        {
          name,
          namespace: o.namespace ?? namespace,
          body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data, ...o.fields },
          ...(manager === undefined ? {} : { fieldManager: manager }),
          ...(o.force === undefined ? {} : { force: o.force }),
          ...(o.dryRun === undefined ? {} : { dryRun: o.dryRun }),
        },
        apply,
      );
    };
    const read = (name: string): Promise<k8s.V1ConfigMap> => core.readNamespacedConfigMap({ name, namespace });
    const ownedBy = (map: k8s.V1ConfigMap, manager: string): string[] => {
      const entry = map.metadata?.managedFields?.find(one => one.manager === manager);
      const fields = (entry?.fieldsV1 ?? {}) as { 'f:data'?: object };
      return Object.keys(fields['f:data'] ?? {}).filter(key => key !== '.');
    };

    it('server-side apply creates, and applied again changes nothing', async () => {
      const created = await applyData('applied', { A: '1', B: '2' });
      assert.deepEqual(created.data, { A: '1', B: '2' });
      assert.deepEqual(ownedBy(created, 'guardian').sort(), ['f:A', 'f:B']);
      const again = await applyData('applied', { A: '1', B: '2' });
      assert.equal(again.metadata?.resourceVersion, created.metadata?.resourceVersion);
    });

    it('two appliers each keep their own keys, and a key that its owner no longer names goes', async () => {
      await applyData('shared', { MINE: '1', OLD: 'x' });
      await applyData('shared', { THEIRS: '2' }, { manager: 'somebody' });
      const map = await applyData('shared', { MINE: '3' });
      assert.deepEqual(map.data, { MINE: '3', THEIRS: '2' });
    });

    it('a key that another applier owns is a 409 with the owner and the field; the same value is not', async () => {
      await applyData('disputed', { champion: 'v1', other: 'x' }, { manager: 'somebody' });
      const refused = await refusal(applyData('disputed', { champion: 'v2' }));
      assert.equal(refused.code, 409);
      assert.equal(refused.reason, 'Conflict');
      assert.match(refused.message, /^Apply failed with 1 conflict: conflict with "somebody": \.data\.champion$/);
      assert.deepEqual(refused.details?.causes, [
        { reason: 'FieldManagerConflict', message: 'conflict with "somebody"', field: '.data.champion' },
      ]);
      const agreed = await applyData('disputed', { champion: 'v1' });
      assert.deepEqual(ownedBy(agreed, 'guardian'), ['f:champion']);
    });

    it('force takes the key and leaves the other manager the rest', async () => {
      await applyData('forced', { champion: 'v1', other: 'x' }, { manager: 'somebody' });
      const map = await applyData('forced', { champion: 'v2' }, { force: true });
      assert.deepEqual(map.data, { champion: 'v2', other: 'x' });
      assert.deepEqual(ownedBy(map, 'somebody'), ['f:other']);
      assert.deepEqual(ownedBy(map, 'guardian'), ['f:champion']);
    });

    it('a key that a plain patch changed is a conflict that names the version of the API', async () => {
      await applyData('patched', { champion: 'v1' });
      await core.patchNamespacedConfigMap(
        { name: 'patched', namespace, body: { data: { champion: 'by hand' } }, fieldManager: 'human' },
        merge,
      );
      const refused = await refusal(applyData('patched', { champion: 'v2' }));
      assert.match(refused.message, /conflict with "human" using v1/);
    });

    it('apply without a field manager is 422', async () => {
      const refused = await refusal(applyData('nobody', { A: '1' }, { manager: undefined }));
      assert.equal(refused.code, 422);
      assert.equal(refused.reason, 'Invalid');
      assert.deepEqual(
        refused.details?.causes?.map(({ reason, field }) => [reason, field]),
        [['FieldValueRequired', 'fieldManager']],
      );
    });

    it('an update of an old version is a 409 without causes', async () => {
      const old = await applyData('stale', { A: '1' });
      await applyData('stale', { A: '2' });
      const refused = await refusal(core.replaceNamespacedConfigMap({ name: 'stale', namespace, body: old }));
      assert.equal(refused.code, 409);
      assert.equal(refused.reason, 'Conflict');
      assert.deepEqual([refused.details?.name, refused.details?.kind], ['stale', 'configmaps']);
      assert.equal(refused.details?.causes, undefined);
      assert.match(refused.message, /the object has been modified; please apply your changes to the latest version/);
    });

    it('an immutable ConfigMap refuses other content, but a conflict is said first', async () => {
      await applyData('fixed', { A: '1' }, { fields: { immutable: true } });
      const patch = { name: 'fixed', namespace, body: { data: { A: '2' } } };
      const refused = await refusal(core.patchNamespacedConfigMap(patch, merge));
      assert.equal(refused.code, 422);
      assert.match(refused.message, /field is immutable when `immutable` is set/);
      assert.equal((await refusal(applyData('fixed', { A: '2' }, { manager: 'somebody' }))).code, 409);
      assert.equal((await refusal(applyData('fixed', { A: '2' }, { manager: 'somebody', force: true }))).code, 422);
      assert.deepEqual((await read('fixed')).data, { A: '1' });
    });

    it('what is not there is 404 by its name: object and namespace', async () => {
      const object = await refusal(read('absent'));
      assert.deepEqual(
        [object.code, object.reason, object.message],
        [404, 'NotFound', 'configmaps "absent" not found'],
      );
      const space = await refusal(applyData('x', { A: '1' }, { namespace: 'no-such-namespace' }));
      assert.deepEqual([space.code, space.message], [404, 'namespaces "no-such-namespace" not found']);
    });

    it('a key with other characters is 422 on that key', async () => {
      const refused = await refusal(applyData('keys', { 'a b/c': 'x' }));
      assert.equal(refused.code, 422);
      assert.deepEqual(
        refused.details?.causes?.map(({ field }) => field),
        ['data[a b/c]'],
      );
    });

    it('more than 1 MiB is refused with the limit', async () => {
      const refused = await refusal(applyData('large', { A: 'x'.repeat(1024 * 1024 + 1) }));
      assert.equal(refused.code, 422);
      assert.match(refused.message, /1048576 bytes/);
    });

    it('a number as value, and an unknown field, are 500 without a reason in an apply', async () => {
      const number = await refusal(applyData('typed', { A: 1 }));
      assert.deepEqual([number.code, number.reason], [500, undefined]);
      assert.match(number.message, /\.data\.A: expected string/);
      const field = await refusal(applyData('typed', { A: '1' }, { fields: { nonsense: true } }));
      assert.deepEqual([field.code, field.reason], [500, undefined]);
      assert.match(field.message, /\.nonsense: field not declared in schema/);
    });

    it('a dry run answers as if, and writes nothing', async () => {
      const map = await applyData('dry', { A: '1' }, { dryRun: 'All' });
      assert.deepEqual(map.data, { A: '1' });
      assert.equal((await refusal(read('dry'))).code, 404);
    });

    it('a name that is taken is 409 AlreadyExists', async () => {
      await applyData('taken', { A: '1' });
      const refused = await refusal(
        core.createNamespacedConfigMap({ namespace, body: { metadata: { name: 'taken' } } }),
      );
      assert.deepEqual([refused.code, refused.reason], [409, 'AlreadyExists']);
    });

    it("a Secret's keys merge like a ConfigMap's, and stringData becomes base64", async () => {
      const body = { metadata: { name: 'keys' }, stringData: { KEY: 'value' }, data: { OTHER: 'eA==' } };
      const created = await core.createNamespacedSecret({ namespace, body });
      assert.deepEqual(created.data, { KEY: Buffer.from('value').toString('base64'), OTHER: 'eA==' });
      assert.equal(created.type, 'Opaque');
      const ours = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'keys' }, data: { OURS: 'eQ==' } };
      const patch = { name: 'keys', namespace, body: ours, fieldManager: 'guardian' };
      const applied = await core.patchNamespacedSecret(patch, apply);
      assert.deepEqual(Object.keys(applied.data ?? {}).sort(), ['KEY', 'OTHER', 'OURS']);
    });

    it('lists by label, by name and by page', async () => {
      for (const name of ['page-1', 'page-2', 'page-3']) {
        const body = { metadata: { name, labels: { list: 'pages', odd: String(name !== 'page-2') } } };
        await core.createNamespacedConfigMap({ namespace, body });
      }
      const names = async (o: object): Promise<string[]> => {
        const list = await core.listNamespacedConfigMap({ namespace, ...o });
        return list.items.map(({ metadata }) => metadata?.name ?? '');
      };
      assert.deepEqual(await names({ labelSelector: 'list=pages,odd!=false' }), ['page-1', 'page-3']);
      assert.deepEqual(await names({ labelSelector: 'odd in (false, maybe)' }), ['page-2']);
      assert.deepEqual(await names({ fieldSelector: 'metadata.name=page-2' }), ['page-2']);
      const first = await core.listNamespacedConfigMap({ namespace, labelSelector: 'list=pages', limit: 2 });
      assert.equal(first.items.length, 2);
      const rest = { labelSelector: 'list=pages', limit: 2, _continue: first.metadata?._continue };
      assert.deepEqual(await names(rest), ['page-3']);
      assert.equal((await refusal(names({ fieldSelector: 'spec.nonsense=1' }))).code, 400);
    });

    it('a watch tells of every change after the version that it starts from', async () => {
      const list = await core.listNamespacedConfigMap({ namespace });
      await applyData('watched', { A: '1' });
      const seen: string[] = [];
      const watch = new (cluster().client.Watch)(cluster().config);
      const controller = await watch.watch(
        `/api/v1/namespaces/${namespace}/configmaps`,
        { resourceVersion: list.metadata?.resourceVersion, fieldSelector: 'metadata.name=watched' },
        (type, object: k8s.V1ConfigMap) => seen.push(`${type} ${object.data?.A ?? ''}`),
        () => undefined,
      );
      await applyData('watched', { A: '2' });
      await core.deleteNamespacedConfigMap({ name: 'watched', namespace });
      await eventually(() => (seen.length >= 3 ? true : undefined));
      controller.abort();
      assert.deepEqual(seen, ['ADDED 1', 'MODIFIED 2', 'DELETED 2']);
    });
  });
}
