import assert from 'node:assert/strict';
import { BlockBlobClient, ContainerClient } from '@azure/storage-blob';
import { AzureFixture, until, type Answer } from '../azure/azure-fixture';

interface Resource {
  id: string;
  name: string;
  type: string;
  properties: Record<string, unknown>;
}

const data = 'api-version=2021-10-01-dataplanepreview';
const arm = 'api-version=2023-10-01';

describe('local Azure: the registry', function () {
  this.timeout(60_000);
  let fixture: AzureFixture;
  let token: string;
  /** Of the registry, on the host and path that discovery names. */
  let registry: string;
  const call = (method: string, path: string, body?: unknown): Promise<Answer> =>
    fixture.call(method, path, { token, ...(body === undefined ? {} : { body }) });

  before(async () => {
    fixture = await AzureFixture.start();
    token = await fixture.token();
    await fixture.azure.stores.blobs.put('azureml', 'made/model/model.onnx', 'weights');
    await fixture.client().modelVersions.createOrUpdate(...fixture.names, 'nsfw-detector', '3', {
      properties: {
        modelUri: 'azureml://datastores/workspaceartifactstore/paths/made/model/',
        modelType: 'custom_model',
        description: 'of the workspace',
        tags: { accuracy: '0.9' },
      },
    });
    const found = await call('GET', `/registrymanagement/v1.0/registries/guardian-registry/discovery`);
    assert.equal(found.status, 200, found.text);
    const place = found.json as Record<string, string>;
    registry = `${place.primaryRegionResourceProviderUri}mferp/managementfrontend/subscriptions/${place.subscriptionId}/resourceGroups/${place.resourceGroup}/providers/Microsoft.MachineLearningServices/registries/${place.registryName}`;
  });
  after(() => fixture.end());

  /** Follows an operation by the header that it came with. */
  const ended = (answer: Answer): Promise<Answer> => {
    const location = String(answer.headers['azure-asyncoperation'] ?? answer.headers.location);
    return until(async () => {
      const poll = await call('GET', location);
      const { status } = (poll.json ?? {}) as { status?: string };
      return poll.status === 202 || status === 'InProgress' ? undefined : poll;
    });
  };
  const share = async (to: Record<string, string>, from = 'models/nsfw-detector/versions/3'): Promise<Answer> => {
    const { region } = fixture.azure.description;
    const workspace = await fixture.client().workspaces.get(...fixture.names);
    return call('POST', `${registry}/import?${data}`, {
      properties: {
        referenceType: 'Id',
        sourceAssetId: `azureml://locations/${region}/workspaces/${workspace.workspaceId}/${from}`,
        ...to,
      },
    });
  };
  const files = async (uri: unknown, name: string, version: string): Promise<Record<string, string>> => {
    const answer = await call('POST', `${registry}/datarefs/${name}/versions/${version}?${data}`, {
      assetId: `azureml://registries/guardian-registry/models/${name}/versions/${version}`,
      blobUri: uri,
    });
    const { sasUri } = (answer.json as { blobReferenceForConsumption: { credential: { sasUri: string } } })
      .blobReferenceForConsumption.credential;
    const client = new ContainerClient(sasUri, undefined, {
      tlsOptions: { ca: fixture.azure.certificate.ca },
    } as ConstructorParameters<typeof ContainerClient>[2]);
    // Of https://ACCOUNT.blob.…/CONTAINER/FOLDER.
    const folder = new URL(String(uri)).pathname.split('/').slice(2).join('/');
    const found: Record<string, string> = {};
    for await (const { name: path } of client.listBlobsFlat({ prefix: folder }))
      found[path] = (await client.getBlobClient(path).downloadToBuffer()).toString();
    return found;
  };

  it('is listed and read as a resource; another name is not found', async () => {
    const own = new URL(registry).pathname.replace('/mferp/managementfrontend', '');
    const found = (await call('GET', `${own}?${arm}`)).json as Resource;
    assert.equal(found.type, 'Microsoft.MachineLearningServices/registries');
    assert.equal(found.id, own);
    const listed = (await call('GET', `${own.replace(/\/[^/]+$/, '')}?${arm}`)).json as { value: Resource[] };
    assert.deepEqual(
      listed.value.map(({ name }) => name),
      ['guardian-registry'],
    );
    for (const path of [
      `${own}-2?${arm}`,
      `${own}-2/models?${arm}`,
      '/registrymanagement/v1.0/registries/other/discovery',
    ])
      assert.equal((await call('GET', path)).status, 404, path);
  });

  it('takes a model of a workspace as its own: files, description and tags, whatever becomes of the source', async () => {
    const accepted = await share({ destinationName: 'shared', destinationVersion: '1' });
    assert.equal(accepted.status, 202, accepted.text);
    assert.equal((await ended(accepted)).status, 204);
    await fixture.azure.stores.blobs.delete('azureml', 'made/model/model.onnx');
    const { id, properties, type } = (await call('GET', `${registry}/models/shared/versions/1?${data}`))
      .json as Resource;
    assert.equal(id, 'azureml://registries/guardian-registry/models/shared/versions/1');
    assert.equal(type, 'Microsoft.MachineLearningServices/registries/models/versions');
    assert.deepEqual([properties.description, properties.tags], ['of the workspace', { accuracy: '0.9' }]);
    assert.deepEqual(await files(properties.modelUri, 'shared', '1'), { 'model/model.onnx': 'weights' });
    await fixture.azure.stores.blobs.put('azureml', 'made/model/model.onnx', 'weights');
    const again = await share({ destinationName: 'shared', destinationVersion: '1' });
    assert.equal(again.status, 409, again.text);
    assert.equal((await share({}, 'models/nobody/versions/1')).status, 404);
  });

  it('takes an upload, ends its write as a long-running operation, and keeps its files for good', async () => {
    const version = `${registry}/models/uploaded/versions/1`;
    const temporary = await call('PUT', `${registry}/tempdatarefs/uploaded/versions/1?${data}`, {
      assetId: 'azureml://registries/guardian-registry/models/uploaded/versions/1',
      temporaryDataReferenceType: 'TemporaryBlobReference',
    });
    const { blobUri, credential } = (
      temporary.json as { blobReferenceForConsumption: { blobUri: string; credential: { sasUri: string } } }
    ).blobReferenceForConsumption;
    const url = new URL(credential.sasUri);
    const upload = new BlockBlobClient(`${url.origin}${url.pathname}/m.onnx${url.search}`, undefined, {
      tlsOptions: { ca: fixture.azure.certificate.ca },
    } as ConstructorParameters<typeof BlockBlobClient>[2]);
    await upload.upload('bytes', 5);
    const body = { properties: { modelUri: `${blobUri}/m.onnx`, modelType: 'custom_model', tags: { a: 'b' } } };
    const created = await call('PUT', `${version}?${data}`, body);
    assert.equal(created.status, 201, created.text);
    assert.equal(((await ended(created)).json as { status: string }).status, 'Succeeded');
    const { properties } = (await call('GET', `${version}?${data}`)).json as Resource;
    assert.deepEqual(properties.tags, { a: 'b' });
    assert.deepEqual(await files(properties.modelUri, 'uploaded', '1'), { 'm.onnx': 'bytes' });
    const moved = await call('PUT', `${version}?${data}`, {
      properties: { ...body.properties, modelUri: `${blobUri}/other.onnx` },
    });
    assert.equal(moved.status, 400);
    assert.match(moved.text, /Asset paths cannot be updated\./);
    // In the registry only.
    assert.equal((await call('GET', `${fixture.workspaceId}/models/uploaded?${arm}`)).status, 404);
  });

  it('lists nothing for a name that it does not have', async () => {
    const list = await call('GET', `${registry}/models/nobody/versions?$orderBy=createdtime desc&$top=1&${data}`);
    assert.deepEqual(list.json, { value: [] });
  });

  it('deletes by a long-running operation', async () => {
    await ended(await share({ destinationName: 'short-lived' }));
    const version = `${registry}/models/short-lived/versions/3?${data}`;
    const deleted = await call('DELETE', version);
    assert.equal(deleted.status, 202);
    assert.equal(((await ended(deleted)).json as { status: string }).status, 'Succeeded');
    assert.equal((await call('GET', version)).status, 404);
    assert.equal((await call('DELETE', version)).status, 204);
  });

  it('gives a workspace’s job its environment and its model, by reference', async () => {
    await ended(await share({ destinationName: 'for-jobs', destinationVersion: '7' }));
    const environment = await call('PUT', `${registry}/environments/shell/versions/1?${data}`, {
      properties: { image: 'ubuntu' },
    });
    assert.equal(environment.status, 201, environment.text);
    const job = await fixture.commandJob('cat "${{inputs.model}}/model.onnx"', {
      environmentId: 'azureml://registries/guardian-registry/environments/shell/versions/1',
      inputs: {
        model: {
          jobInputType: 'custom_model',
          uri: 'azureml://registries/guardian-registry/models/for-jobs/versions/7',
        },
      },
    });
    // The JavaScript client leaves the URI of a model input out.
    const submitted = await call('PUT', `${fixture.workspaceId}/jobs/reads-registry?${arm}`, job);
    assert.equal(submitted.status, 201, submitted.text);
    const { status, details } = await fixture.endOf('reads-registry');
    assert.equal(status, 'Completed', JSON.stringify(details.error));
    assert.match(await fixture.jobLog('reads-registry'), /weights/);
  });

  it('refuses a reference to a registry that there is not, and names it', async () => {
    const job = await fixture.commandJob('true', {
      environmentId: 'azureml://registries/azureml/environments/sklearn-1.5/versions/1',
    });
    await assert.rejects(
      fixture.client().jobs.createOrUpdate(...fixture.names, 'elsewhere', job),
      /The registry azureml, named by/,
    );
  });
});
