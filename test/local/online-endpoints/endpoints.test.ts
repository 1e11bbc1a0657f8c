import assert from 'node:assert/strict';
import { isRunning } from '../azure/azure-fixture';
import { EchoEndpoint } from './echo-endpoint';

interface Echo {
  greeting: string;
  built: string;
  model: string;
  body: string;
  path: string;
  pid: number;
}

describe('local Azure: online endpoints', function () {
  this.timeout(120_000);
  let echo: EchoEndpoint;

  before(async () => {
    echo = await EchoEndpoint.start();
    await echo.prepare();
    await echo.deploy('one', { instances: 2 });
  });
  after(() => echo.end());

  const client = () => echo.fixture.client();
  const said = (json: unknown): Echo => json as Echo;

  it('builds the image, mounts the model and runs the command as a process', async () => {
    await echo.traffic({ one: 100 });
    const { status, json, headers } = await echo.score('hi');
    assert.equal(status, 200);
    const { pid, ...rest } = said(json);
    assert.deepEqual(rest, {
      greeting: 'hello from the image',
      built: 'built by a stage',
      model: 'letters 1',
      body: 'hi',
      path: '/score',
    });
    assert.ok(isRunning(pid));
    assert.equal(headers['azureml-model-deployment'], 'one');
  });

  it('asks for the key: 401 without it, with a wrong one and with a token for Azure', async () => {
    for (const key of ['', 'wrong', await echo.fixture.token()])
      assert.equal((await echo.score('hi', {}, key)).status, 401);
  });

  it('spreads requests over the instances and honours the weights', async () => {
    await echo.deploy('two', { model: '2' });
    await echo.traffic({ one: 80, two: 20 });
    const key = await echo.key();
    const answers = [];
    for (let index = 0; index < 200; index++) answers.push(await echo.score('hi', {}, key));
    const two = answers.filter(answer => answer.headers['azureml-model-deployment'] === 'two').length;
    // 200 draws at 20 %: outside 12..80 about once in a million runs.
    assert.ok(two >= 12 && two <= 80, String(two));
    assert.ok(answers.every(answer => answer.status === 200));
  });

  it('routes by header whatever the weights, and knows no other name', async () => {
    await echo.traffic({ one: 100 });
    const { json } = await echo.score('hi', { 'azureml-model-deployment': 'two' });
    assert.equal(said(json).model, 'letters 2');
    assert.equal((await echo.score('hi', { 'azureml-model-deployment': 'three' })).status, 404);
  });

  it("turns the container's failure into 424 with its status", async () => {
    const { status, headers } = await echo.score('status 503');
    assert.equal(status, 424);
    assert.equal(headers['ms-azureml-model-error-statuscode'], '503');
  });

  it('gives up on a slow container with 408, and refuses more than twice its concurrency with 429', async () => {
    await echo.deploy('slow', { variables: { SLOW: '3000' }, requestTimeout: 'PT1S' });
    const key = await echo.key();
    const to = { 'azureml-model-deployment': 'slow' };
    const statuses = (await Promise.all(Array.from({ length: 4 }, () => echo.score('hi', to, key)))).map(
      answer => answer.status,
    );
    assert.deepEqual(statuses.sort(), [408, 408, 429, 429]);
    await client().onlineDeployments.beginDeleteAndWait(...echo.fixture.names, 'echo', 'slow');
  });

  it('echoes the client request id, cut to 40 characters', async () => {
    const { headers } = await echo.score('hi', { 'x-ms-client-request-id': 'a'.repeat(60) });
    assert.equal(headers['x-ms-client-request-id'], 'a'.repeat(40));
    assert.match(String(headers['x-request-id']), /^[0-9a-f-]{36}$/);
  });

  it('refuses traffic that does not sum to 0 or 100, or names no deployment', async () => {
    await assert.rejects(echo.traffic({ one: 90 }), /sum to 0 or 100/);
    await assert.rejects(echo.traffic({ one: 90, nowhere: 10 }), /nowhere/);
  });

  it('zeroes the traffic on a PUT without it: the hazard that the tasks guard against', async () => {
    await client().onlineEndpoints.beginCreateOrUpdateAndWait(...echo.fixture.names, 'echo', {
      location: 'eastus',
      properties: { authMode: 'Key' },
    });
    assert.equal((await echo.score('hi')).status, 404);
    await echo.traffic({ one: 100 });
  });

  it('keeps a deployment that takes live traffic from being deleted', async () => {
    await assert.rejects(
      client().onlineDeployments.beginDeleteAndWait(...echo.fixture.names, 'echo', 'one'),
      /live traffic/,
    );
    assert.equal((await echo.score('hi')).status, 200);
  });

  it('leaves a deployment whose container crashes Failed, with its log', async () => {
    await assert.rejects(
      echo.deploy('bad', { variables: { CRASH: 'no model today' } }),
      /ResourceNotReady.*no model today/s,
    );
    const { properties } = await client().onlineDeployments.get(...echo.fixture.names, 'echo', 'bad');
    assert.equal(properties.provisioningState, 'Failed');
    const { content } = await client().onlineDeployments.getLogs(...echo.fixture.names, 'echo', 'bad', {});
    assert.match(content ?? '', /Instance status:[^]*ModelDownload: Succeeded[^]*crashing: no model today/);
    assert.equal((await echo.score('hi')).status, 200);
    await client().onlineDeployments.beginDeleteAndWait(...echo.fixture.names, 'echo', 'bad');
  });

  it('says which line of a Dockerfile failed', async () => {
    await echo.environment('broken', {
      Dockerfile: 'FROM node:24-slim\nWORKDIR /app\nRUN echo so far && exit 7\nCMD ["node", "x"]\n',
    });
    await assert.rejects(
      echo.deploy('unbuilt', { environment: 'broken' }),
      /ImageBuildFailure.*Dockerfile line 3.*exit code 7.*so far/s,
    );
    await echo.environment('unknown', { Dockerfile: 'FROM node:24-slim\nSHELL ["/bin/bash"]\n' });
    await assert.rejects(echo.deploy('unbuilt', { environment: 'unknown' }), /ImageBuildFailure.*line 2.*SHELL/s);
  });

  it('scales without touching the instances that stay', async () => {
    const before = said((await echo.score('hi', { 'azureml-model-deployment': 'two' })).json).pid;
    await echo.deploy('two', { model: '2', instances: 2 });
    await echo.deploy('two', { model: '2', instances: 1 });
    assert.equal(said((await echo.score('hi', { 'azureml-model-deployment': 'two' })).json).pid, before);
  });

  it('restarts a container that ends', async () => {
    const { pid } = said((await echo.score('hi', { 'azureml-model-deployment': 'two' })).json);
    process.kill(pid, 'SIGKILL');
    for (;;) {
      const { status, json } = await echo.score('hi', { 'azureml-model-deployment': 'two' });
      if (status === 200 && said(json).pid !== pid) return;
    }
  });

  it('really rotates a key', async () => {
    const old = await echo.key();
    await client().onlineEndpoints.beginRegenerateKeysAndWait(...echo.fixture.names, 'echo', {
      keyType: 'Primary',
      keyValue: old,
    });
    assert.notEqual(await echo.key(), old);
    assert.equal((await echo.score('hi', {}, old)).status, 401);
    assert.equal((await echo.score('hi')).status, 200);
  });

  it('refuses a second operation while one is under way', async () => {
    const first = echo.deploy('three');
    await assert.rejects(
      (async () => {
        // The first request is on its way; the second must meet it under way, not before it.
        for (;;) {
          const states = (
            await echo.fixture.call(
              'GET',
              `${echo.fixture.workspaceId}/onlineEndpoints/echo/deployments?api-version=2022-10-01`,
              { token: await echo.fixture.token() },
            )
          ).text;
          if (states.includes('Creating')) return echo.deploy('four');
        }
      })(),
      /Another operation is in progress/,
    );
    await first;
  });

  it('finds its deployments again after a restart, reuses the image, and leaves nothing running in the end', async () => {
    const key = await echo.key();
    const { pid } = said((await echo.score('hi')).json);
    echo = await echo.restart();
    assert.equal(isRunning(pid), false);
    const { status, json } = await echo.score('hi', {}, key);
    assert.equal(status, 200);
    assert.equal(said(json).model, 'letters 1');
    assert.ok(echo.fixture.log.some(line => line.includes('unchanged since an earlier build')));
    await echo.fixture.stop();
    assert.equal(isRunning(said(json).pid), false);
  });
});
