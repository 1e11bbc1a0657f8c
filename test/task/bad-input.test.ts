import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { TaskRun } from '../../local/agent/run-task';
import { root } from '../../scripts/product';
import { TestCloud } from '../support/local-cloud';

/** The one error that the task reports: failed, exit code not 0, no stack trace. */
function onlyError(run: TaskRun): string {
  assert.equal(run.result, 'Failed', run.lines.join('\n'));
  assert.equal(run.exitCode, 1);
  const errors = run.commands.filter(
    ({ area, event, properties }) => area === 'task' && event === 'logissue' && properties['type'] === 'error',
  );
  assert.equal(errors.length, 1, run.lines.join('\n'));
  assert.doesNotMatch(
    run.lines.filter(line => !line.includes('##[debug]')).join('\n'),
    /^\s+at .*:\d+:\d+/m,
    'a stack trace at info level',
  );
  return errors[0]!.data;
}

describe('bad input ends in one clear error', function () {
  this.timeout(120_000);
  let cloud: TestCloud;

  before(async () => (cloud = await TestCloud.start()));
  after(() => cloud.stop());

  const azure = {
    azureSubscription: 'guardian-azure-connection',
    resourceGroup: 'guardian-ai-prod',
    workspaceName: 'guardian-ai-ml-workspace-prod',
  };
  const job = { ...azure, jobFile: join(root, 'samples/training/jobs/nsfw-detector.yml') };

  it('a required input is missing: all of them at once', async () => {
    const error = onlyError(await cloud.runTask('DeployOnlineEndpoint', { ...azure, resourceGroup: '' }));
    for (const name of ['resourceGroup', 'endpointName', 'modelName']) assert.match(error, new RegExp(name));
  });

  it('a pick list has an unknown value: the allowed ones are named', async () => {
    const error = onlyError(
      await cloud.runTask('DeployOnlineEndpoint', {
        ...azure,
        endpointName: 'a-b-c',
        modelName: 'm',
        strategy: 'bluegreen',
      }),
    );
    assert.match(error, /bluegreen/);
    assert.match(error, /allAtOnce.*challenger/);
  });

  it('the service principal has no role: what it may not do, and which role helps', async () => {
    const connections = cloud.deniedConnections;
    const error = onlyError(await cloud.runTask('SubmitTrainingJob', job, { connections }));
    assert.match(error, /AuthorizationFailed/);
    assert.match(error, /role/i);
  });

  it('the client secret is wrong: says so without showing it', async () => {
    const wrong = 'not-the-secret-8c1f';
    const connections = cloud.project.connections.map(item =>
      item.type === 'azurerm' ? { ...item, parameters: { ...item.parameters, serviceprincipalkey: wrong } } : item,
    );
    const run = await cloud.runTask('SubmitTrainingJob', job, { connections });
    assert.match(onlyError(run), /AADSTS7000215/);
    assert.ok(!run.lines.join('\n').includes(wrong));
  });

  it('the compute cluster is not there: near names, and that case matters', async () => {
    const error = onlyError(
      await cloud.runTask('SubmitTrainingJob', { ...job, set: 'compute=azureml:Cpu-Training-Cluster' }),
    );
    assert.match(error, /Cpu-Training-Cluster/);
    assert.match(error, /cpu-training-cluster/);
    assert.match(error, /case/i);
  });

  it('the model is not there', async () => {
    const error = onlyError(
      await cloud.runTask('DeployOnlineEndpoint', {
        ...azure,
        endpointName: 'nsfw-detector-endpoint',
        modelName: 'nsfw-detectr',
      }),
    );
    assert.match(error, /nsfw-detectr/);
  });

  it('the endpoint is not there', async () => {
    const error = onlyError(
      await cloud.runTask('Rollback', { ...azure, endpointNames: 'nsfw-detector-endpont', reason: 'test' }),
    );
    assert.match(error, /nsfw-detector-endpont/);
  });

  it('the workspace is not there', async () => {
    const error = onlyError(
      await cloud.runTask('SubmitTrainingJob', { ...job, workspaceName: 'guardian-ai-ml-workspace-test' }),
    );
    assert.match(error, /guardian-ai-ml-workspace-test/);
  });

  it('the namespace is not there', async () => {
    const error = onlyError(
      await cloud.runTask('SyncK8sConfigMap', {
        kubernetesServiceConnection: 'guardian-kubernetes-connection',
        namespace: 'gaurdian',
        configMapName: 'guardian-config',
        entries: 'A=b',
      }),
    );
    assert.match(error, /gaurdian/);
  });

  it('the host cannot be reached: which one', async () => {
    const connections = cloud.project.connections.map(item =>
      item.type === 'azurerm' ? { ...item, url: 'https://127.0.0.1:9/' } : item,
    );
    const error = onlyError(await cloud.runTask('SubmitTrainingJob', job, { connections }));
    assert.match(error, /127\.0\.0\.1:9/);
  });

  it('the job file is not there', async () => {
    const error = onlyError(await cloud.runTask('SubmitTrainingJob', { ...azure, jobFile: '/nowhere/job.yml' }));
    assert.match(error, /\/nowhere\/job\.yml/);
  });
});
