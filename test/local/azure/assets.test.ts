import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { BlobServiceClient, ContainerClient, StorageSharedKeyCredential } from '@azure/storage-blob';
import { AzureFixture } from './azure-fixture';

interface PendingUpload {
  blobReferenceForConsumption: { blobUri: string; credential: { sasUri: string } };
}

describe('local Azure: the workspace and its assets', () => {
  let fixture: AzureFixture;
  let token: string;
  before(async () => {
    fixture = await AzureFixture.start();
    token = await fixture.token();
  });
  after(() => fixture.end());

  const version = '?api-version=2023-04-01';
  const tls = (): object => ({ tlsOptions: { ca: fixture.azure.certificate.ca } });
  const send = (method: string, path: string, body?: unknown) =>
    fixture.call(method, `${fixture.workspaceId}${path}`, { token, ...(body === undefined ? {} : { body }) });
  /** Puts a file below a folder of the default datastore and gives the folder's URI. */
  const uploaded = async (folder: string, text = 'content'): Promise<string> => {
    const { client, names } = { client: fixture.client(), names: fixture.names };
    const store = (await client.datastores.get(...names, 'workspaceblobstore')).properties as {
      accountName: string;
      containerName: string;
    };
    const secrets = (await client.datastores.listSecrets(...names, 'workspaceblobstore')) as { key: string };
    const credential = new StorageSharedKeyCredential(store.accountName, secrets.key);
    const service = new BlobServiceClient(fixture.azure.description.blob, credential, tls());
    await service
      .getContainerClient(store.containerName)
      .getBlockBlobClient(`${folder}/model.onnx`)
      .upload(text, text.length);
    return `azureml://datastores/workspaceblobstore/paths/${folder}/`;
  };

  it('points from the workspace to the hosts of run history and MLflow', async () => {
    const { json } = await send('GET', version);
    const { discoveryUrl, mlFlowTrackingUri } = (json as { properties: Record<string, string> }).properties;
    const hosts = await fixture.call('GET', discoveryUrl ?? '');
    assert.equal((hosts.json as { api: string }).api, fixture.azure.description.arm);
    assert.match(mlFlowTrackingUri ?? '', /^azureml:\/\/127\.0\.0\.1:\d+\/mlflow\/v1\.0\/subscriptions\//);
  });

  it('lists the cluster, and names what there is when another is asked for', async () => {
    const client = fixture.client();
    const found = [];
    for await (const compute of client.computeOperations.list(...fixture.names)) found.push(compute.name);
    assert.deepEqual(found, ['cpu-training-cluster']);
    await assert.rejects(
      client.computeOperations.get(...fixture.names, 'CPU-Training-Cluster'),
      (error: Error & { statusCode: number; code: string }) => {
        assert.deepEqual([error.statusCode, error.code], [404, 'ResourceNotFound']);
        assert.match(error.message, /CPU-Training-Cluster.*cpu-training-cluster/);
        return true;
      },
    );
  });

  it('gives a key or, when asked for one that ends, a signature, and both open the container', async () => {
    const folder = `secrets-${randomUUID()}`;
    await uploaded(folder);
    const { json } = await send('POST', `/datastores/workspaceblobstore/listSecrets${version}`, {
      expirableSecret: true,
      expireAfterHours: 1,
    });
    const { secretsType, sasToken } = json as { secretsType: string; sasToken: string };
    assert.equal(secretsType, 'Sas');
    const store = (await fixture.client().datastores.get(...fixture.names, 'workspaceblobstore')).properties as {
      containerName: string;
    };
    const container = new ContainerClient(
      `${fixture.azure.description.blob}/${store.containerName}?${sasToken}`,
      undefined,
      tls(),
    );
    assert.equal(await container.getBlobClient(`${folder}/model.onnx`).exists(), true);
  });

  it('takes code through a pending upload and finds it by its hash under any name', async () => {
    const hash = 'ab'.repeat(32);
    const search = `/codes/${randomUUID()}/versions${version}&hash=${hash}&hashVersion=202208`;
    assert.deepEqual((await send('GET', search)).json, { value: [] });

    const pending = await send('POST', `/codes/code-a/versions/1/startPendingUpload${version}`, {
      pendingUploadType: 'TemporaryBlobReference',
    });
    const { blobUri, credential } = (pending.json as PendingUpload).blobReferenceForConsumption;
    await new ContainerClient(credential.sasUri, undefined, tls())
      .getBlockBlobClient('src/train.py')
      .upload('print(1)', 8);
    const properties = {
      codeUri: `${blobUri}/src`,
      isAnonymous: true,
      properties: { hash_sha256: hash, hash_version: 202208 },
    };
    const put = await send('PUT', `/codes/code-a/versions/1${version}`, { properties });
    assert.equal(put.status, 201);
    assert.equal(
      (put.json as { properties: { properties: Record<string, string> } }).properties.properties.hash_version,
      '202208',
    );

    const found = (await send('GET', search)).json as { value: { id: string }[] };
    assert.equal(found.value[0]?.id, `${fixture.workspaceId}/codes/code-a/versions/1`);
    const other = { properties: { ...properties, codeUri: `${blobUri}/other` } };
    const moved = await send('PUT', `/codes/code-a/versions/1${version}`, other);
    assert.deepEqual(
      [moved.status, (moved.json as { error: { message: string } }).error.message],
      [400, 'Asset paths cannot be updated.'],
    );
  });

  it('fills in what the service adds to an environment, and keeps versions as they are', async () => {
    const client = fixture.client();
    const made = await client.environmentVersions.createOrUpdate(...fixture.names, 'train', '1', {
      properties: { image: 'ubuntu', condaFile: 'dependencies: [pip]', tags: { a: 'b' } },
    });
    assert.equal(made.properties.environmentType, 'UserCreated');
    assert.equal(made.properties.osType, 'Linux');
    assert.deepEqual(made.properties.properties, { 'azureml.labels': 'latest' });
    await assert.rejects(
      client.environmentVersions.createOrUpdate(...fixture.names, 'train', '1', { properties: { image: 'debian' } }),
      /cannot be changed; register a new version/,
    );
    await assert.rejects(client.environmentVersions.get(...fixture.names, 'train', '7'), { statusCode: 404 });
  });

  it('numbers model versions, lists the newest first, and finds no container before the first', async () => {
    const client = fixture.client();
    const name = 'numbered';
    await assert.rejects(client.modelContainers.get(...fixture.names, name), { statusCode: 404 });
    const modelUri = await uploaded('models/numbered');
    for (const number of ['1', '2', '10']) {
      await client.modelVersions.createOrUpdate(...fixture.names, name, number, {
        properties: { modelUri, modelType: 'custom_model' },
      });
    }
    const { properties } = await client.modelContainers.get(...fixture.names, name);
    assert.deepEqual([properties.latestVersion, properties.nextVersion], ['10', '11']);
    const newest = [];
    for await (const model of client.modelVersions.list(...fixture.names, name, {
      orderBy: 'createdtime desc',
      top: 1,
    }))
      newest.push(model.name);
    assert.deepEqual(newest, ['10']);
  });

  it('hides archived versions unless they are asked for', async () => {
    const client = fixture.client();
    const modelUri = await uploaded('models/archive');
    for (const [number, isArchived] of [
      ['1', false],
      ['2', true],
    ] as const) {
      await client.modelVersions.createOrUpdate(...fixture.names, 'archive', number, {
        properties: { modelUri, isArchived },
      });
    }
    const listed = async (listViewType?: string): Promise<(string | undefined)[]> => {
      const found = [];
      for await (const model of client.modelVersions.list(
        ...fixture.names,
        'archive',
        listViewType === undefined ? {} : { listViewType },
      ))
        found.push(model.name);
      return found;
    };
    assert.deepEqual(await listed(), ['1']);
    assert.deepEqual(await listed('ArchivedOnly'), ['2']);
    assert.deepEqual(await listed('All'), ['2', '1']);
  });

  it('pages long lists, and the official client reads them all', async () => {
    const client = fixture.client();
    const modelUri = await uploaded('models/many');
    for (let number = 1; number <= 120; number += 1) {
      await send('PUT', `/models/many/versions/${number}${version}`, { properties: { modelUri } });
    }
    const first = (await send('GET', `/models/many/versions${version}`)).json as {
      value: unknown[];
      nextLink?: string;
    };
    assert.equal(first.value.length, 100);
    assert.match(first.nextLink ?? '', /skip=\d+/);
    const all = [];
    for await (const model of client.modelVersions.list(...fixture.names, 'many')) all.push(Number(model.name));
    assert.deepEqual(
      all,
      Array.from({ length: 120 }, (_value, index) => 120 - index),
    );
  });

  it('lets only one of two registrations of a version set its path', async () => {
    const [one, two] = await Promise.all([uploaded('race/one'), uploaded('race/two')]);
    const answers = await Promise.all(
      [one, two].map(modelUri => send('PUT', `/models/race/versions/1${version}`, { properties: { modelUri } })),
    );
    assert.deepEqual(answers.map(answer => answer.status).sort(), [201, 400]);
    const winner = answers.find(answer => answer.status === 201)?.json as { properties: { modelUri: string } };
    const stored = (await send('GET', `/models/race/versions/1${version}`)).json as typeof winner;
    assert.equal(stored.properties.modelUri, winner.properties.modelUri);
    const again = await send('PUT', `/models/race/versions/1${version}`, {
      properties: { modelUri: stored.properties.modelUri, tags: { reviewed: 'yes' } },
    });
    assert.equal(again.status, 200);
    assert.deepEqual((again.json as { properties: { tags: unknown } }).properties.tags, { reviewed: 'yes' });
  });

  it('refuses a model without files and URIs that it cannot resolve, by name', async () => {
    const refused = async (modelUri: string): Promise<string> => {
      const answer = await send('PUT', `/models/refused/versions/1${version}`, { properties: { modelUri } });
      return `${answer.status} ${(answer.json as { error: { message: string } }).error.message}`;
    };
    assert.match(
      await refused('azureml://datastores/workspaceblobstore/paths/nothing/here/'),
      /^400 There are no files at .*nothing\/here/,
    );
    assert.match(await refused('azureml://datastores/elsewhere/paths/x'), /^404 Could not find datastore elsewhere/);
    assert.match(await refused('azureml://jobs/ghost/outputs/artifacts/paths/model'), /^404 Could not find job ghost/);
    assert.match(await refused('s3://bucket/model'), /^400 The URI s3:\/\/bucket\/model is not supported/);
  });
});
