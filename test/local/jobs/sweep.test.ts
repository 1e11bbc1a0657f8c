import assert from 'node:assert/strict';
import type { SweepJob } from '@azure/arm-machinelearning';
import { errorOf, JobFixture, logMetrics } from './job-fixture';

describe('local Azure: sweep jobs', () => {
  let jobs: JobFixture;
  before(async () => {
    jobs = await JobFixture.start();
  });
  after(() => jobs.end());

  const values = async (name: string): Promise<Record<string, unknown>[]> =>
    (await jobs.children(name)).map(child => JSON.parse(child.tags.hyperparameters ?? '') as Record<string, unknown>);

  it('tries every combination of a grid, each as a child job, and names the best', async () => {
    await jobs.submit(
      'grid',
      jobs.sweep(
        `${logMetrics} echo "rate \${{search_space.rate}} layers \${{search_space.layers}} \${{inputs.data}}"; log accuracy 0.1 0.\${{search_space.layers}}\${{search_space.rate}} 0.2`,
        { rate: ['choice', [[1, 5]]], layers: ['choice', [[2, 4]]] },
        {
          inputs: { data: { jobInputType: 'literal', value: 'pets' } },
          limits: { jobLimitsType: 'Sweep', maxConcurrentTrials: 2 },
        },
      ),
    );
    assert.equal((await jobs.ended('grid')).status, 'Completed');
    assert.deepEqual(await values('grid'), [
      { rate: '1', layers: '2' },
      { rate: '1', layers: '4' },
      { rate: '5', layers: '2' },
      { rate: '5', layers: '4' },
    ]);
    const children = await jobs.children('grid');
    assert.deepEqual(
      children.map(({ runId, parentRunId, status }) => [runId, parentRunId, status]),
      [0, 1, 2, 3].map(trial => [`grid_${trial}`, 'grid', 'Completed']),
    );
    const { properties } = (await jobs.job('grid')).properties;
    assert.equal(properties.best_child_run_id, 'grid_3');
    assert.equal(properties.score, '0.45');
    assert.equal(properties.best_metric_status, 'Succeeded');
    assert.equal(await jobs.log('grid_3'), 'rate 5 layers 4 pets\n');
    assert.equal((await jobs.job('grid_3')).properties.jobType, 'Command');
    assert.match(await jobs.log('grid', 'azureml-logs/hyperdrive.txt'), /Scheduling job, id='grid_3'/);
    // MLflow's clients find them by their parent.
    const search = {
      experiment_ids: [],
      filter: "tags.mlflow.parentRunId = 'grid'",
      order_by: ['metrics.accuracy DESC'],
    };
    const { experimentId } = (await jobs.run('grid')) as unknown as { experimentId: string };
    const runs = await jobs.azure.call('POST', `/mlflow/v2.0${jobs.azure.workspaceId}/api/2.0/mlflow/runs/search`, {
      token: jobs.token,
      body: { ...search, experiment_ids: [experimentId] },
    });
    const found = (runs.json as { runs: { info: { run_id: string } }[] }).runs.map(({ info }) => info.run_id);
    assert.equal(found.length, 4);
    // Trials are not jobs of the workspace's list.
    const listed = ((await jobs.arm('GET', '/jobs')).json as { value: { name: string }[] }).value.map(job => job.name);
    assert.deepEqual(listed, ['grid']);
  });

  it('is submitted and read by the official client', async () => {
    const client = jobs.azure.client();
    const made = await client.jobs.createOrUpdate(...jobs.azure.names, 'by-client', {
      properties: {
        jobType: 'Sweep',
        experimentName: 'jobs',
        computeId: jobs.computeId,
        trial: { command: 'echo ${{search_space.x}}', environmentId: jobs.environmentId },
        searchSpace: { x: ['choice', [[7]]] },
        samplingAlgorithm: { samplingAlgorithmType: 'Random', seed: 3, rule: 'Random' },
        objective: { goal: 'Minimize', primaryMetric: 'loss' },
        limits: { jobLimitsType: 'Sweep', maxTotalTrials: 1, timeout: 'PT1M' },
        earlyTermination: { policyType: 'MedianStopping', delayEvaluation: 1, evaluationInterval: 1 },
      },
    });
    const shown = made.properties as SweepJob;
    assert.equal(shown.limits?.maxTotalTrials, 1);
    assert.deepEqual(shown.searchSpace, { x: ['choice', [[7]]] });
    assert.equal(shown.earlyTermination?.policyType, 'MedianStopping');
    await jobs.ended('by-client');
    assert.equal(await jobs.log('by-client_0'), '7\n');
    const trial = await client.jobs.get(...jobs.azure.names, 'by-client_0');
    assert.deepEqual([trial.properties.jobType, trial.properties.status], ['Command', 'Completed']);
  });

  it('draws the same points from the same seed, within their ranges', async () => {
    const space = {
      rate: ['loguniform', [-6, -1]],
      batch: ['quniform', [16, 64, 16]],
      depth: ['randint', [3]],
      dropout: ['uniform', [0.1, 0.5]],
      spread: ['normal', [0, 1]],
    };
    for (const name of ['drawn-1', 'drawn-2']) {
      await jobs.submit(
        name,
        jobs.sweep('true', space, {
          samplingAlgorithm: { samplingAlgorithmType: 'Random', seed: 42 },
          limits: { jobLimitsType: 'Sweep', maxTotalTrials: 3, maxConcurrentTrials: 2 },
        }),
      );
    }
    await jobs.ended('drawn-1');
    await jobs.ended('drawn-2');
    const points = await values('drawn-1');
    assert.equal(points.length, 3);
    assert.deepEqual(await values('drawn-2'), points);
    for (const point of points) {
      assert.ok(Number(point.rate) >= Math.exp(-6) && Number(point.rate) <= Math.exp(-1));
      assert.ok([16, 32, 48, 64].includes(Number(point.batch)));
      assert.ok([0, 1, 2].includes(Number(point.depth)));
      assert.ok(Number(point.dropout) >= 0.1 && Number(point.dropout) <= 0.5);
      assert.ok(Number.isFinite(Number(point.spread)));
    }
  });

  for (const [policy, earlyTermination] of Object.entries({
    bandit: { policyType: 'Bandit', slackFactor: 0.2, evaluationInterval: 1 },
    median: { policyType: 'MedianStopping', evaluationInterval: 1 },
    truncation: { policyType: 'TruncationSelection', truncationPercentage: 50, evaluationInterval: 2 },
  })) {
    it(`ends a trial that falls behind: ${policy}`, async () => {
      // The good trial stays until the bad one has been compared with it.
      const gate = `${jobs.azure.stateDir}/${policy}`;
      const command = `${logMetrics} if [ "\${{search_space.kind}}" = good ]; then log accuracy 0.8 0.9; touch ${gate}; while [ -e ${gate} ]; do sleep 0.05; done; else while [ ! -e ${gate} ]; do sleep 0.05; done; log accuracy 0.3 0.4; sleep 600; fi`;
      await jobs.submit(policy, jobs.sweep(command, { kind: ['choice', [['good', 'bad']]] }, { earlyTermination }));
      assert.equal((await jobs.ended(`${policy}_1`)).status, 'Canceled');
      const { rm } = await import('node:fs/promises');
      await rm(gate);
      assert.equal((await jobs.ended(policy)).status, 'Completed');
      assert.equal((await jobs.job(policy)).properties.properties.best_child_run_id, `${policy}_0`);
      assert.match(await jobs.log(policy, 'azureml-logs/hyperdrive.txt'), new RegExp(`'${policy}_1' does not meet`));
    });
  }

  it('ends a trial at its own time limit, and the sweep at its', async () => {
    const limits = { jobLimitsType: 'Sweep', maxConcurrentTrials: 1 };
    const space = { seconds: ['choice', [[600, 0]]] };
    await jobs.submit(
      'slow-trial',
      jobs.sweep('sleep ${{search_space.seconds}}', space, { limits: { ...limits, trialTimeout: 'PT0.5S' } }),
    );
    await jobs.submit(
      'slow-sweep',
      jobs.sweep('sleep ${{search_space.seconds}}', space, { limits: { ...limits, timeout: 'PT0.5S' } }),
    );
    assert.equal((await jobs.ended('slow-trial')).status, 'Completed');
    assert.deepEqual(
      (await jobs.children('slow-trial')).map(child => child.status),
      ['Canceled', 'Completed'],
    );
    assert.equal((await jobs.ended('slow-sweep')).status, 'Canceled');
    assert.deepEqual(
      (await jobs.children('slow-sweep')).map(child => child.status),
      ['Canceled'],
    );
  });

  it('fails when all trials fail, and completes when one does not', async () => {
    await jobs.submit('all-fail', jobs.sweep('exit ${{search_space.code}}', { code: ['choice', [[1, 2]]] }));
    await jobs.submit('one-left', jobs.sweep('exit ${{search_space.code}}', { code: ['choice', [[1, 0]]] }));
    const { status, error } = await jobs.ended('all-fail');
    assert.equal(status, 'Failed');
    assert.match(error?.error.message ?? '', /^User errors were found in at least one of the child runs.*all-fail_0/);
    assert.equal((await jobs.ended('one-left')).status, 'Completed');
    // No trial logged the primary metric.
    assert.equal((await jobs.job('one-left')).properties.properties.best_metric_status, 'Failed');
  });

  it('cancels its trials when it is canceled', async () => {
    await jobs.submit('to-cancel', jobs.sweep('sleep 600', { seed: ['choice', [[1, 2, 3, 4]]] }));
    await jobs.runIn('to-cancel_1', 'Running');
    await jobs.cancel('to-cancel');
    assert.equal((await jobs.ended('to-cancel')).status, 'Canceled');
    assert.deepEqual([...new Set((await jobs.children('to-cancel')).map(child => child.status))], ['Canceled']);
  });

  const refused: [what: string, change: object, target: string, message: RegExp][] = [
    ['no search space', { searchSpace: {} }, 'searchSpace', /searchSpace field is required/],
    [
      'an unknown distribution',
      { searchSpace: { rate: ['zipf', [1]] } },
      'searchSpace.rate',
      /unknown distribution 'zipf'/,
    ],
    [
      'a range upside down',
      { searchSpace: { rate: ['uniform', [2, 1]] } },
      'searchSpace.rate',
      /minimum below its maximum/,
    ],
    [
      'a grid over a continuous range',
      { searchSpace: { rate: ['uniform', [0, 1]] } },
      'searchSpace.rate',
      /Grid sampling supports choice/,
    ],
    [
      'Bayesian sampling',
      { samplingAlgorithm: { samplingAlgorithmType: 'Bayesian' } },
      'samplingAlgorithm.samplingAlgorithmType',
      /Bayesian sampling is not supported by local Azure/,
    ],
    [
      'no primary metric',
      { objective: { goal: 'Maximize' } },
      'objective.primaryMetric',
      /primaryMetric field is required/,
    ],
    [
      'a goal that is none',
      { objective: { goal: 'Best', primaryMetric: 'x' } },
      'objective.goal',
      /Minimize, Maximize/,
    ],
    [
      'a bandit without slack',
      { earlyTermination: { policyType: 'Bandit' } },
      'earlyTermination.slackFactor',
      /slackFactor or a slackAmount/,
    ],
    ['too many trials', { limits: { maxTotalTrials: 1001 } }, 'limits.maxTotalTrials', /between 1 and 1000/],
    [
      'a placeholder of nothing',
      { trial: { command: 'echo ${{search_space.depth}}', environmentId: 'azureml:shell:1' } },
      'trial.command',
      /no parameter of the search space of that name/,
    ],
  ];
  for (const [what, change, target, message] of refused) {
    it(`refuses ${what}, naming the field`, async () => {
      const answer = await jobs.put(
        'refused',
        jobs.sweep('true', { rate: ['choice', [[1]]] }, change as Record<string, unknown>),
      );
      assert.equal(answer.status, 400);
      assert.equal(errorOf(answer).code, 'UserError');
      assert.equal(errorOf(answer).target, target);
      assert.match(errorOf(answer).message, message);
    });
  }
});
