import assert from 'node:assert/strict';
import { join } from 'node:path';
import { AzureReader } from '../../local/demo/azure-reader';
import { readPipeline } from '../../local/pipeline/read-pipeline';
import { runPipeline } from '../../local/pipeline/run-pipeline';
import { TaskCatalog } from '../../local/pipeline/task-catalog';
import { root } from '../../scripts/product';
import { TestCloud } from '../support/local-cloud';
import { succeeded } from '../task/outcome';

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

  it('promote what staging has tested, and roll back when an alert fires', async () => {
    for (const folder of ['colour', 'fails-on-white'])
      succeeded(
        await cloud.runTask('RegisterModel', {
          azureSubscription: 'guardian-azure-connection',
          resourceGroup: 'guardian-ai-prod',
          workspaceName: 'guardian-ai-ml-workspace-prod',
          modelName: 'colour',
          modelSource: 'localPath',
          localPath: join(root, 'test/fixtures/models', folder),
        }),
      );
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
