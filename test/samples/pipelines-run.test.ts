import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { AzureReader } from '../../local/demo/azure-reader';
import type { RequestRecord } from '../../local/requests/request-record';
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

/** The permission that Resource Manager asks for. https://learn.microsoft.com/azure/role-based-access-control/role-definitions#actions-format */
function actionOf({ method, path }: RequestRecord): string {
  const [scope = '', inside] = path.split(/\/providers\//i);
  const verb = { GET: 'read', HEAD: 'read', PUT: 'write', PATCH: 'write', DELETE: 'delete' }[method];
  if (inside === undefined)
    return `Microsoft.Resources/subscriptions${/\/resourceGroups/i.test(scope) ? '/resourceGroups' : ''}/${verb ?? 'action'}`;
  const [namespace = '', ...parts] = inside.split('/');
  // Types and names take turns; a POST ends with the action's name in the place of a type.
  const types = parts.filter((_, index) => index % 2 === 0);
  return [namespace, ...types, verb ?? 'action'].join('/');
}

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
  const requests: RequestRecord[] = [];
  before(async () => {
    cloud = await TestCloud.start({ recordRequest: request => requests.push(request) });
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
  const register = async (modelName: string, folder: string, registryName = ''): Promise<void> =>
    void succeeded(
      await cloud.runTask('RegisterModel', {
        ...workspace,
        modelName,
        modelSource: 'localPath',
        registryName,
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

  it('promote from the registry what staging has tested, and roll back when an alert fires', async () => {
    const registry = 'guardian-registry';
    for (const folder of ['colour', 'fails-on-white']) await register('colour', folder, registry);
    for (const modelVersion of ['1', 'latest']) {
      const { result } = await run('promotion', { models: ['colour'], modelVersion, registry, strategy: 'allAtOnce' });
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

  it('the roles of samples/azure allow what the tasks have asked Azure for, and no write that is not named', () => {
    const allowed = ['pipeline-role', 'region-reader-role'].flatMap(
      role =>
        (JSON.parse(readFileSync(join(root, 'samples/azure', `${role}.json`), 'utf8')) as { Actions: string[] })
          .Actions,
    );
    const patterns = allowed.map(action => new RegExp(`^${action.replaceAll('.', '\\.').replaceAll('*', '.+')}$`, 'i'));
    const asked = new Set(requests.filter(({ plane }) => plane === 'arm').map(actionOf));
    assert.ok(asked.size > 15, [...asked].join('\n'));
    const refused = [...asked].filter(action => !patterns.some(pattern => pattern.test(action)));
    // A registry has roles of its own: AzureML Registry User.
    assert.deepEqual(
      refused.filter(action => !action.includes('/registries/')),
      [],
    );
    assert.deepEqual(
      allowed.filter(action => /\*\/(write|delete|action)$|Microsoft\.Authorization/.test(action)),
      [],
    );
  });
});
