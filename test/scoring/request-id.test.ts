import assert from 'node:assert/strict';
import { plain } from './support/pictures';
import { body, type Failure, modelFolder, Runtime } from './support/runtime';

describe('the id of a request', () => {
  let runtime: Runtime;
  before(async () => (runtime = await Runtime.ready(modelFolder('colour'))));
  after(() => runtime.stop());

  for (const name of ['x-request-id', 'x-ms-client-request-id']) {
    it(`given as ${name} comes back in the same header, in errors and in the log`, async () => {
      const id = `test-${name}`;
      const good = await runtime.score(await plain('red'), 'image/png', { [name]: id });
      assert.equal(good.status, 200);
      assert.equal(good.headers.get(name), id);
      const bad = await runtime.score(Buffer.from('x'), 'image/png', { [name]: id });
      assert.equal(bad.headers.get(name), id);
      assert.equal((await body<Failure>(bad)).error.requestId, id);
      await runtime.line('answered', { requestId: id, status: 400 });
    });
  }

  it('that was not given is made up, another one each time', async () => {
    const ids = await Promise.all(
      Array.from({ length: 3 }, async () => (await runtime.get('/live')).headers.get('x-request-id')),
    );
    assert.equal(new Set(ids).size, 3);
    for (const id of ids) assert.match(id ?? '', /^[0-9a-f-]{36}$/);
  });

  it('that is no plain text of a sensible length is not taken over', async () => {
    for (const id of ['a b', 'x'.repeat(129)]) {
      const answer = await fetch(`${runtime.url}/live`, { headers: { 'x-request-id': id } });
      assert.match(answer.headers.get('x-request-id') ?? '', /^[0-9a-f-]{36}$/);
    }
  });
});
