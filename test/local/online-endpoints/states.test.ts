import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BlobSASPermissions, generateBlobSASQueryParameters, StorageSharedKeyCredential } from '@azure/storage-blob';
import { root } from '../../../scripts/product';
import { isRunning, until } from '../azure/azure-fixture';
import { EchoEndpoint } from './echo-endpoint';

const quick = { initialDelay: 'PT0S', period: 'PT0.1S', timeout: 'PT0.5S', failureThreshold: 3, successThreshold: 1 };

interface Resource {
  properties: Record<string, unknown> & { provisioningState: string };
  identity?: Record<string, unknown>;
  tags: Record<string, string>;
  kind: string;
}

interface Failure {
  error: { code: string; message: string };
}

describe('local Azure: states of online endpoints and deployments', function () {
  this.timeout(120_000);
  let echo: EchoEndpoint;

  before(async () => {
    echo = await EchoEndpoint.start();
    await echo.prepare();
  });
  after(() => echo.end());

  const names = () => echo.fixture.names;
  const client = () => echo.fixture.client();
  const deployment = 'onlineEndpoints/echo/deployments';
  const read = async (path: string): Promise<Resource> => (await echo.arm('GET', path)).json as Resource;

  it('fills in the documented defaults', async () => {
    await echo.deploy('plain', { properties: { livenessProbe: undefined, readinessProbe: undefined } });
    const { properties } = await read(`${deployment}/plain`);
    const probe = {
      initialDelay: 'PT10S',
      period: 'PT10S',
      timeout: 'PT2S',
      failureThreshold: 30,
      successThreshold: 1,
    };
    assert.deepEqual(properties.livenessProbe, probe);
    assert.deepEqual(properties.readinessProbe, probe);
    assert.deepEqual(properties.scaleSettings, { scaleType: 'Default' });
    assert.equal(properties.egressPublicNetworkAccess, 'Enabled');
    await client().onlineDeployments.beginDeleteAndWait(...names(), 'echo', 'plain');
  });

  it('leaves a deployment that never gets ready Failed after its probes, and it stays so', async () => {
    await assert.rejects(
      echo.deploy('unready', { variables: { UNREADY: '1' }, properties: { readinessProbe: quick } }),
      /ResourceNotReady.*readiness probe \/ready.*oe-tsg#error-resourcenotready/s,
    );
    assert.equal((await read(`${deployment}/unready`)).properties.provisioningState, 'Failed');
    assert.equal((await read('onlineEndpoints/echo')).properties.provisioningState, 'Succeeded');
    assert.equal((await echo.score('hi', { 'azureml-model-deployment': 'unready' })).status, 424);
    const { content } = await client().onlineDeployments.getLogs(...names(), 'echo', 'unready', {
      containerType: 'StorageInitializer',
    });
    assert.match(content ?? '', /Downloaded .*letters-1\.txt/);
    await client().onlineDeployments.beginDeleteAndWait(...names(), 'echo', 'unready');
  });

  it('restarts a container whose liveness probe fails, and takes it from the router meanwhile', async () => {
    await echo.deploy('one', { properties: { livenessProbe: quick } });
    await echo.traffic({ one: 100 });
    const { pid } = (await echo.score('hang')).json as { pid: number };
    const again = await until(async () => {
      const { status, json } = await echo.score('hi');
      const { pid: now } = json as { pid: number };
      return status === 200 && now !== pid ? now : undefined;
    });
    assert.ok(isRunning(again));
    const { content } = await client().onlineDeployments.getLogs(...names(), 'echo', 'one', { tail: 200 });
    assert.match(content ?? '', /The liveness probe \/live failed 3 times in a row\. Restarting/);
  });

  it('goes on serving what it served when an update fails, also after a restart', async () => {
    await assert.rejects(echo.deploy('one', { model: '2', variables: { CRASH: 'new version' } }), /ResourceNotReady/);
    echo = await echo.restart();
    assert.equal((await read(`${deployment}/one`)).properties.provisioningState, 'Failed');
    assert.equal(((await echo.score('hi')).json as { model: string }).model, 'letters 1');
    await echo.deploy('one');
  });

  it('goes on with a deployment that a restart interrupted', async () => {
    const file = join(echo.fixture.stateDir, 'may-get-ready');
    const begun = echo.deploy('later', { variables: { READY_FILE: file } }).catch(() => undefined);
    const path = `${deployment}/later`;
    await until(async () => ((await echo.arm('GET', path)).status === 200 ? true : undefined));
    assert.equal((await read(path)).properties.provisioningState, 'Creating');
    const [restarted] = await Promise.all([echo.restart(), begun]);
    echo = restarted;
    assert.equal((await read(path)).properties.provisioningState, 'Creating');
    assert.equal((await echo.arm('PATCH', path, { tags: { a: 'b' } })).status, 409);
    writeFileSync(file, '');
    assert.equal((await echo.settled(path)).provisioningState, 'Succeeded');
    assert.equal((await echo.score('hi', { 'azureml-model-deployment': 'later' })).status, 200);
    await client().onlineDeployments.beginDeleteAndWait(...names(), 'echo', 'later');
  });

  it('scales by PATCH, with the state Scaling, and keeps tags by PATCH alone', async () => {
    const answer = await echo.arm('PATCH', `${deployment}/one`, {
      sku: { name: 'Default', capacity: 2 },
      tags: { a: '1' },
    });
    assert.equal(answer.status, 202);
    assert.equal((await read(`${deployment}/one`)).properties.provisioningState, 'Scaling');
    await echo.settled(`${deployment}/one`);
    const result = await echo.fixture.call('GET', String(answer.headers.location), {
      token: await echo.fixture.token(),
    });
    assert.equal((result.json as { sku: { capacity: number } }).sku.capacity, 2);
    const { status, json } = await echo.arm('PATCH', `${deployment}/one`, { tags: { b: '2' } });
    assert.equal(status, 200);
    assert.deepEqual((json as Resource).tags, { a: '1', b: '2' });
    await echo.arm('PATCH', `${deployment}/one`, { sku: { capacity: 1 } });
    await echo.settled(`${deployment}/one`);
  });

  it('ends in the state that an ordered failure says', async () => {
    const { faults } = echo.fixture.azure;
    for (const [code, state] of [
      ['OutOfQuota', 'Failed'],
      ['OperationCanceled', 'Canceled'],
    ]) {
      faults.add({ method: 'PUT', path: `${deployment}/*`, first: 1, fault: { type: 'operation', code: code ?? '' } });
      await assert.rejects(echo.deploy('doomed'), new RegExp(code ?? ''));
      assert.equal((await read(`${deployment}/doomed`)).properties.provisioningState, state);
      faults.reset();
    }
    await client().onlineDeployments.beginDeleteAndWait(...names(), 'echo', 'doomed');
    faults.add({
      method: 'PUT',
      path: 'onlineEndpoints/*',
      first: 1,
      fault: { type: 'operation', code: 'InternalServerError' },
    });
    await echo.arm('PUT', 'onlineEndpoints/broken', { location: 'eastus', properties: { authMode: 'Key' } });
    const { provisioningState, scoringUri } = await echo.settled('onlineEndpoints/broken');
    assert.deepEqual([provisioningState, scoringUri], ['Failed', null]);
    await assert.rejects(echo.deploy('one', { endpoint: 'broken' }), /is Failed/);
    await client().onlineEndpoints.beginDeleteAndWait(...names(), 'broken');
  });

  it('refuses names that are taken in the region, malformed, or held after a deletion', async () => {
    await echo.set({ takenNames: ['popular'] });
    const put = async (name: string): Promise<Failure['error']> =>
      (
        (await echo.arm('PUT', `onlineEndpoints/${name}`, { location: 'eastus', properties: { authMode: 'Key' } }))
          .json as Failure
      ).error;
    assert.match((await put('Popular')).message, /already an endpoint with this name.*unique within a region/);
    for (const name of ['ab', '1abc', 'a_bc', 'a'.repeat(33), 'abc-'])
      assert.match((await put(name)).message, /3 to 32 letters/, name);
    await echo.arm('PUT', 'onlineEndpoints/brief', { location: 'eastus', properties: { authMode: 'Key' } });
    await echo.settled('onlineEndpoints/brief');
    await client().onlineEndpoints.beginDeleteAndWait(...names(), 'brief');
    await echo.set({ nameHeldSeconds: 3600 });
    assert.match((await put('brief')).message, /unique within a region/);
    await echo.set({ nameHeldSeconds: 0 });
  });

  it('does every operation of the official client', async () => {
    const { onlineEndpoints, onlineDeployments } = client();
    const all = async (items: AsyncIterable<{ name?: string }>): Promise<(string | undefined)[]> => {
      const found = [];
      for await (const { name } of items) found.push(name);
      return found;
    };
    assert.ok((await all(onlineEndpoints.list(...names()))).includes('echo'));
    assert.deepEqual(await all(onlineDeployments.list(...names(), 'echo')), ['one']);
    const updated = await onlineEndpoints.beginUpdateAndWait(...names(), 'echo', { tags: { by: 'client' } });
    assert.equal(updated.tags?.by, 'client');
    const scaled = await onlineDeployments.beginUpdateAndWait(...names(), 'echo', 'one', {
      sku: { name: 'Default', capacity: 2 },
    });
    assert.deepEqual([scaled.sku?.capacity, scaled.properties.provisioningState], [2, 'Succeeded']);
    const skus = [];
    for await (const sku of onlineDeployments.listSkus(...names(), 'echo', 'one')) skus.push(sku);
    assert.deepEqual([skus.length, skus[0]?.capacity?.maximum], [1, 50]);
    const { secondaryKey } = await onlineEndpoints.listKeys(...names(), 'echo');
    await onlineEndpoints.beginRegenerateKeysAndWait(...names(), 'echo', { keyType: 'Secondary' });
    const keys = await onlineEndpoints.listKeys(...names(), 'echo');
    assert.notEqual(keys.secondaryKey, secondaryKey);
    await onlineDeployments.beginUpdateAndWait(...names(), 'echo', 'one', { sku: { name: 'Default', capacity: 1 } });
    await assert.rejects(onlineEndpoints.getToken(...names(), 'echo'), /AMLToken only/);
    await onlineEndpoints.beginDeleteAndWait(...names(), 'nowhere');
  });

  it('lists by name, compute type and tags, the newest first when asked', async () => {
    const put = (name: string, tags: Record<string, string>): Promise<unknown> =>
      echo.arm('PUT', `onlineEndpoints/${name}`, { location: 'eastus', tags, properties: { authMode: 'Key' } });
    await put('listed-one', { team: 'vision' });
    await put('listed-two', { team: 'audio' });
    const listed = async (query: string): Promise<string[]> =>
      ((await echo.arm('GET', `onlineEndpoints?${query}`)).json as { value: { name: string }[] }).value.map(
        ({ name }) => name,
      );
    assert.deepEqual(await listed('tags=team'), ['listed-one', 'listed-two']);
    assert.deepEqual(await listed('tags=team&orderBy=CreatedAtDesc'), ['listed-two', 'listed-one']);
    assert.deepEqual(await listed('tags=team=audio'), ['listed-two']);
    assert.deepEqual(await listed('name=ECHO'), ['echo']);
    assert.deepEqual(await listed('computeType=Kubernetes'), []);
    for (const name of ['listed-one', 'listed-two']) {
      await echo.settled(`onlineEndpoints/${name}`);
      await echo.arm('DELETE', `onlineEndpoints/${name}`);
    }
  });

  it('gives a system-assigned identity by itself, user-assigned ones when asked, and none', async () => {
    const { tenantId } = echo.fixture.azure.description;
    const before = (await read('onlineEndpoints/echo')).identity;
    assert.equal(before?.type, 'SystemAssigned');
    assert.equal(before.tenantId, tenantId);
    const user = '/subscriptions/s/resourceGroups/r/providers/Microsoft.ManagedIdentity/userAssignedIdentities/u';
    const patch = async (identity: unknown): Promise<Resource> =>
      (await echo.arm('PATCH', 'onlineEndpoints/echo', { identity })).json as Resource;
    const both = await patch({ type: 'SystemAssigned, UserAssigned', userAssignedIdentities: { [user]: {} } });
    assert.equal(both.identity?.principalId, before.principalId);
    assert.deepEqual(Object.keys(both.identity?.userAssignedIdentities as object), [user]);
    assert.equal((await patch({ type: 'None' })).identity, undefined);
    assert.equal(((await patch({ type: 'UserAssigned' })) as unknown as Failure).error.code, 'UserError');
    await patch({ type: 'SystemAssigned' });
  });

  it('serves Kubernetes endpoints with their resource fields, and says there what the cluster says', async () => {
    const { workspaceId } = echo.fixture;
    const body = {
      location: 'eastus',
      properties: { authMode: 'Key', compute: `${workspaceId}/computes/aks` },
    };
    const aad = { ...body, properties: { ...body.properties, authMode: 'AADToken' } };
    assert.equal((await echo.arm('PUT', 'onlineEndpoints/cluster', aad)).status, 400);
    await echo.arm('PUT', 'onlineEndpoints/cluster', body);
    await echo.settled('onlineEndpoints/cluster');
    const containerResourceRequirements = {
      containerResourceRequests: { cpu: '500m', memory: '1Gi' },
      containerResourceLimits: { cpu: '1', memory: '2Gi' },
    };
    const scaleSettings = { scaleType: 'TargetUtilization', minInstances: 1, maxInstances: 3 };
    const kubernetes = { endpointComputeType: 'Kubernetes', containerResourceRequirements, scaleSettings };
    await assert.rejects(echo.deploy('one', { endpoint: 'cluster' }), /is Kubernetes/);
    await echo.deploy('one', { endpoint: 'cluster', properties: kubernetes });
    const { properties, kind } = await read('onlineEndpoints/cluster/deployments/one');
    assert.equal(kind, 'K8S');
    assert.deepEqual(properties.containerResourceRequirements, containerResourceRequirements);
    assert.equal((properties.scaleSettings as { targetUtilizationPercentage: number }).targetUtilizationPercentage, 70);
    await assert.rejects(
      echo.deploy('bad', { endpoint: 'cluster', variables: { CRASH: 'no' }, properties: kubernetes }),
      /DeploymentCrashLoopBackOff/,
    );
    const { primaryKey = '' } = await client().onlineEndpoints.listKeys(...names(), 'cluster');
    const answer = await echo.fixture.call('POST', '/inference/cluster/score', {
      token: primaryKey,
      body: 'status 418',
      headers: { 'azureml-model-deployment': 'one', 'content-type': 'text/plain' },
    });
    assert.equal(answer.status, 418);
    await client().onlineEndpoints.beginDeleteAndWait(...names(), 'cluster');
  });

  it('cannot pull a ready-made image, and names the build log of one that it could not build', async () => {
    await client().environmentVersions.createOrUpdate(...names(), 'ready-made', '1', {
      properties: { image: 'mcr.microsoft.com/azureml/minimal' },
    });
    await assert.rejects(
      echo.deploy('pulled', { environment: 'ready-made' }),
      /BadArgument.*mcr\.microsoft\.com\/azureml\/minimal.*cannot be pulled/s,
    );
    await echo.environment('failing', { Dockerfile: 'FROM node:24-slim\nRUN echo because && exit 7\nCMD ["node"]\n' });
    await assert.rejects(
      echo.deploy('pulled', { environment: 'failing' }),
      /ImageBuildFailure.*in the container 'azureml' at the path 'ImageLogs\/failing-1\/build\.log'/s,
    );
    assert.match(await blob('azureml', 'ImageLogs/failing-1/build.log'), /RUN echo because/);
  });

  it('runs a scoring script, and says where it failed', async () => {
    await client().environmentVersions.createOrUpdate(...names(), 'scripted', '1', {
      properties: { image: 'ubuntu', condaFile: 'dependencies:\n  - python=3.11\n' },
    });
    const code = await echo.upload('codes/scripts/versions/1', {
      'score.py':
        'import json, os\ndef init():\n    global model\n    model = os.listdir(os.environ["AZUREML_MODEL_DIR"])\n' +
        'def run(data):\n    return {"sum": sum(json.loads(data)["values"]), "model": model}\n',
      'empty.py': 'def init():\n    pass\n',
    });
    await client().codeVersions.createOrUpdate(...names(), 'scripts', '1', { properties: { codeUri: code } });
    const scripted = (scoringScript: string) => ({
      environment: 'scripted',
      properties: {
        codeConfiguration: { codeId: `${echo.fixture.workspaceId}/codes/scripts/versions/1`, scoringScript },
      },
    });
    await assert.rejects(echo.deploy('script', scripted('empty.py')), /ResourceNotReady.*has no function run\(\)/s);
    await echo.deploy('script', scripted('score.py'));
    const to = { 'azureml-model-deployment': 'script', 'content-type': 'application/json' };
    const good = await echo.score('{"values": [1, 2, 3]}', to);
    assert.deepEqual(good.json, { sum: 6, model: ['files'] });
    const bad = await echo.score('{}', to);
    assert.deepEqual([bad.status, bad.headers['ms-azureml-model-error-statuscode']], [424, '500']);
    assert.match(bad.text, /KeyError/);
    await client().onlineDeployments.beginDeleteAndWait(...names(), 'echo', 'script');
  });

  it('deploys an MLflow model without an environment', async () => {
    const uri = await echo.upload('models/flow/versions/1', {
      'flow/MLmodel': 'flavors:\n  python_function:\n    loader_module: x\n',
      'flow/requirements.txt': '# what the model needs\n',
    });
    await client().modelVersions.createOrUpdate(...names(), 'flow', '1', {
      properties: { modelUri: `${uri}/flow/`, modelType: 'mlflow_model' },
    });
    await echo.deploy('flow', {
      variables: {
        PYTHONPATH: join(root, 'test/fixtures/python/mlflow-double'),
        PYTHONDONTWRITEBYTECODE: '1',
      },
      properties: { environmentId: undefined, model: `${echo.fixture.workspaceId}/models/flow/versions/1` },
    });
    const to = { 'azureml-model-deployment': 'flow', 'content-type': 'application/json' };
    assert.deepEqual((await echo.score('{"input_data": {"values": [1, 2]}}', to)).json, { doubled: [2, 4] });
    const wrong = await echo.score('[]', to);
    assert.deepEqual([wrong.status, wrong.headers['ms-azureml-model-error-statuscode']], [424, '400']);
    await assert.rejects(
      echo.deploy('custom', { properties: { environmentId: undefined } }),
      /needs a model of type mlflow_model/,
    );
    await client().onlineDeployments.beginDeleteAndWait(...names(), 'echo', 'flow');
  });

  /** Reads a blob as one who has the account's key. */
  async function blob(containerName: string, blobName: string): Promise<string> {
    const { key } = (await echo.arm('POST', 'datastores/workspaceartifactstore/listSecrets')).json as { key: string };
    const url = echo.fixture.azure.description.blob;
    const account = new URL(url).pathname.slice(1);
    const signature = generateBlobSASQueryParameters(
      {
        containerName,
        blobName,
        permissions: BlobSASPermissions.parse('r'),
        expiresOn: new Date(Date.now() + 60_000),
      },
      new StorageSharedKeyCredential(account, key),
    ).toString();
    return (await echo.fixture.call('GET', `${url}/${containerName}/${blobName}?${signature}`)).text;
  }
});
