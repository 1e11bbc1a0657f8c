import assert from 'node:assert/strict';
import { until, type Answer } from '../azure/azure-fixture';
import { EchoEndpoint } from './echo-endpoint';

describe('local Azure: the router of online endpoints', function () {
  this.timeout(120_000);
  let echo: EchoEndpoint;
  let key: string;

  before(async () => {
    echo = await EchoEndpoint.start();
    await echo.prepare();
    await echo.deploy('one');
    await echo.deploy('two', { model: '2' });
    await echo.traffic({ one: 100 });
    key = await echo.key();
  });
  after(() => echo.end());

  const endpoint = async (name: string, properties: Record<string, unknown>): Promise<number> => {
    const { status } = await echo.arm('PUT', `onlineEndpoints/${name}`, { location: 'eastus', properties });
    await echo.settled(`onlineEndpoints/${name}`);
    return status;
  };
  const post = (name: string, token: string, headers: Record<string, string> = {}): Promise<Answer> =>
    echo.fixture.call('POST', `/inference/${name}/score`, {
      token,
      body: 'hi',
      headers: { 'content-type': 'text/plain', ...headers },
    });

  it('says in the words of the service which key was wrong, and nothing about CORS', async () => {
    assert.equal((await post('echo', 'wrong')).text, 'key_auth_access_denied');
    const preflight = await echo.fixture.call('OPTIONS', '/inference/echo/score', {
      headers: { origin: 'https://example.com', 'access-control-request-method': 'POST' },
    });
    assert.equal(preflight.status, 401);
    assert.equal(preflight.headers['access-control-allow-origin'], undefined);
    assert.equal(preflight.text, 'key_auth_bad_header_forbidden');
  });

  it('names deployment, session and request', async () => {
    const { headers } = await echo.score('hi', {}, key);
    assert.equal(headers['azureml-model-deployment'], 'one');
    assert.match(String(headers['azureml-model-session']), /^one-\d{14}$/);
    assert.equal(headers['x-ms-request-id'], headers['x-request-id']);
  });

  it('gives tokens for AMLToken that let in until they expire, to that endpoint only', async () => {
    await endpoint('tokens', { authMode: 'AMLToken' });
    await endpoint('others', { authMode: 'AMLToken' });
    const issue = async () => echo.fixture.client().onlineEndpoints.getToken(...echo.fixture.names, 'tokens');
    const { accessToken = '', expiryTimeUtc = 0, refreshAfterTimeUtc = 0, tokenType } = await issue();
    assert.equal(tokenType, 'Bearer');
    assert.ok(refreshAfterTimeUtc < expiryTimeUtc && refreshAfterTimeUtc * 1000 > Date.now());
    assert.equal((await post('tokens', accessToken)).status, 404);
    assert.equal((await post('others', accessToken)).status, 401);
    assert.deepEqual((await echo.arm('POST', 'onlineEndpoints/tokens/listKeys')).json, {
      primaryKey: null,
      secondaryKey: null,
    });
    await echo.set({ tokenSeconds: 1 });
    const brief = (await issue()).accessToken ?? '';
    await until(async () => ((await post('tokens', brief)).status === 401 ? true : undefined));
    await echo.set({ tokenSeconds: 43_200 });
  });

  it('takes tokens of the directory for AADToken, if they are for Azure ML and their principal may score', async () => {
    await endpoint('directory', { authMode: 'AADToken' });
    const { fixture } = echo;
    const tokenFor = async (principal?: { clientId: string; clientSecret: string }): Promise<string> =>
      (await fixture.credential(principal).getToken('https://ml.azure.com/.default')).token;
    assert.equal((await post('directory', await tokenFor())).status, 404);
    assert.equal((await post('directory', await fixture.token())).status, 401);
    assert.equal((await post('directory', await tokenFor(fixture.azure.noAccess))).status, 403);
  });

  it('follows a change of traffic only after a while', async () => {
    await echo.set({ trafficDelayMilliseconds: 60_000 });
    await echo.traffic({ two: 100 });
    const { properties } = await echo.fixture.client().onlineEndpoints.get(...echo.fixture.names, 'echo');
    assert.deepEqual(properties.traffic, { two: 100 });
    assert.equal((await echo.score('hi', {}, key)).headers['azureml-model-deployment'], 'one');
    await echo.set({ trafficDelayMilliseconds: 0 });
    assert.equal((await echo.score('hi', {}, key)).headers['azureml-model-deployment'], 'two');
    await echo.traffic({ one: 100 });
  });

  it('mirrors up to half of the requests to one deployment, and ignores its answers', async () => {
    const put = (mirrorTraffic: Record<string, number>): Promise<Answer> =>
      echo.arm('PUT', 'onlineEndpoints/echo', {
        location: 'eastus',
        properties: { authMode: 'Key', traffic: { one: 100 }, mirrorTraffic },
      });
    const refusals = [
      { mirror: { two: 60 }, why: /At most 50 %/ },
      { mirror: { one: 10 }, why: /takes live traffic/ },
      { mirror: { nowhere: 10 }, why: /does not exist/ },
    ];
    for (const { mirror, why } of refusals) assert.match((await put(mirror)).text, why);
    await put({ two: 50 });
    await echo.settled('onlineEndpoints/echo');
    for (let index = 0; index < 40; index++) {
      const { status, headers } = await echo.score(`status ${index % 2 === 0 ? 200 : 500}`, {}, key);
      assert.deepEqual([status, headers['azureml-model-deployment']], [index % 2 === 0 ? 200 : 424, 'one']);
    }
    await echo.score('not mirrored', { 'azureml-model-deployment': 'one' }, key);
    const log = async (deployment: string): Promise<string[]> => {
      const { onlineDeployments } = echo.fixture.client();
      const { content } = await onlineDeployments.getLogs(...echo.fixture.names, 'echo', deployment, { tail: 500 });
      return (content ?? '').split('\n').filter(line => line.startsWith('scores '));
    };
    await until(async () => ((await log('two')).length > 0 ? true : undefined));
    const copies = await log('two');
    // 40 draws at one half: outside 5..35 about once in a million runs.
    assert.ok(copies.length >= 5 && copies.length <= 35, String(copies.length));
    assert.ok(!copies.includes('scores not mirrored'));
    await echo.traffic({ one: 100 });
  });

  it('answers 429 when there are too many in a second, and 413 when one is too large', async () => {
    await echo.set({ requestsPerSecond: 2 });
    const statuses = await Promise.all(
      Array.from({ length: 12 }, async () => (await echo.score('hi', {}, key)).status),
    );
    assert.ok(statuses.includes(429), String(statuses));
    await echo.set({ requestsPerSecond: 500 });
    const { status } = await echo.score('x'.repeat(65 * 1024 * 1024), {}, key);
    assert.equal(status, 413);
  });

  it('loses no request while deployments are updated, scaled and removed', async () => {
    let isOver = false;
    const statuses: number[] = [];
    const callers = Array.from({ length: 2 }, async () => {
      while (!isOver) statuses.push((await echo.score('hi', {}, key)).status);
    });
    await echo.deploy('one', { variables: { NEW: '1' } });
    await echo.deploy('one', { variables: { NEW: '1' }, instances: 2 });
    await echo.deploy('one', { variables: { NEW: '1' } });
    await echo.deploy('three');
    await echo.traffic({ three: 100 });
    await echo.fixture.client().onlineDeployments.beginDeleteAndWait(...echo.fixture.names, 'echo', 'one');
    isOver = true;
    await Promise.all(callers);
    assert.ok(statuses.length > 20);
    assert.deepEqual([...new Set(statuses)], [200]);
  });
});
