import assert from 'node:assert/strict';
import { AzureFixture } from './azure-fixture';

interface RunMessage {
  run: {
    info: Record<string, unknown>;
    data: {
      metrics: { key: string; value: number | string; step: number }[];
      params: { key: string; value: string }[];
      tags: { key: string; value: string }[];
    };
  };
}

describe('local Azure: MLflow REST', () => {
  let fixture: AzureFixture;
  let token: string;
  before(async () => {
    fixture = await AzureFixture.start();
    token = await fixture.token();
  });
  after(() => fixture.end());

  const api = (path: string, version = 'v2.0'): string => `/mlflow/${version}${fixture.workspaceId}/api/2.0/${path}`;
  const post = (path: string, body: object) => fixture.call('POST', api(`mlflow/${path}`), { token, body });
  const get = (path: string) => fixture.call('GET', api(`mlflow/${path}`), { token });
  /** Runs a shell command as a job and gives its run as MLflow has it at the end. */
  const runOfJob = async (name: string, command: string): Promise<RunMessage['run']> => {
    await fixture
      .client()
      .jobs.createOrUpdate(...fixture.names, name, await fixture.commandJob(command, { tags: { team: 'guardian' } }));
    await fixture.jobIn(name, 'Completed', 'Failed');
    return ((await get(`runs/get?run_id=${name}`)).json as RunMessage).run;
  };
  /** A shell function `mlflow PATH JSON` that posts with the job's own token. */
  const jobMlflow = `mlflow() { NODE_EXTRA_CA_CERTS=$MLFLOW_TRACKING_SERVER_CERT_PATH node -e '
    fetch(process.env.MLFLOW_TRACKING_URI + "/api/2.0/mlflow/" + process.argv[1], { method: "POST", body: process.argv[2],
      headers: { authorization: "Bearer " + process.env.MLFLOW_TRACKING_TOKEN, "content-type": "application/json" } })
      .then(async answer => { console.log(answer.status, await answer.text()); if (!answer.ok) process.exit(1); })' "$1" "$2"; }; `;

  it('keeps the metrics, parameters and tags that a job logs with its own token, and shows the tags on the job', async () => {
    const batch = JSON.stringify({
      run_id: 'logs-metrics',
      metrics: [0.5, 0.75, 0.9].map((value, step) => ({ key: 'val/accuracy', value, timestamp: 1000 + step, step })),
      params: [{ key: 'epochs', value: '3' }],
      tags: [{ key: 'stage', value: 'quick' }],
    });
    const run = await runOfJob('logs-metrics', `${jobMlflow} mlflow runs/log-batch '${batch}'`);
    assert.equal(run.info.status, 'FINISHED', await fixture.jobLog('logs-metrics'));
    assert.deepEqual(run.data.metrics, [{ key: 'val/accuracy', value: 0.9, timestamp: 1002, step: 2 }]);
    assert.deepEqual(run.data.params, [{ key: 'epochs', value: '3' }]);
    const history = (await get('metrics/get-history?run_id=logs-metrics&metric_key=val%2Faccuracy')).json as {
      metrics: { value: number }[];
    };
    assert.deepEqual(
      history.metrics.map(metric => metric.value),
      [0.5, 0.75, 0.9],
    );
    const { properties } = await fixture.client().jobs.get(...fixture.names, 'logs-metrics');
    assert.deepEqual(properties.tags, { team: 'guardian', stage: 'quick' });
  });

  it('does not end a job whose script ends its run', async () => {
    const end = JSON.stringify({ run_id: 'ends-run', status: 'FAILED', end_time: 1 });
    const run = await runOfJob('ends-run', `${jobMlflow} mlflow runs/update '${end}'; exit 0`);
    assert.equal(run.info.status, 'FINISHED');
  });

  it('takes the token of a job only while the job runs', async () => {
    await runOfJob('token', 'echo $MLFLOW_TRACKING_TOKEN');
    const jobToken = (await fixture.jobLog('token')).trim();
    const late = await fixture.call('GET', api('mlflow/runs/get?run_id=token'), { token: jobToken });
    assert.equal(late.status, 401);
    assert.match(
      (late.json as { message: string }).message,
      /job token is no longer valid|token of job token is no longer valid/,
    );
    const arm = await fixture.call('GET', `${fixture.workspaceId}?api-version=2022-10-01`, { token: jobToken });
    assert.equal(arm.status, 401);
  });

  it('keeps NaN and infinity, and the value of the highest step as the latest', async () => {
    const { experiment_id } = (await post('experiments/create', { name: 'numbers' })).json as { experiment_id: string };
    const { run } = (await post('runs/create', { experiment_id, run_name: 'odd' })).json as RunMessage;
    const id = String(run.info.run_id);
    await post('runs/log-metric', { run_id: id, key: 'loss', value: 'NaN', timestamp: 1, step: 0 });
    await post('runs/log-metric', { run_id: id, key: 'high', value: 'Infinity', timestamp: 1, step: 0 });
    await post('runs/log-metric', { run_id: id, key: 'late', value: 2, timestamp: 5, step: 9 });
    await post('runs/log-metric', { run_id: id, key: 'late', value: 1, timestamp: 9, step: 3 });
    const { data } = ((await get(`runs/get?run_id=${id}`)).json as RunMessage).run;
    assert.deepEqual(Object.fromEntries(data.metrics.map(metric => [metric.key, metric.value])), {
      high: 'Infinity',
      late: 2,
      loss: 'NaN',
    });
  });

  it('finds runs by metric, parameter and tag, best first', async () => {
    const { experiment_id } = (await post('experiments/create', { name: 'search' })).json as { experiment_id: string };
    for (const [name, accuracy] of [
      ['a', 0.7],
      ['b', 0.9],
      ['c', 0.8],
    ] as const) {
      const { run } = (await post('runs/create', { experiment_id, run_name: name })).json as RunMessage;
      const run_id = run.info.run_id;
      await post('runs/log-metric', { run_id, key: 'accuracy', value: accuracy, timestamp: 1, step: 0 });
      await post('runs/log-parameter', { run_id, key: 'kind', value: name === 'c' ? 'other' : 'mine' });
    }
    const search = async (filter: string): Promise<unknown[]> => {
      const answer = await post('runs/search', {
        experiment_ids: [experiment_id],
        filter,
        order_by: ['metrics.accuracy DESC'],
      });
      return ((answer.json as { runs?: RunMessage['run'][] }).runs ?? []).map(run => run.info.run_name);
    };
    assert.deepEqual(await search(''), ['b', 'c', 'a']);
    assert.deepEqual(await search("metrics.accuracy > 0.75 and params.kind = 'mine'"), ['b']);
    const unsupported = await post('runs/search', {
      experiment_ids: [experiment_id],
      filter: 'metrics.accuracy > 0.5 OR 1',
    });
    assert.equal(unsupported.status, 400);
    assert.equal((unsupported.json as { error_code: string }).error_code, 'INVALID_PARAMETER_VALUE');
  });

  it('stores artifacts where Azure ML has them, and shows a model registered here in ARM and the other way round', async () => {
    const run = await runOfJob('with-model', 'echo weights > outputs/model.txt');
    const base = `mlflow-artifacts/artifacts/${String(run.info.experiment_id)}/with-model/artifacts`;
    const put = await fixture.call('PUT', api(`${base}/notes/read%20me.txt`), {
      token,
      body: 'hello',
      headers: { 'content-type': 'text/plain' },
    });
    assert.equal(put.status, 200);
    assert.equal((await fixture.call('GET', api(`${base}/notes/read%20me.txt`), { token })).text, 'hello');
    const listed = await fixture.call(
      'GET',
      api(`mlflow-artifacts/artifacts?path=${String(run.info.experiment_id)}/with-model/artifacts/notes`),
      { token },
    );
    assert.deepEqual(listed.json, { files: [{ path: 'read me.txt', is_dir: false, file_size: 5 }] });
    const history = await fixture.call(
      'GET',
      `/history/v1.0${fixture.workspaceId}/experiments/shell/runs/with-model/artifacts/contentinfo?path=notes/read%20me.txt`,
      { token },
    );
    assert.equal((await fixture.call('GET', (history.json as { contentUri: string }).contentUri)).text, 'hello');

    await post('registered-models/create', { name: 'shared', description: 'both sides' });
    const made = await post('model-versions/create', {
      name: 'shared',
      source: 'runs:/with-model/outputs',
      run_id: 'with-model',
      tags: [{ key: 'from', value: 'mlflow' }],
    });
    assert.equal((made.json as { model_version: { version: string } }).model_version.version, '1');
    const arm = await fixture.client().modelVersions.get(...fixture.names, 'shared', '1');
    assert.deepEqual(arm.properties.tags, { from: 'mlflow' });
    assert.match(arm.properties.modelUri ?? '', /dcid\.with-model\/outputs$/);
    await fixture.client().modelVersions.createOrUpdate(...fixture.names, 'shared', '2', {
      properties: { modelUri: 'azureml://jobs/with-model/outputs/artifacts/paths/outputs/', tags: { from: 'arm' } },
    });
    const found = (await get(`model-versions/search?filter=${encodeURIComponent("name='shared'")}`)).json as {
      model_versions: { version: string; tags: { key: string; value: string }[] }[];
    };
    assert.deepEqual(
      found.model_versions.map(({ version, tags }) => [version, tags]),
      [
        ['2', [{ key: 'from', value: 'arm' }]],
        ['1', [{ key: 'from', value: 'mlflow' }]],
      ],
    );
    await post('registered-models/alias', { name: 'shared', alias: 'champion', version: '1' });
    const champion = await get('registered-models/alias?name=shared&alias=champion');
    assert.equal((champion.json as { model_version: { version: string } }).model_version.version, '1');
  });

  it('answers failures in the form of MLflow', async () => {
    const unknown = await get('runs/get?run_id=nobody');
    assert.deepEqual(
      [unknown.status, unknown.json],
      [404, { error_code: 'RESOURCE_DOES_NOT_EXIST', message: 'Run with id=nobody not found' }],
    );
    const experiment = await get('experiments/get-by-name?experiment_name=nothing');
    assert.equal((experiment.json as { error_code: string }).error_code, 'RESOURCE_DOES_NOT_EXIST');
    const missing = await post('runs/log-metric', { key: 'x', value: 1 });
    assert.match((missing.json as { message: string }).message, /required parameter 'run_id'/);
    const nowhere = await get('traces/search');
    assert.equal((nowhere.json as { error_code: string }).error_code, 'ENDPOINT_NOT_FOUND');
    const escape = await fixture.call('GET', api('mlflow-artifacts/artifacts/1/run/artifacts/..%2F..%2Fsecret'), {
      token,
    });
    assert.equal((escape.json as { error_code: string }).error_code, 'INVALID_PARAMETER_VALUE');
    const stranger = (
      await fixture.credential(fixture.azure.noAccess).getToken(`${fixture.azure.description.arm}/.default`)
    ).token;
    const denied = await fixture.call('GET', api('mlflow/runs/get?run_id=x'), { token: stranger });
    assert.deepEqual([denied.status, (denied.json as { error_code: string }).error_code], [403, 'PERMISSION_DENIED']);
  });

  it('pages models and their versions, each item once, and refuses names that are no names', async () => {
    await fixture.azure.stores.blobs.put('azureml', 'paged/model.onnx', 'weights');
    for (const [model, count] of Object.entries({ 'paged-a': 3, 'paged-b': 1, 'paged-c': 2 })) {
      await post('registered-models/create', { name: model });
      for (let made = 0; made < count; made += 1)
        await post('model-versions/create', {
          name: model,
          source: 'azureml://datastores/workspaceartifactstore/paths/paged/',
        });
    }
    const paged = async (path: string, key: string): Promise<{ name: string; version?: string }[]> => {
      const all: { name: string; version?: string }[] = [];
      for (let page: string | undefined = ''; page !== undefined;) {
        const answer = await get(`${path}&max_results=2&page_token=${encodeURIComponent(page)}`);
        assert.equal(answer.status, 200, answer.text);
        const body = answer.json as Record<string, unknown> & { next_page_token?: string };
        all.push(...((body[key] ?? []) as typeof all).filter(({ name }) => name.startsWith('paged-')));
        page = body.next_page_token;
      }
      return all;
    };
    const models = await paged('registered-models/search?filter=', 'registered_models');
    assert.deepEqual(
      models.map(({ name }) => name),
      ['paged-a', 'paged-b', 'paged-c'],
    );
    const versions = async (filter: string): Promise<string[]> =>
      (await paged(`model-versions/search?filter=${encodeURIComponent(filter)}`, 'model_versions')).map(
        ({ name, version }) => `${name}:${version ?? ''}`,
      );
    const ofA = ['paged-a:3', 'paged-a:2', 'paged-a:1'];
    assert.deepEqual(await versions("name='paged-a'"), ofA);
    assert.deepEqual(await versions(''), [...ofA, 'paged-b:1', 'paged-c:2', 'paged-c:1']);
    assert.equal((await post('registered-models/create', { name: 'a/b' })).status, 400);
  });
});
