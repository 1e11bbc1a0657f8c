import assert from 'node:assert/strict';
import { join } from 'node:path';
import { AzureReader } from '../../local/demo/azure-reader';
import { readPipeline } from '../../local/pipeline/read-pipeline';
import { runPipeline, type PipelineRun } from '../../local/pipeline/run-pipeline';
import { TaskCatalog } from '../../local/pipeline/task-catalog';
import { runRelease } from '../../local/release/run-release';
import { root } from '../../scripts/product';
import { TestCloud } from '../support/local-cloud';
import { succeeded } from '../task/outcome';

const workspace = {
  azureSubscription: 'guardian-azure-connection',
  resourceGroup: 'guardian-ai-prod',
  workspaceName: 'guardian-ai-ml-workspace-prod',
};

const fileOf = (name: string): string => join(root, 'samples/pipelines', `azure-pipelines-ml-${name}.yml`);

/** The common alert schema of Azure Monitor, as far as the pipeline reads it. https://learn.microsoft.com/azure/azure-monitor/alerts/alerts-common-schema */
const alertOn = (target: string): object => ({
  schemaId: 'azureMonitorCommonAlertSchema',
  data: { essentials: { alertRule: 'Errors of colour', monitorCondition: 'Fired', alertTargetIDs: [target] } },
});

describe('the sample pipelines', function () {
  this.timeout(240_000);
  let cloud: TestCloud;
  let azure: AzureReader;
  before(async () => {
    cloud = await TestCloud.start();
    azure = new AzureReader(cloud.cloud.description, cloud.cloud.certificate.ca);
  });
  after(() => cloud.stop());

  const run = (name: string, parameters: Record<string, unknown>): ReturnType<typeof runPipeline> =>
    runPipeline({
      file: fileOf(name),
      parameters,
      variables: {},
      project: cloud.project,
      runDir: join(cloud.folder, `run-${name}-${Date.now()}`),
      onLine: () => undefined,
    });
  const versionAt = async (endpoint: string): Promise<string | undefined> => {
    const { properties } = await azure.read<{ properties: { traffic: Record<string, number> } }>(
      `onlineEndpoints/${endpoint}`,
    );
    return Object.entries(properties.traffic)
      .filter(([, percent]) => percent === 100)
      .map(([name]) => /^m(\d+)-/.exec(name)?.[1])[0];
  };

  const examples: Record<string, Record<string, unknown>> = {
    training: {},
    deployment: { strategy: 'canary' },
    promote: { model: 'nsfw-detector' },
    rollback: { reason: 'r' },
    'pull-request': {},
    retraining: {},
    promotion: {},
    'rollback-on-alert': { alert: alertOn('/subscriptions/s/onlineEndpoints/e') },
  };
  for (const [name, parameters] of Object.entries(examples))
    it(`azure-pipelines-ml-${name}.yml can be read`, () => {
      const tasks = new TaskCatalog(cloud.project.taskDirs);
      const reader = { project: cloud.project, tasks, known: [], overrides: [] };
      assert.ok(readPipeline(fileOf(name), parameters, reader).stages.length > 0);
    });

  /** Registers a model of the fixtures, as an earlier training would have. */
  const register = async (modelName: string, folder: string): Promise<void> =>
    void succeeded(
      await cloud.runTask('RegisterModel', {
        ...workspace,
        modelName,
        modelSource: 'localPath',
        localPath: join(root, 'test/fixtures/models', folder),
      }),
    );

  it('the classic release trains, registers, deploys and configures; by hand it rolls back', async () => {
    await register('nsfw-detector', 'colour');
    const endpointName = 'nsfw-detector-endpoint';
    succeeded(await cloud.runTask('DeployOnlineEndpoint', { ...workspace, endpointName, modelName: 'nsfw-detector' }));

    const release = async (o: Pick<Parameters<typeof runRelease>[0], 'variables' | 'stages'>): Promise<PipelineRun> => {
      const lines: string[] = [];
      const done = await runRelease({
        file: join(root, 'samples/release/guardian-nsfw-detector.json'),
        project: cloud.project,
        runDir: join(cloud.folder, `release-${Date.now()}`),
        onLine: line => lines.push(line),
        ...o,
      });
      assert.equal(done.result, 'Succeeded', lines.slice(-30).join('\n'));
      return done;
    };
    const quick = { architecture: 'mobilenet_v3_small', imageSize: '64', epochs: '2' };
    const { stages, buildNumber, summaries } = await release({ variables: quick });
    assert.deepEqual(
      stages.map(stage => [stage.name, ...stage.jobs.flatMap(job => job.steps.map(step => step.task))]),
      [
        ['Train', 'artifact', 'SubmitTrainingJob@1', 'RegisterModel@1'],
        ['Production', 'artifact', 'DeployOnlineEndpoint@1', 'SyncK8sConfigMap@1'],
      ],
    );
    assert.match(buildNumber, /^nsfw-detector-\d+$/);
    assert.equal(summaries.length, 4);
    assert.equal(await versionAt(endpointName), '2');

    const [rollback] = (await release({ stages: ['Roll back'] })).stages;
    assert.equal(rollback?.name, 'Roll back');
    assert.equal(await versionAt(endpointName), '1');
    await assert.rejects(
      release({ variables: { resourceGroup: 'other' } }),
      /'resourceGroup' cannot be set at release/,
    );
  });

  it('promote what staging has tested, and roll back when an alert fires', async () => {
    for (const folder of ['colour', 'fails-on-white']) await register('colour', folder);
    for (const modelVersion of ['1', 'latest']) {
      const { result } = await run('promotion', { models: ['colour'], modelVersion, strategy: 'allAtOnce' });
      assert.equal(result, 'Succeeded');
    }
    assert.deepEqual([await versionAt('colour-staging'), await versionAt('colour-endpoint')], ['2', '2']);

    const { result } = await run('rollback-on-alert', {
      alert: alertOn('/subscriptions/s/onlineendpoints/colour-endpoint'),
    });
    assert.equal(result, 'Succeeded');
    assert.deepEqual([await versionAt('colour-staging'), await versionAt('colour-endpoint')], ['2', '1']);
    assert.equal(
      (await run('rollback-on-alert', { alert: alertOn('/subscriptions/s/virtualMachines/x') })).result,
      'Failed',
    );
  });
});
