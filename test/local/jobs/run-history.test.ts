import assert from 'node:assert/strict';
import { errorOf, JobFixture, logMetrics } from './job-fixture';

describe('local Azure: run history', () => {
  let jobs: JobFixture;
  before(async () => {
    jobs = await JobFixture.start();
    await jobs.submit(
      'logged',
      jobs.command(`${logMetrics} log val/loss 0.5 0.25; log accuracy 0.9; echo text > outputs/note.txt`, {
        tags: { team: 'guardian' },
      }),
    );
    await jobs.ended('logged');
  });
  after(() => jobs.end());

  const metric = (path: string, body: object) =>
    jobs.azure.call('POST', `/metric/v2.0${jobs.azure.workspaceId}/runs/logged${path}`, { token: jobs.token, body });

  it('gives the metrics of a run as the metric service does', async () => {
    const definitions = (await metric('/list', {})).json as {
      value: { metricKey: { name: string }; columns: object }[];
    };
    assert.deepEqual(definitions.value.map(({ metricKey }) => metricKey.name).sort(), ['accuracy', 'val/loss']);
    const full = (await metric('/full', { metricName: 'val/loss' })).json as {
      columns: object;
      value: { step: number; data: Record<string, number>; createdUtc: string }[];
    };
    assert.deepEqual(full.columns, { 'val/loss': 'Double' });
    assert.deepEqual(
      full.value.map(({ step, data }) => [step, data['val/loss']]),
      [
        [0, 0.5],
        [1, 0.25],
      ],
    );
    assert.match(full.value[0]?.createdUtc ?? '', /^\d{4}-\d{2}-\d{2}T.*Z$/);
    assert.equal((await metric('/full', {})).status, 400);
  });

  it('takes metrics from clients of the metric service, all of a request or none', async () => {
    const good = { name: 'late', value: [{ step: 3, createdUtc: '2026-01-01T00:00:00Z', data: { late: 7 } }] };
    const bad = { name: 'broken', value: [{ data: { broken: 'x' } }] };
    assert.equal((await metric('/batch', { values: [good, bad] })).status, 400);
    assert.deepEqual(((await metric('/full', { metricName: 'late' })).json as { value: unknown[] }).value, []);
    assert.deepEqual((await metric('/batch', { values: [good] })).json, { errors: [] });
    const run = (
      await jobs.azure.call('GET', `/mlflow/v2.0${jobs.azure.workspaceId}/api/2.0/mlflow/runs/get?run_id=logged`, {
        token: jobs.token,
      })
    ).json as { run: { data: { metrics: { key: string; value: number; step: number }[] } } };
    assert.deepEqual(run.run.data.metrics.find(({ key }) => key === 'late')?.value, 7);
  });

  it('finds a run by experiment name, experiment id and alone, with its times and where it ran', async () => {
    const run = await jobs.run('logged');
    const { experimentId, experimentName, compute, runTypeV2 } = run as unknown as {
      experimentId: string;
      experimentName: string;
      compute: { target: string; instanceCount: number };
      runTypeV2: { orchestrator: string };
    };
    assert.equal(experimentName, 'jobs');
    assert.deepEqual(
      [compute.target, compute.instanceCount, runTypeV2.orchestrator],
      ['cpu-training-cluster', 1, 'Execution'],
    );
    for (const path of ['/runs/logged', '/experiments/jobs/runs/logged', `/experimentids/${experimentId}/runs/logged`])
      assert.equal(((await jobs.history('GET', path)).json as { runId: string }).runId, 'logged');
    const data = (await jobs.history('POST', '/rundata', { runId: 'logged' })).json as {
      runMetadata: { runId: string };
    };
    assert.equal(data.runMetadata.runId, 'logged');
    assert.equal((await jobs.history('GET', '/experiments/jobs')).status, 200);
  });

  it('changes tags, adds and removes them', async () => {
    await jobs.history('PATCH', '/runs/logged/tags', { tagsToModify: { stage: 'gold' }, tagsToDelete: ['team'] });
    assert.deepEqual((await jobs.job('logged')).properties.tags, { stage: 'gold' });
    await jobs.history('PATCH', '/runs/logged', { displayName: 'Named', description: 'words', properties: { a: 'b' } });
    const { properties } = await jobs.job('logged');
    assert.deepEqual(
      [properties.displayName, properties.description, properties.properties.a],
      ['Named', 'words', 'b'],
    );
  });

  it('lists children by pages', async () => {
    await jobs.submit('parent', jobs.sweep('true', { x: ['choice', [Array.from({ length: 12 }, (_unused, x) => x)]] }));
    await jobs.ended('parent');
    const page = (await jobs.history('GET', '/runs/parent/children?$top=2')).json as { value: { runId: string }[] };
    assert.deepEqual(
      page.value.map(run => run.runId),
      ['parent_0', 'parent_1'],
    );
    const rest = (await jobs.history('GET', '/runs/parent/children?$continuationtoken=10')).json as {
      value: { runId: string }[];
    };
    assert.deepEqual(
      rest.value.map(run => run.runId),
      ['parent_10', 'parent_11'],
    );
  });

  it('gives the error of a failed job with its parts', async () => {
    await jobs.submit('fails', jobs.command('echo broken pipe >&2; exit 4'));
    const { error } = await jobs.ended('fails');
    assert.equal(error?.error.code, 'UserError');
    assert.equal(error.error.messageParameters.StatusCode, '4');
    assert.match(error.error.message, /status code 4\. Please check log file 'user_logs\/std_log\.txt'.*broken pipe/s);
  });

  it('refuses what does not exist and what leads out of a run', async () => {
    const refused: [method: string, path: string, status: number, code: string][] = [
      ['GET', '/runs/nobody', 404, 'UserError'],
      ['GET', '/runs/logged/artifacts/contentinfo?path=outputs/none.txt', 404, 'UserError'],
      ['GET', '/runs/logged/artifacts/contentinfo?path=../dcid.other/x', 400, 'UserError'],
      ['GET', '/experiments/none', 404, 'UserError'],
    ];
    for (const [method, path, status, code] of refused) {
      const answer = await jobs.history(method, path);
      assert.deepEqual([answer.status, errorOf(answer).code], [status, code], path);
    }
    const upload = await jobs.history('POST', '/runs/logged/artifacts/batch/metadata', {
      paths: [{ path: '../../x' }],
    });
    assert.equal(upload.status, 400);
  });

  it('takes uploads to the place that it names', async () => {
    const answer = await jobs.history('POST', '/experiments/jobs/runs/logged/artifacts/batch/metadata', {
      paths: [{ path: 'model/a.bin' }],
    });
    const { contentUri } = (answer.json as { artifactContentInformation: Record<string, { contentUri: string }> })
      .artifactContentInformation['model/a.bin'] ?? { contentUri: '' };
    const put = await jobs.azure.call('PUT', contentUri, {
      body: 'weights',
      headers: { 'x-ms-blob-type': 'BlockBlob', 'content-length': '7' },
    });
    assert.equal(put.status, 201, put.text);
    const { contentUri: link } = (await jobs.history('GET', '/runs/logged/artifacts/contentinfo?path=model/a.bin'))
      .json as { contentUri: string };
    assert.equal((await jobs.azure.call('GET', link)).text, 'weights');
    assert.equal(
      (await jobs.azure.call('PUT', link, { body: 'x', headers: { 'x-ms-blob-type': 'BlockBlob' } })).status,
      403,
    );
  });
});
