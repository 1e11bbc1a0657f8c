import assert from 'node:assert/strict';
import type { Answer } from '../azure/azure-fixture';
import { JobFixture } from './job-fixture';

describe('local Azure: MLflow experiments, limits and registry', () => {
  let jobs: JobFixture;
  before(async () => {
    jobs = await JobFixture.start();
    await jobs.submit('maker', jobs.command('echo weights > outputs/weights.txt'));
    await jobs.ended('maker');
  });
  after(() => jobs.end());

  const call = (method: string, path: string, body?: object, headers: Record<string, string> = {}): Promise<Answer> =>
    jobs.azure.call(method, `/mlflow/v2.0${jobs.azure.workspaceId}/api/2.0/mlflow/${path}`, {
      token: jobs.token,
      // Node sends the body of a DELETE without its length otherwise.
      headers:
        body === undefined
          ? headers
          : { 'content-length': String(Buffer.byteLength(JSON.stringify(body))), ...headers },
      ...(body === undefined ? {} : { body }),
    });
  const post = (path: string, body: object) => call('POST', path, body);
  const newRun = async (): Promise<string> => {
    const found = (await call('GET', 'experiments/get-by-name?experiment_name=jobs')).json as {
      experiment: { experiment_id: string };
    };
    const made = await post('runs/create', { experiment_id: found.experiment.experiment_id });
    return (made.json as { run: { info: { run_id: string } } }).run.info.run_id;
  };
  const error = (answer: Answer) => answer.json as { error_code: string; message: string };

  it('refuses what exceeds the limits of a batch, and keeps nothing of it', async () => {
    const run_id = await newRun();
    const metrics = Array.from({ length: 1001 }, (_unused, step) => ({ key: 'm', value: 1, timestamp: 1, step }));
    const pairs = (count: number) =>
      Array.from({ length: count }, (_unused, index) => ({ key: `k${index}`, value: 'v' }));
    const refused: [body: object, message: RegExp][] = [
      [{ metrics }, /at most 1000 metrics/],
      [{ params: pairs(101) }, /at most 100 params/],
      [{ tags: pairs(101) }, /at most 100 tags/],
      [{ metrics: metrics.slice(0, 950), params: pairs(60) }, /1000 metrics, params, and tags in total/],
      [{ params: [{ key: 'k', value: 'x'.repeat(6001) }] }, /exceeded length limit of 6000/],
      [{ tags: [{ key: 'x'.repeat(251), value: 'v' }] }, /exceeded length limit of 250/],
      [{ metrics: [{ key: '../m', value: 1, timestamp: 1, step: 0 }] }, /Invalid metric name/],
    ];
    for (const [body, message] of refused) {
      const answer = await post('runs/log-batch', { run_id, ...body });
      assert.deepEqual([answer.status, error(answer).error_code], [400, 'INVALID_PARAMETER_VALUE']);
      assert.match(error(answer).message, message);
    }
    await post('runs/log-batch', { run_id, metrics: metrics.slice(0, 900), params: pairs(100) });
    const page = (await call('GET', `metrics/get-history?run_id=${run_id}&metric_key=m&max_results=400`)).json as {
      metrics: unknown[];
      next_page_token: string;
    };
    assert.deepEqual([page.metrics.length, page.next_page_token], [400, '400']);
    const rest = (
      await call('GET', `metrics/get-history?run_id=${run_id}&metric_key=m&max_results=1000&page_token=400`)
    ).json as {
      metrics: unknown[];
      next_page_token?: string;
    };
    assert.deepEqual([rest.metrics.length, rest.next_page_token], [500, undefined]);
  });

  it('takes what azureml-mlflow logs in the background', async () => {
    const run_id = await newRun();
    const answer = await post('runs/log-batch-async', {
      run_id,
      metrics: [{ key: 'm', value: 3, timestamp: 1, step: 0 }],
    });
    assert.equal(answer.status, 200, answer.text);
    const status = await call('GET', `runs/get-run-data-status?run_id=${run_id}&batch_tracking_id=x`);
    assert.deepEqual(status.json, { is_complete: true });
    const history = (await call('GET', `metrics/get-history?run_id=${run_id}&metric_key=m`)).json as {
      metrics: { value: number }[];
    };
    assert.equal(history.metrics[0]?.value, 3);
  });

  it('deletes and restores experiments, and searches them by pages', async () => {
    for (const name of ['one', 'two', 'three']) await post('experiments/create', { name });
    const search = async (more: object) =>
      (await post('experiments/search', { filter: "name LIKE 't%'", ...more })).json as {
        experiments: { name: string; experiment_id: string; lifecycle_stage: string }[];
        next_page_token?: string;
      };
    assert.deepEqual(
      (await search({})).experiments.map(({ name }) => name),
      ['two', 'three'],
    );
    const first = await search({ max_results: 1 });
    assert.deepEqual([first.experiments.length, first.next_page_token], [1, '1']);
    const experiment_id = first.experiments[0]?.experiment_id;
    await post('experiments/delete', { experiment_id });
    assert.deepEqual(
      (await search({})).experiments.map(({ name }) => name),
      ['three'],
    );
    assert.equal((await search({ view_type: 'DELETED_ONLY' })).experiments[0]?.lifecycle_stage, 'deleted');
    await post('experiments/restore', { experiment_id });
    assert.equal((await search({})).experiments.length, 2);
  });

  it('moves versions between stages, and finds the latest of each', async () => {
    await post('registered-models/create', { name: 'staged' });
    for (let version = 1; version <= 3; version += 1)
      await post('model-versions/create', { name: 'staged', source: 'runs:/maker/outputs', run_id: 'maker' });
    const move = (version: string, stage: string, archive = false) =>
      post('model-versions/transition-stage', { name: 'staged', version, stage, archive_existing_versions: archive });
    await move('1', 'Production');
    const moved = (await move('2', 'production', true)).json as { model_version: { current_stage: string } };
    assert.equal(moved.model_version.current_stage, 'Production');
    const latest = (await post('registered-models/get-latest-versions', { name: 'staged' })).json as {
      model_versions: { version: string; current_stage: string }[];
    };
    assert.deepEqual(
      latest.model_versions.map(({ version, current_stage }) => `${version} ${current_stage}`),
      ['3 None', '2 Production', '1 Archived'],
    );
    assert.match(error(await move('1', 'Gold')).message, /None, Staging, Production, Archived/);
    // Azure ML's own stage is another thing.
    const { properties } = (await jobs.arm('GET', '/models/staged/versions/2')).json as {
      properties: { stage: string };
    };
    assert.equal(properties.stage, 'Development');
  });

  it('deletes a version with its aliases, and no model', async () => {
    await post('registered-models/create', { name: 'short', tags: [{ key: 'a', value: 'b' }] });
    await post('model-versions/create', { name: 'short', source: 'runs:/maker/outputs' });
    await post('registered-models/alias', { name: 'short', alias: 'champion', version: '1' });
    assert.equal((await call('DELETE', 'model-versions/delete', { name: 'short', version: '1' })).status, 200);
    assert.equal((await call('GET', 'model-versions/get?name=short&version=1')).status, 404);
    assert.equal((await call('GET', 'registered-models/alias?name=short&alias=champion')).status, 400);
    assert.equal((await jobs.arm('GET', '/models/short/versions/1')).status, 404);
    await call('DELETE', 'registered-models/delete-tag', { name: 'short', key: 'a' });
    const model = (await call('GET', 'registered-models/get?name=short')).json as {
      registered_model: { tags: unknown[] };
    };
    assert.deepEqual(model.registered_model.tags, []);
    assert.match(
      error(await call('DELETE', 'registered-models/delete', { name: 'short' })).message,
      /cannot be deleted on Azure Machine Learning/,
    );
  });

  it('searches models by pages', async () => {
    for (const name of ['page-a', 'page-b', 'page-c']) await post('registered-models/create', { name });
    const page = async (token: string) =>
      (
        await call(
          'GET',
          `registered-models/search?filter=${encodeURIComponent("name LIKE 'page-%'")}&max_results=2${token}`,
        )
      ).json as {
        registered_models: { name: string }[];
        next_page_token?: string;
      };
    const first = await page('');
    const second = await page(`&page_token=${first.next_page_token ?? ''}`);
    assert.deepEqual(
      [...first.registered_models, ...second.registered_models].map(({ name }) => name),
      ['page-a', 'page-b', 'page-c'],
    );
    assert.equal(second.next_page_token, undefined);
  });

  it('names the artifacts of a run as its client can follow them', async () => {
    const uri = async (headers: Record<string, string>): Promise<string> =>
      (
        (await call('GET', 'runs/get?run_id=maker', undefined, headers)).json as {
          run: { info: { artifact_uri: string } };
        }
      ).run.info.artifact_uri;
    assert.match(await uri({}), /^mlflow-artifacts:\/[^/]+\/maker\/artifacts$/);
    assert.equal(
      await uri({ 'user-agent': 'mlflow-python-client/2.22.5 azureml-mlflow/1.62.0' }),
      `azureml://${new URL(jobs.azure.azure.description.arm).host}/mlflow/v2.0${jobs.azure.workspaceId}/experiments/jobs/runs/maker/artifacts`,
    );
  });
});
