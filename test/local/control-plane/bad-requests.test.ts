import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { AzureFixture, type Answer } from '../azure/azure-fixture';

interface ArmErrorBody {
  error: { code: string; message: string };
}

describe('local Azure: bad requests get the service’s kind of error', function () {
  this.timeout(60_000);
  let fixture: AzureFixture;
  let token: string;
  before(async () => {
    fixture = await AzureFixture.start();
    token = await fixture.token();
  });
  after(() => fixture.end());

  const v = 'api-version=2023-10-01';
  const ml = (rest: string): string => `${fixture.workspaceId}/${rest}`;
  const put = (rest: string, body: unknown, headers?: Record<string, string>): Promise<Answer> =>
    fixture.call('PUT', ml(rest), { token, body, ...(headers ? { headers } : {}) });
  function refused(answer: Answer, status: number, code?: string | RegExp): void {
    assert.equal(answer.status, status, answer.text.slice(0, 500));
    const { error } = answer.json as ArmErrorBody;
    assert.ok(error.code && error.message, answer.text);
    if (typeof code === 'string') assert.equal(error.code, code);
    else if (code) assert.match(error.code, code);
    assert.ok(answer.headers['x-ms-request-id'], 'a request id');
  }

  describe('of Resource Manager', () => {
    it('no api-version, or one that there is not', async () => {
      refused(await fixture.call('GET', ml('models'), { token }), 400, 'MissingApiVersionParameter');
      refused(await fixture.call('GET', ml('models?api-version=soon'), { token }), 400, 'InvalidApiVersionParameter');
      const unknown = await fixture.call('GET', ml('models?api-version=2023-10-02'), { token });
      refused(unknown, 400, 'NoRegisteredProviderFound');
      assert.match(unknown.text, /for type 'workspaces\/models'.*supported api-versions are '[^']*2023-10-01/);
    });

    it('every version from 2022-10-01 on', async () => {
      for (const version of [
        '2022-10-01',
        '2023-04-01',
        '2024-04-01',
        '2024-10-01',
        '2025-12-01',
        '2024-01-01-preview',
      ])
        assert.equal((await fixture.call('GET', ml(`models?api-version=${version}`), { token })).status, 200, version);
    });

    it('a body that is no JSON, or something else', async () => {
      refused(
        await put(`models/m?${v}`, '{"properties": ', { 'content-type': 'application/json' }),
        400,
        'InvalidRequestContent',
      );
      refused(await put(`models/m?${v}`, '<model/>', { 'content-type': 'application/xml' }), 415);
    });

    it('wrong types and missing parts', async () => {
      for (const body of [[], 7, { properties: 'x' }, { properties: { modelUri: 3 } }, { properties: { tags: 'x' } }]) {
        const answer = await fixture.call('PUT', ml(`models/m/versions/1?${v}`), {
          token,
          body: JSON.stringify(body),
          headers: { 'content-type': 'application/json' },
        });
        refused(answer, 400);
      }
      refused(await put(`jobs/j?${v}`, { properties: { jobType: 'Command', command: 3 } }), 400);
      refused(await put(`jobs/j?${v}`, {}), 400);
      refused(
        await put(`onlineEndpoints/some-endpoint?${v}`, { location: 'eastus', properties: { authMode: 'Magic' } }),
        400,
      );
    });

    it('names that are too long, or lead elsewhere', async () => {
      const properties = { modelUri: 'azureml://datastores/workspaceblobstore/paths/x' };
      refused(await put(`models/${'m'.repeat(256)}/versions/1?${v}`, { properties }), 400);
      for (const name of ['..%2f..%2fetc', '%2e%2e%2fx', 'a%2fb', '..%5cx', '%00'])
        refused(await put(`models/${name}/versions/1?${v}`, { properties }), 400);
      refused(
        await put(`onlineEndpoints/${'e'.repeat(33)}?${v}`, { location: 'eastus', properties: { authMode: 'Key' } }),
        400,
      );
    });

    it('a path that cannot be decoded', async () =>
      refused(await fixture.call('GET', ml(`models/%E0%A4%A?${v}`), { token }), 400));

    it('a body of 100 MB', async () => {
      const body = `{"properties": {"description": "${'x'.repeat(100_000_000)}"}}`;
      // The server need not read all of it: it may answer, or end the connection once it has seen enough.
      const answer = await put(`models/m?${v}`, body, { 'content-type': 'application/json' }).catch(
        (error: unknown) => error,
      );
      if (answer instanceof Error) assert.match(answer.message, /ECONNRESET|EPIPE|socket hang up/);
      else refused(answer as Answer, 413, 'RequestEntityTooLarge');
    });
  });

  describe('of run history and MLflow', () => {
    const mlflow = (path: string, body: unknown, method = 'POST'): Promise<Answer> =>
      fixture.call(method, `/mlflow/v2.0${fixture.workspaceId}/api/2.0/mlflow/${path}`, { token, body });

    it('what is missing or of a wrong type', async () => {
      for (const [path, body] of [
        ['runs/create', { experiment_id: {} }],
        ['runs/log-metric', { run_id: 'none', key: 'a', value: 'high' }],
        ['experiments/create', {}],
        ['runs/search', { experiment_ids: 'all', max_results: 'many' }],
      ] as const) {
        const answer = await mlflow(path, body);
        assert.ok(answer.status >= 400 && answer.status < 500, `${path}: ${answer.status} ${answer.text}`);
        assert.ok((answer.json as { error_code?: string }).error_code, answer.text);
      }
    });

    it('artifacts outside of their run', async () => {
      const { json } = await mlflow('experiments/create', { name: 'paths' });
      const { experiment_id } = json as { experiment_id: string };
      const created = await mlflow('runs/create', { experiment_id });
      const { run } = created.json as { run: { info: { run_id: string } } };
      const base = `/mlflow/v2.0${fixture.workspaceId}/api/2.0/mlflow-artifacts/artifacts/${experiment_id}/${run.info.run_id}/artifacts`;
      for (const path of ['..%2f..%2f..%2fetc%2fpasswd', '%2e%2e/%2e%2e/x', 'a/..%2f..%2f..%2fb']) {
        const answer = await fixture.call('PUT', `${base}/${path}`, { token, body: 'x' });
        assert.ok(answer.status >= 400 && answer.status < 500, `${path}: ${answer.status} ${answer.text}`);
      }
      const history = `/history/v1.0${fixture.workspaceId}/experiments/paths/runs/${run.info.run_id}/artifacts`;
      const batch = await fixture.call('POST', `${history}/batch/metadata`, {
        token,
        body: { paths: [{ path: '../../x' }] },
      });
      assert.ok(batch.status >= 400 && batch.status < 500, `${batch.status} ${batch.text}`);
    });
  });

  it('and after all of it, it answers, and nothing outside its folder was touched', async () => {
    assert.equal((await fixture.call('GET', ml(`models?${v}`), { token })).status, 200);
    const above = readdirSync(dirname(fixture.stateDir));
    assert.ok(!above.includes('x') && !above.includes('b') && !above.includes('etc'), above.join());
    assert.ok(!existsSync(join(fixture.stateDir, '..', 'passwd')));
  });
});
