import assert from 'node:assert/strict';
import { BlobServiceClient, StorageSharedKeyCredential, type StoragePipelineOptions } from '@azure/storage-blob';
import { EchoEndpoint } from '../online-endpoints/echo-endpoint';
import type { AzureFixture } from '../azure/azure-fixture';
import { PythonOracle, setUpMilliseconds } from './python-oracle';

const assets = new PythonOracle('assets.py');
const registry = new PythonOracle('registry.py');
const jobs = new PythonOracle('jobs.py');
const endpoints = new PythonOracle('endpoints.py');
const tracking = new PythonOracle('tracking.py');

/** What the JavaScript clients write, for the Python ones to read. */
async function writeFromJavaScript(echo: EchoEndpoint): Promise<void> {
  const { fixture } = echo;
  const client = fixture.client();
  await client.environmentVersions.createOrUpdate(...fixture.names, 'js-environment', '7', {
    properties: { image: 'ubuntu:24.04', description: 'made by the other client' },
  });
  const container = await defaultContainer(fixture);
  await container.getBlockBlobClient('from-js/model.txt').uploadData(Buffer.from('written by JavaScript'));
  const uri = 'azureml://datastores/workspaceblobstore/paths/from-js/';
  await client.modelVersions.createOrUpdate(...fixture.names, 'js-model', '3', {
    properties: { modelUri: uri, modelType: 'custom_model', tags: { from: 'js' } },
  });
  await client.dataVersions.createOrUpdate(...fixture.names, 'js-data', '1', {
    properties: { dataType: 'uri_folder', dataUri: uri },
  });
  const job = await fixture.commandJob('echo from JavaScript; mkdir -p outputs; echo kept > outputs/kept.txt');
  await client.jobs.createOrUpdate(...fixture.names, 'js-job', job);
  await fixture.endOf('js-job');
  await echo.prepare();
  await client.onlineEndpoints.beginCreateOrUpdateAndWait(...fixture.names, 'js-endpoint', {
    location: 'eastus',
    tags: { from: 'js' },
    properties: { authMode: 'Key' },
  });
  await echo.deploy('blue', { endpoint: 'js-endpoint' });
  await client.onlineEndpoints.beginCreateOrUpdateAndWait(...fixture.names, 'js-endpoint', {
    location: 'eastus',
    tags: { from: 'js' },
    properties: { authMode: 'Key', traffic: { blue: 100 } },
  });
}

/** The container of the default datastore, opened with the account key that the workspace gives out. */
async function defaultContainer(fixture: AzureFixture): Promise<ReturnType<BlobServiceClient['getContainerClient']>> {
  const { properties } = await fixture.client().datastores.get(...fixture.names, 'workspaceblobstore');
  const { accountName = '', containerName = '' } = properties as { accountName?: string; containerName?: string };
  const secrets = await fixture.client().datastores.listSecrets(...fixture.names, 'workspaceblobstore');
  // The storage client hands all options on to its pipeline, but its types leave out the one for the CA.
  const options: StoragePipelineOptions & { tlsOptions: { ca: string } } = {
    tlsOptions: { ca: fixture.azure.certificate.ca },
  };
  const key = new StorageSharedKeyCredential(accountName, (secrets as { key?: string }).key ?? '');
  return new BlobServiceClient(fixture.azure.description.blob, key, options).getContainerClient(containerName);
}

describe('the official Python clients', function () {
  this.timeout(setUpMilliseconds);
  let fixture: AzureFixture;
  let echo: EchoEndpoint | undefined;

  before(async () => {
    echo = await EchoEndpoint.start();
    ({ fixture } = echo);
    await writeFromJavaScript(echo);
  });
  after(() => echo?.end());

  for (const [title, oracle] of [
    ['azure-ai-ml: assets', assets],
    ['azure-ai-ml: the registry', registry],
    ['azure-ai-ml: jobs', jobs],
    ['azure-ai-ml: online endpoints', endpoints],
    ['mlflow', tracking],
  ] as const) {
    describe(title, () => {
      before(() => oracle.run(fixture.azure.description));
      for (const name of oracle.names) it(name, () => oracle.verdict(name));
    });
  }

  describe("JavaScript's clients read what Python wrote", () => {
    it('the versions of a model, with its files', async () => {
      const client = fixture.client();
      const versions: string[] = [];
      for await (const { name = '' } of client.modelVersions.list(...fixture.names, 'py-model')) versions.push(name);
      assert.deepEqual(versions.sort(), ['1', '2']);
      const { properties } = await client.modelVersions.get(...fixture.names, 'py-model', '2');
      const path = /\/paths\/(.*)$/.exec(properties.modelUri ?? '')?.[1] ?? '';
      const container = await defaultContainer(fixture);
      const content = await container.getBlobClient(`${path.replace(/\/?$/, '/')}model.onnx`).downloadToBuffer();
      assert.equal(content.toString(), 'better weights');
    });

    it('the environment, the component and the data', async () => {
      const client = fixture.client();
      const { properties } = await client.environmentVersions.get(...fixture.names, 'py-conda', '1');
      assert.match(properties.condaFile ?? '', /mlflow-skinny/);
      const table = await client.dataVersions.get(...fixture.names, 'py-table', '1');
      assert.equal(table.properties.dataType, 'mltable');
    });

    it('the cores that the endpoint uses, among the quotas', async () => {
      const found: Record<string, number | undefined> = {};
      for await (const { name, currentValue } of fixture.client().usages.list('eastus'))
        found[name?.value ?? ''] = currentValue;
      // Four cores for each instance: one behind js-endpoint, one behind py-endpoint.
      assert.ok((found['standardDSv2Family'] ?? 0) >= 8, JSON.stringify(found));
      assert.equal(found['standardFSv2Family'], 0);
    });

    it('the jobs, with their states', async () => {
      const states: (string | undefined)[] = [];
      for await (const { properties } of fixture.client().jobs.list(...fixture.names)) states.push(properties.status);
      for (const state of ['Completed', 'Failed', 'Canceled']) assert.ok(states.includes(state), state);
    });

    it('the endpoint with its deployments, and what it answers', async () => {
      const client = fixture.client();
      const { tags, properties } = await client.onlineEndpoints.get(...fixture.names, 'py-endpoint');
      assert.deepEqual([tags, properties.traffic], [{ team: 'vision' }, { blue: 100 }]);
      const { primaryKey = '' } = await client.onlineEndpoints.listKeys(...fixture.names, 'py-endpoint');
      const answer = await fixture.call('POST', properties.scoringUri ?? '', { token: primaryKey, body: '{}' });
      assert.equal((answer.json as { model: string }).model, 'py letters');
    });

    it("mlflow's registered model", async () => {
      const { properties } = await fixture.client().modelVersions.get(...fixture.names, 'plain-model', '1');
      assert.equal(properties.tags?.['reviewed'], 'yes');
    });
  });
});
