import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ActiveFault, FaultRule } from '../../../local/azure/faults/fault-rule';
import type { RecordedRequest, RequestRecord } from '../../../local/requests/request-record';
import { AzureFixture } from '../azure/azure-fixture';

type ErrorBody = { error: { code: string; message: string } };

describe('local Azure: faults on demand and the request log', () => {
  let fixture: AzureFixture;
  let folder: string;
  let requestLog: string;
  let token: string;
  const recorded: RecordedRequest[] = [];
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'guardian-faults-'));
    requestLog = join(folder, 'logs', 'requests.jsonl');
    fixture = await AzureFixture.start({ requestLog, recordRequest: request => recorded.push(request) });
    token = await fixture.token();
  });
  afterEach(() => fixture.azure.faults.reset());
  after(async () => {
    await fixture.end();
    await rm(folder, { recursive: true, force: true });
  });

  const add = (rule: FaultRule): ActiveFault => fixture.azure.faults.add(rule);
  const model = (name: string): string => `${fixture.workspaceId}/models/${name}?api-version=2023-10-01`;
  const get = (path: string) => fixture.call('GET', path, { token });
  const put = (path: string, tags: Record<string, string>) =>
    fixture.call('PUT', path, { token, body: { properties: { tags } } });

  it('answers the first requests that match with 429 and Retry-After, which the official client waits out', async () => {
    add({
      plane: 'arm',
      method: 'PUT',
      path: 'models/*',
      first: 2,
      fault: { type: 'status', status: 429, retryAfterSeconds: 0 },
    });
    const limited = await put(model('limited'), {});
    assert.deepEqual([limited.status, limited.headers['retry-after']], [429, '0']);
    assert.equal((limited.json as ErrorBody).error.code, 'TooManyRequests');
    await assert.rejects(
      fixture.client().modelContainers.createOrUpdate(...fixture.names, 'limited', { properties: {} }),
      (error: Error & { statusCode?: number; code?: string }) =>
        error.statusCode === 429 && error.code === 'TooManyRequests',
    );
    await fixture.client().modelContainers.createOrUpdate(...fixture.names, 'limited', { properties: {} });
    assert.deepEqual(
      fixture.azure.faults.list().map(({ matched, injected }) => [matched, injected]),
      [[3, 2]],
    );
  });

  it('draws by chance as the seed says, and the nth as asked', async () => {
    const drawn = async (seed: number): Promise<string> => {
      const { id } = add({ path: 'models', probability: 0.5, seed, fault: { type: 'status', status: 503 } });
      let pattern = '';
      for (let turn = 0; turn < 16; turn += 1)
        pattern += (await get(`${fixture.workspaceId}/models?api-version=2023-10-01`)).status === 503 ? 'x' : '.';
      fixture.azure.faults.delete(id);
      return pattern;
    };
    const first = await drawn(7);
    assert.match(first, /x/);
    assert.match(first, /\./);
    assert.equal(await drawn(7), first);
    assert.notEqual(await drawn(8), first);
    add({
      method: 'GET',
      path: '**/models',
      nth: 2,
      fault: { type: 'status', status: 500, code: 'Boom', message: 'As asked.' },
    });
    const list = `${fixture.workspaceId}/models?api-version=2023-10-01`;
    const statuses = [await get(list), await get(list), await get(list)];
    assert.deepEqual(
      statuses.map(answer => answer.status),
      [200, 500, 200],
    );
    assert.deepEqual((statuses[1]?.json as ErrorBody).error, { code: 'Boom', message: 'As asked.' });
  });

  it('cuts connections before and after the work, and answers in the middle', async () => {
    add({ path: 'models/cut', method: 'PUT', nth: 1, fault: { type: 'reset' } });
    await assert.rejects(put(model('cut'), { a: '1' }), /socket hang up|ECONNRESET/);
    assert.equal((await get(model('cut'))).status, 404);
    fixture.azure.faults.reset();
    add({ path: 'models/cut', method: 'PUT', nth: 1, fault: { type: 'reset', handled: true } });
    await assert.rejects(put(model('cut'), { a: '1' }), /socket hang up|ECONNRESET/);
    assert.equal((await get(model('cut'))).status, 200);
    add({ path: 'models/cut', method: 'GET', first: 1, fault: { type: 'truncate', bytes: 10 } });
    await assert.rejects(client(model('cut')), /aborted|terminated|other side closed|socket hang up/);
    assert.equal((await get(model('cut'))).status, 200);
    add({ path: 'models/cut', method: 'PUT', first: 1, fault: { type: 'status', status: 502, handled: true } });
    assert.equal((await put(model('cut'), { a: '2' })).status, 502);
    const { properties } = (await get(model('cut'))).json as { properties: { tags: Record<string, string> } };
    assert.deepEqual(properties.tags, { a: '2' });
  });
  const client = async (path: string): Promise<string> => {
    const { request } = await import('node:https');
    return new Promise((resolve, reject) => {
      const sent = request(
        new URL(path, fixture.azure.description.arm),
        { ca: fixture.azure.certificate.ca, agent: false, headers: { authorization: `Bearer ${token}` } },
        response => {
          let text = '';
          response.on('data', (chunk: Buffer) => (text += chunk.toString()));
          response.on('error', reject);
          response.on('end', () => resolve(text));
        },
      );
      sent.on('error', reject);
      sent.end();
    });
  };

  it('shows what was there before a write, for as many reads as asked', async () => {
    await put(model('stale'), { version: 'old' });
    const tags = async (): Promise<unknown> =>
      ((await get(model('stale'))).json as { properties: { tags: unknown } }).properties.tags;
    add({ method: 'PUT', path: 'models/stale', first: 1, fault: { type: 'stale', reads: 2 } });
    assert.equal((await put(model('stale'), { version: 'new' })).status, 200);
    assert.deepEqual(
      [await tags(), await tags(), await tags()],
      [{ version: 'old' }, { version: 'old' }, { version: 'new' }],
    );
    assert.equal((await fixture.call('GET', model('stale'))).status, 401);
  });

  it('lets an operation fail with a documented code', async () => {
    const endpoint = `${fixture.workspaceId}/onlineEndpoints/faulty?api-version=2023-10-01`;
    add({ method: 'PUT', path: 'onlineEndpoints/*', first: 1, fault: { type: 'operation', code: 'OutOfQuota' } });
    await assert.rejects(
      fixture.client().onlineEndpoints.beginCreateOrUpdateAndWait(...fixture.names, 'faulty', {
        location: 'eastus',
        properties: { authMode: 'Key' },
      }),
      /OutOfQuota/,
    );
    assert.equal((await get(endpoint)).status, 200);
  });

  it('refuses tokens on demand, in the form of each plane', async () => {
    add({ fault: { type: 'token', state: 'expired' } });
    const arm = await get(model('any'));
    assert.deepEqual([arm.status, (arm.json as ErrorBody).error.code], [401, 'ExpiredAuthenticationToken']);
    assert.match(String(arm.headers['www-authenticate']), /^Bearer /);
    fixture.azure.faults.reset();
    add({ fault: { type: 'status', status: 503 } });
    const mlflow = await get(`/mlflow/v2.0${fixture.workspaceId}/api/2.0/mlflow/runs/get?run_id=x`);
    assert.deepEqual(
      [mlflow.status, (mlflow.json as { error_code: string }).error_code],
      [503, 'TEMPORARILY_UNAVAILABLE'],
    );
    const scoring = await fixture.call('POST', '/inference/e/score', { body: '{}' });
    assert.equal(scoring.status, 503);
    const devops = await get('/_devops/_apis/connectionData');
    assert.equal((devops.json as { typeKey: string }).typeKey, 'VssServiceException');
    fixture.azure.faults.reset();
    add({ plane: 'directory', path: 'oauth2/v2.0/token', fault: { type: 'status', status: 503 } });
    await assert.rejects(fixture.token(), /temporarily_unavailable|503/);
  });

  it('takes rules as JSON, names what is wrong with one, and refuses browsers', async () => {
    const post = (body: unknown, headers: Record<string, string> = {}) =>
      fixture.call('POST', '/_local/faults', { body, headers });
    const wrong = await post({ plane: 'moon', first: 0, fault: { type: 'slow', milliseconds: 'long' }, more: 1 });
    assert.equal(wrong.status, 400);
    const { message } = (wrong.json as ErrorBody).error;
    for (const part of [/plane: /, /first: /, /fault\.milliseconds: /, /more/]) assert.match(message, part);
    assert.equal((await post({ nth: 1, first: 2, fault: { type: 'reset' } })).status, 400);
    const made = await post({
      name: 'slow lists',
      method: 'GET',
      path: 'models',
      fault: { type: 'slow', milliseconds: 5 },
    });
    assert.equal(made.status, 201);
    assert.equal((await get(`${fixture.workspaceId}/models?api-version=2023-10-01`)).status, 200);
    const { value } = (await fixture.call('GET', '/_local/faults')).json as { value: ActiveFault[] };
    assert.deepEqual(
      value.map(({ rule, matched, injected }) => [rule.name, matched, injected]),
      [['slow lists', 1, 1]],
    );
    assert.equal((await fixture.call('DELETE', `/_local/faults/${value[0]?.id ?? ''}`)).status, 204);
    assert.equal((await fixture.call('DELETE', `/_local/faults/${value[0]?.id ?? ''}`)).status, 404);
    assert.equal((await post({ fault: { type: 'reset' } }, { origin: 'https://example.com' })).status, 403);
    assert.deepEqual(fixture.azure.faults.list(), []);
  });

  it('logs every request as a line of JSON, with its fault and without secrets', async () => {
    add({ name: 'named', path: 'models/logged', first: 1, fault: { type: 'status', status: 500 } });
    await fixture.call('PUT', `${model('logged')}&sig=hidden`, {
      token,
      body: { properties: {} },
      headers: { 'x-ms-client-request-id': 'mine' },
    });
    await fixture.credential().getToken(`${fixture.azure.description.arm}/.default`);
    const text = await readFile(requestLog, 'utf8');
    const lines = text
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line) as RequestRecord);
    const line = lines.find(one => one.clientRequestId === 'mine');
    const { plane, method, operation, apiVersion, status, bytesIn, fault } = line ?? {};
    assert.deepEqual(
      { plane, method, operation, apiVersion, status, bytesIn, fault },
      {
        plane: 'arm',
        method: 'PUT',
        operation: 'PUT models/{name}',
        apiVersion: '2023-10-01',
        status: 500,
        bytesIn: 17,
        fault: 'named',
      },
    );
    assert.ok(lines.some(one => one.plane === 'directory' && one.method === 'POST' && one.status === 200));
    for (const secret of [fixture.azure.description.clientSecret, token, 'hidden']) {
      assert.ok(!text.includes(secret));
      assert.ok(!JSON.stringify(recorded).includes(secret));
    }
    assert.deepEqual(recorded.find(one => one.clientRequestId === 'mine' && one.status === 500)?.fault, 'named');
    assert.deepEqual(recorded.find(one => one.path.endsWith('/models/stale') && one.method === 'PUT')?.body, {
      properties: { tags: { version: 'old' } },
    });
  });
});
