import assert from 'node:assert/strict';
import { request } from 'node:https';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { TestCluster } from './test-cluster';

interface Answer {
  status: number;
  body: Record<string, unknown>;
}

/** What a client library hides: the answers as they come over the wire. */
describe("local Kubernetes' answers on the wire", () => {
  const cluster = new TestCluster();
  let token: string | undefined;
  before(async () => {
    await cluster.start();
    token = cluster.config.getCurrentUser()?.token;
  });
  after(() => cluster.remove());
  afterEach(() => assert.deepEqual(cluster.log, []));

  function send(
    method: string,
    path: string,
    o: { token?: string | undefined; body?: string; type?: string } = {},
  ): Promise<Answer> {
    const bearer = 'token' in o ? o.token : token;
    const ca = readFileSync(join(cluster.folder, 'certificates/ca.pem'));
    const headers = {
      ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
      ...(o.body === undefined ? {} : { 'content-type': o.type ?? 'application/json' }),
    };
    return new Promise((resolve, reject) => {
      const sent = request(new URL(path, cluster.kubernetes.url), { method, ca, headers }, response => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (part: string) => (text += part));
        response.on('end', () => {
          resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) as Record<string, unknown> });
        });
      });
      sent.on('error', reject);
      sent.end(o.body);
    });
  }

  const failure = (code: number, reason: string, message: string): object => ({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    reason,
    code,
  });

  it('a wrong token is 401 Unauthorized', async () => {
    const answer = await send('GET', '/api/v1/namespaces', { token: 'wrong' });
    assert.deepEqual(answer, { status: 401, body: failure(401, 'Unauthorized', 'Unauthorized') });
  });

  it('version needs no token; what the API has does', async () => {
    const version = await send('GET', '/version', { token: undefined });
    assert.match(String(version.body.gitVersion), /^v1\.\d+\.\d+$/);
    const anonymous = await send('GET', '/apis', { token: undefined });
    assert.equal(anonymous.status, 403);
    assert.equal(anonymous.body.message, 'forbidden: User "system:anonymous" cannot get path "/apis"');
  });

  it('unknown paths, groups and resources are 404 as a Status', async () => {
    for (const path of [
      '/nonsense',
      '/apis/nonsense/v1',
      '/api/v1/namespaces/default/nonsense',
      '/api/v1/configmaps/x/y',
    ]) {
      const answer = await send('GET', path);
      const expected = failure(404, 'NotFound', 'the server could not find the requested resource');
      assert.deepEqual(answer, { status: 404, body: { ...expected, details: {} } }, path);
    }
  });

  it('a body over 3 MiB is 413', async () => {
    const body = JSON.stringify({ metadata: { name: 'x' }, data: { a: 'x'.repeat(3 * 1024 * 1024) } });
    const answer = await send('POST', '/api/v1/namespaces/default/configmaps', { body });
    assert.deepEqual([answer.status, answer.body.reason], [413, 'RequestEntityTooLarge']);
  });

  it('a body that is no JSON, and one of an unknown type, are refused', async () => {
    const path = '/api/v1/namespaces/default/configmaps';
    assert.equal((await send('POST', path, { body: '{' })).status, 400);
    assert.equal((await send('POST', path, { body: 'x', type: 'text/plain' })).status, 415);
    const patch = await send('PATCH', `${path}/x`, { body: '{}', type: 'application/json' });
    assert.equal(patch.status, 415);
  });

  it('fields that a type does not have are dropped, or refused when the client is strict', async () => {
    const body = JSON.stringify({ metadata: { name: 'loose' }, data: {}, nonsense: 1 });
    const path = '/api/v1/namespaces/default/configmaps';
    const refused = await send('POST', `${path}?fieldValidation=Strict`, { body });
    assert.equal(refused.status, 400);
    assert.match(String(refused.body.message), /strict decoding error: unknown field "nonsense"/);
    const created = await send('POST', path, { body });
    assert.equal(created.status, 201);
    assert.equal(created.body.nonsense, undefined);
  });

  it('a watch from a version that is no longer known ends with 410', async () => {
    await cluster.stop();
    await cluster.start();
    const answer = await send('GET', '/api/v1/configmaps?watch=true&resourceVersion=1');
    assert.equal(answer.body.type, 'ERROR');
    assert.equal((answer.body.object as { code: number }).code, 410);
  });
});
