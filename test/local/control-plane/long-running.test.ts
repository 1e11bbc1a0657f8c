import assert from 'node:assert/strict';
import { until, type Answer, type AzureFixture } from '../azure/azure-fixture';
import { EchoEndpoint } from '../online-endpoints/echo-endpoint';

const api = 'api-version=2023-10-01';

/** The forms in which Azure ML starts long-running operations, and how each is followed to its end. */
describe('local Azure: long-running operations', function () {
  this.timeout(120_000);
  let echo: EchoEndpoint;
  let fixture: AzureFixture;
  let token: string;
  const call = (method: string, path: string, body?: unknown): Promise<Answer> =>
    fixture.call(method, path.startsWith('https://') ? path : `${fixture.workspaceId}/${path}?${api}`, {
      token,
      ...(body === undefined ? {} : { body }),
    });

  before(async () => {
    echo = await EchoEndpoint.start();
    ({ fixture } = echo);
    token = await fixture.token();
    await echo.prepare();
    await echo.deploy('blue');
  });
  after(() => echo.end());

  const header = (answer: Answer, name: string): string | undefined => {
    const value = answer.headers[name];
    return typeof value === 'string' ? value : undefined;
  };
  /** By `Azure-AsyncOperation`: 200 with a status until it has ended. */
  const endOfStatus = (url: string): Promise<Record<string, unknown>> =>
    until(async () => {
      const answer = await call('GET', url);
      assert.equal(answer.status, 200, answer.text);
      const body = answer.json as Record<string, unknown>;
      return body.status === 'InProgress' ? undefined : body;
    });
  /** By `Location`: 202 until it has ended. */
  const endOfResult = (url: string): Promise<Answer> =>
    until(async () => {
      const answer = await call('GET', url);
      return answer.status === 202 ? undefined : answer;
    });

  const endpoint = { location: 'eastus', properties: { authMode: 'Key' } };
  const compute = (most: number): object => ({
    location: 'eastus',
    properties: {
      computeType: 'AmlCompute',
      properties: { vmSize: 'STANDARD_DS3_V2', scaleSettings: { minNodeCount: 0, maxNodeCount: most } },
    },
  });

  /** PUT: 201 for a new resource, 200 for an old one, with the status URL beside the resource's own. */
  const puts: [title: string, path: string, body: object, status: number][] = [
    ['PUT of a new endpoint', 'onlineEndpoints/operated', endpoint, 201],
    ['PUT of an endpoint that is there', 'onlineEndpoints/operated', { ...endpoint, tags: { a: 'b' } }, 200],
    ['PUT of a new compute', 'computes/operated', compute(1), 201],
    ['PUT of a compute that is there', 'computes/operated', compute(2), 200],
  ];
  for (const [title, path, body, status] of puts)
    it(`${title}: ${status}, Azure-AsyncOperation and Location, then Succeeded`, async () => {
      const answer = await call('PUT', path, body);
      assert.equal(answer.status, status, answer.text);
      const resource = answer.json as { name: string; properties: { provisioningState: string } };
      assert.equal(resource.name, 'operated');
      const statusUrl = header(answer, 'azure-asyncoperation') ?? '';
      assert.match(statusUrl, /^https:\/\/.*\/mfeOperationsStatus\/[^/]+\?/);
      assert.equal(header(answer, 'retry-after'), '1');
      const ended = await endOfStatus(statusUrl);
      assert.equal(ended.status, 'Succeeded', JSON.stringify(ended));
      for (const field of ['id', 'name', 'startTime', 'endTime', 'percentComplete']) assert.ok(field in ended, field);
      const read = await call('GET', path);
      assert.equal((read.json as typeof resource).properties.provisioningState, 'Succeeded');
    });

  it('PATCH of tags: 200 with the resource, at once', async () => {
    for (const path of ['onlineEndpoints/echo', 'onlineEndpoints/echo/deployments/blue']) {
      const answer = await call('PATCH', path, { tags: { patched: 'yes' } });
      assert.equal(answer.status, 200, answer.text);
      assert.equal((answer.json as { tags: Record<string, string> }).tags.patched, 'yes');
    }
  });

  it('PATCH that scales a deployment: 202 with Location, then the resource', async () => {
    const scaled = { sku: { name: 'Default', capacity: 2 } };
    const answer = await call('PATCH', 'onlineEndpoints/echo/deployments/blue', scaled);
    assert.equal(answer.status, 202, answer.text);
    const location = header(answer, 'location') ?? '';
    assert.match(location, /\/mfeOperationResults\/[^/]+\?/);
    const ended = await endOfResult(location);
    assert.equal(ended.status, 200, ended.text);
    assert.equal((ended.json as { sku: { capacity: number } }).sku.capacity, 2);
  });

  it('POST regenerateKeys: 202 with Location, then nothing, and another key', async () => {
    const before = (await call('POST', 'onlineEndpoints/echo/listKeys')).json as { secondaryKey: string };
    const answer = await call('POST', 'onlineEndpoints/echo/regenerateKeys', { keyType: 'Secondary' });
    assert.equal(answer.status, 202, answer.text);
    assert.ok([200, 204].includes((await endOfResult(header(answer, 'location') ?? '')).status));
    const after = (await call('POST', 'onlineEndpoints/echo/listKeys')).json as { secondaryKey: string };
    assert.notEqual(after.secondaryKey, before.secondaryKey);
  });

  for (const path of ['onlineEndpoints/echo/deployments/blue', 'onlineEndpoints/operated', 'computes/operated'])
    it(`DELETE ${path}: 202 with both headers, then gone; 204 the next time`, async () => {
      const deletion = path.startsWith('computes') ? `${path}?underlyingResourceAction=Delete&` : `${path}?`;
      const answer = await fixture.call('DELETE', `${fixture.workspaceId}/${deletion}${api}`, { token });
      assert.equal(answer.status, 202, answer.text);
      assert.equal(answer.text, '');
      assert.equal((await endOfStatus(header(answer, 'azure-asyncoperation') ?? '')).status, 'Succeeded');
      assert.ok([200, 204].includes((await endOfResult(header(answer, 'location') ?? '')).status));
      assert.equal((await call('GET', path)).status, 404);
      const again = await fixture.call('DELETE', `${fixture.workspaceId}/${deletion}${api}`, { token });
      assert.equal(again.status, 204, again.text);
    });

  it('cancel of a job: 200 without an operation, also when it has ended; its deletion: 202 with Location', async () => {
    const job = await fixture.commandJob('sleep 60');
    await fixture.client().jobs.createOrUpdate(...fixture.names, 'cancelled', job);
    for (const attempt of ['first', 'second']) {
      const answer = await call('POST', 'jobs/cancelled/cancel');
      assert.deepEqual([answer.status, answer.text, header(answer, 'location')], [200, '', undefined], attempt);
      await fixture.jobIn('cancelled', 'Canceled');
    }
    const deleted = await call('DELETE', 'jobs/cancelled');
    assert.equal(deleted.status, 202, deleted.text);
    assert.ok([200, 204].includes((await endOfResult(header(deleted, 'location') ?? '')).status));
    assert.equal((await call('GET', 'jobs/cancelled')).status, 404);
  });

  it('an operation that there is not is 404', async () => {
    const location = `${fixture.azure.description.arm}/subscriptions/${fixture.azure.description.subscriptionId}/providers/Microsoft.MachineLearningServices/locations/eastus/mfeOperationsStatus/oeidp:none?${api}`;
    assert.equal((await fixture.call('GET', location, { token })).status, 404);
  });
});
