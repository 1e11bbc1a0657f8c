import assert from 'node:assert/strict';
import type { Datastore } from '@azure/arm-machinelearning';
import { AzureFixture } from '../azure/azure-fixture';

const api = 'api-version=2023-10-01';

async function namesOf(list: AsyncIterable<{ name?: string }>): Promise<string[]> {
  const names: string[] = [];
  for await (const { name = '' } of list) names.push(name);
  return names;
}

describe('local Azure: what is beside jobs and endpoints', function () {
  this.timeout(60_000);
  let fixture: AzureFixture;
  let token: string;

  before(async () => {
    fixture = await AzureFixture.start();
    token = await fixture.token();
  });
  after(() => fixture.end());

  describe('datastores', () => {
    const store = (more: object): { properties: Datastore['properties'] } => ({
      properties: {
        datastoreType: 'AzureBlob',
        accountName: fixture.azure.stores.blobs.account.name,
        containerName: 'photographs',
        credentials: {
          credentialsType: 'AccountKey',
          secrets: { secretsType: 'AccountKey', key: fixture.azure.stores.blobs.account.key },
        },
        ...more,
      },
    });

    it('one for another container is added, gives its secret only when asked, and a job reads from it', async () => {
      const client = fixture.client();
      await fixture.azure.stores.blobs.put('photographs', 'animals/cat.txt', 'a cat');
      const made = await client.datastores.createOrUpdate(...fixture.names, 'photos', store({ tags: { of: 'cats' } }));
      assert.equal(made.properties.datastoreType, 'AzureBlob');
      const read = await client.datastores.get(...fixture.names, 'photos');
      assert.doesNotMatch(JSON.stringify(read), new RegExp(fixture.azure.stores.blobs.account.key.slice(0, 20)));
      assert.deepEqual([read.properties.tags, read.properties.isDefault], [{ of: 'cats' }, false]);
      const secrets = await client.datastores.listSecrets(...fixture.names, 'photos');
      assert.equal((secrets as { key?: string }).key, fixture.azure.stores.blobs.account.key);
      const job = await fixture.commandJob('cat "${{inputs.photos}}/cat.txt"', {
        inputs: { photos: { jobInputType: 'uri_folder', uri: 'azureml://datastores/photos/paths/animals/' } },
      });
      await fixture.call('PUT', `${fixture.workspaceId}/jobs/reads-photos?${api}`, { token, body: job });
      assert.equal((await fixture.endOf('reads-photos')).status, 'Completed');
      assert.match(await fixture.jobLog('reads-photos'), /a cat/);
    });

    it('of other kinds are kept with their credentials, and said to be out of reach where they are used', async () => {
      const client = fixture.client();
      await client.datastores.createOrUpdate(...fixture.names, 'lake', {
        properties: {
          datastoreType: 'AzureDataLakeGen2',
          accountName: 'company',
          filesystem: 'raw',
          credentials: {
            credentialsType: 'ServicePrincipal',
            clientId: fixture.azure.description.clientId,
            tenantId: fixture.azure.description.tenantId,
            secrets: { secretsType: 'ServicePrincipal', clientSecret: 'not told' },
          },
        },
      });
      const read = (await client.datastores.get(...fixture.names, 'lake')).properties as unknown as Record<
        string,
        unknown
      >;
      assert.deepEqual([read.filesystem, read.accountName, read.endpoint], ['raw', 'company', 'core.windows.net']);
      const refused = client.modelVersions.createOrUpdate(...fixture.names, 'of-the-lake', '1', {
        properties: { modelUri: 'azureml://datastores/lake/paths/model/' },
      });
      await assert.rejects(refused, /The datastore lake \(AzureDataLakeGen2\) is in the storage account company/);
    });

    it('are listed by name, by text and by order', async () => {
      const { datastores } = fixture.client();
      assert.deepEqual(await namesOf(datastores.list(...fixture.names, { isDefault: true })), ['workspaceblobstore']);
      assert.deepEqual(await namesOf(datastores.list(...fixture.names, { names: ['lake', 'photos'] })), [
        'photos',
        'lake',
      ]);
      assert.deepEqual(await namesOf(datastores.list(...fixture.names, { searchText: 'blob' })), [
        'workspaceblobstore',
      ]);
      const descending = { searchText: 'o', orderBy: 'name', orderByAsc: false };
      assert.equal((await namesOf(datastores.list(...fixture.names, descending)))[0], 'workspaceworkingdirectory');
    });

    it('refuse what is wrong, by name', async () => {
      const { datastores } = fixture.client();
      const put = (body: { properties: Datastore['properties'] }): Promise<unknown> =>
        datastores.createOrUpdate(...fixture.names, 'wrong', body);
      const none = { credentialsType: 'AccountKey', secrets: { secretsType: 'AccountKey' } };
      await assert.rejects(put(store({ credentials: none })), /credentials\.secrets\.key field is required/);
      await assert.rejects(put(store({ containerName: undefined })), /containerName field is required/);
      await assert.rejects(put(store({ datastoreType: 'Hdfs' })), /datastoreType is 'Hdfs'; supported: AzureBlob/);
      const wrongKey = { credentialsType: 'AccountKey', secrets: { secretsType: 'AccountKey', key: 'bm8=' } };
      await assert.rejects(put(store({ credentials: wrongKey })), /account key is not one of the storage account/);
      await assert.rejects(datastores.delete(...fixture.names, 'workspaceblobstore'), /cannot be deleted/);
      await assert.rejects(datastores.get(...fixture.names, 'wrong'), /Could not find datastore wrong/);
    });

    it('are deleted', async () => {
      const { datastores } = fixture.client();
      await datastores.delete(...fixture.names, 'lake');
      await assert.rejects(datastores.get(...fixture.names, 'lake'), { statusCode: 404 });
    });
  });

  it('the workspace is described and tagged, and gives the keys of its storage', async () => {
    const patched = await fixture.call('PATCH', `${fixture.workspaceId}?${api}`, {
      token,
      body: { tags: { team: 'guardian' }, properties: { description: 'of the story', friendlyName: 'Guardian' } },
    });
    assert.equal(patched.status, 200, patched.text);
    const { tags, description, friendlyName } = await fixture.client().workspaces.get(...fixture.names);
    assert.deepEqual([tags, description, friendlyName], [{ team: 'guardian' }, 'of the story', 'Guardian']);
    const { userStorageKey } = await fixture.client().workspaces.listKeys(...fixture.names);
    assert.equal(userStorageKey, fixture.azure.stores.blobs.account.key);
  });

  it('the quota of a family is set for the workspace, and read back', async () => {
    const { quotas } = fixture.client();
    const id = `${fixture.workspaceId}/quotas/standardDSv2Family`;
    const { value = [] } = await quotas.update('eastus', {
      location: 'eastus',
      value: [
        { id, limit: 24, unit: 'Count' },
        { id, limit: 10_000, unit: 'Count' },
        { id: `${fixture.workspaceId}/quotas/noSuchFamily`, limit: 1, unit: 'Count' },
      ],
    });
    assert.deepEqual(
      value.map(({ status }) => status),
      ['Success', 'InvalidQuotaExceedsSubscriptionLimit', 'InvalidVMFamilyName'],
    );
    const limits: Record<string, number | undefined> = {};
    for await (const { name, limit } of quotas.list('eastus')) limits[name?.value ?? ''] = limit;
    assert.deepEqual([limits.standardDSv2Family, limits.standardFSv2Family], [24, 100]);
    await quotas.update('eastus', { value: [{ id, limit: -1, unit: 'Count' }] });
  });

  describe('assets', () => {
    before(async () => {
      await fixture.azure.stores.blobs.put('azureml', 'listed/model.onnx', 'weights');
      for (const [version, tags] of [
        ['1', { stage: 'rejected' }],
        ['2', { stage: 'champion', by: 'me' }],
        ['3', { by: 'me' }],
      ] as const)
        await fixture.client().modelVersions.createOrUpdate(...fixture.names, 'listed', version, {
          properties: {
            modelUri: 'azureml://datastores/workspaceartifactstore/paths/listed/',
            description: `Number ${version}`,
            tags,
            properties: { digest: `sha256:${version}` },
          },
        });
    });

    const cases: [title: string, options: object, expected: string[]][] = [
      ['by the name of a tag', { tags: 'by' }, ['3', '2']],
      ['by a tag and its value, and another tag', { tags: 'by,stage=champion' }, ['2']],
      ['by a property', { properties: 'digest=sha256:1' }, ['1']],
      ['by a word of the description', { description: 'number 3' }, ['3']],
      ['from an offset on', { offset: 1 }, ['2', '1']],
      ['the first created first', { orderBy: 'createdtime asc', top: 2 }, ['1', '2']],
    ];
    for (const [title, options, expected] of cases)
      it(`versions are listed ${title}`, async () => {
        const found = await namesOf(fixture.client().modelVersions.list(...fixture.names, 'listed', options));
        assert.deepEqual(found, expected);
      });

    for (const kind of ['codes', 'environments', 'data', 'components', 'models'])
      it(`${kind}: a version and a name that are not there are 404 in reads and 204 in deletes`, async () => {
        for (const path of [`${kind}/nobody`, `${kind}/nobody/versions/1`, `${kind}/nobody/versions`]) {
          const { status, text } = await fixture.call('GET', `${fixture.workspaceId}/${path}?${api}`, { token });
          assert.equal(status, 404, text);
          assert.match(text, /container with name: nobody not found/);
          if (path.endsWith('versions')) continue;
          assert.equal((await fixture.call('DELETE', `${fixture.workspaceId}/${path}?${api}`, { token })).status, 204);
        }
      });

    it('a version is deleted, then the name with all others', async () => {
      const { modelVersions, modelContainers } = fixture.client();
      await modelVersions.delete(...fixture.names, 'listed', '3');
      assert.equal((await modelContainers.get(...fixture.names, 'listed')).properties.latestVersion, '2');
      await modelContainers.delete(...fixture.names, 'listed');
      await assert.rejects(modelVersions.get(...fixture.names, 'listed', '1'), { statusCode: 404 });
    });
  });
});
