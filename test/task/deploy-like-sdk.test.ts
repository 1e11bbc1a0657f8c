import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TaskRun } from '../../local/agent/run-task';
import { AzureReader } from '../../local/demo/azure-reader';
import type { RecordedRequest } from '../../local/requests/request-record';
import { root } from '../../scripts/product';
import { TestCloud } from '../support/local-cloud';
import { anyJobWith, pythonWith } from '../support/python-packages';
import { runSdk } from '../support/run-sdk';
import { failed, log, succeeded } from './outcome';

const folder = join(root, 'test/fixtures/deployments');
const pairs = [
  ['managed-endpoint.yml', 'image-build.yml'],
  ['managed-endpoint.yml', 'scoring-script.yml'],
  ['kubernetes-endpoint.yml', 'cluster.yml'],
] as const;
type Json = Record<string, unknown>;

interface Sent {
  endpoints: Json[];
  deployments: Json[];
}

describe('DeployOnlineEndpoint and the official SDK send the same for the same files', function () {
  this.timeout(180_000);
  const requests: RecordedRequest[] = [];
  const target = {
    azureSubscription: 'guardian-azure-connection',
    resourceGroup: 'guardian-ai-prod',
    workspaceName: 'guardian-ai-ml-workspace-prod',
  };
  let cloud: TestCloud;
  let python: string;
  let azure: AzureReader;
  let ours: Sent;
  let theirs: Sent;
  const runs: TaskRun[] = [];

  before(async () => {
    python = await pythonWith(join(root, 'test/local/clients/requirements.txt'));
    cloud = await TestCloud.start({
      preparePython: anyJobWith(python),
      recordRequest: request => requests.push(request),
    });
    azure = new AzureReader(cloud.cloud.description, cloud.cloud.certificate.ca);
    const letters = join(cloud.folder, 'letters');
    mkdirSync(letters);
    writeFileSync(join(letters, 'letters.txt'), 'letters 1');
    const source = { modelSource: 'localPath', localPath: letters };
    succeeded(await cloud.runTask('RegisterModel', { ...target, modelName: 'letters', ...source }));
    await runSdk(
      cloud,
      python,
      join(__dirname, 'deploy_with_sdk.py'),
      pairs.flat().map(name => join(folder, name)),
    );
    theirs = taken();
    const names = ['ours-managed', 'ours-managed', 'ours-cluster'];
    for (const [index, [endpointFile, deploymentFile]] of pairs.entries())
      runs.push(await deploy({ endpointName: names[index]!, endpointFile, deploymentFile }));
    ours = taken();
  });
  after(() => cloud.stop());

  function deploy(inputs: Record<string, string>): Promise<TaskRun> {
    const { endpointFile, deploymentFile, ...others } = inputs;
    const file = (name?: string): string => (name === undefined ? '' : join(folder, name));
    return cloud.runTask('DeployOnlineEndpoint', {
      ...target,
      ...{ endpointFile: file(endpointFile), deploymentFile: file(deploymentFile) },
      ...others,
    });
  }

  function taken(): Sent {
    const sent = requests.splice(0).filter(({ method }) => method === 'PUT');
    const bodies = (path: RegExp): Json[] =>
      sent.filter(one => path.test(one.path)).map(({ body }) => comparable(body) as Json);
    return {
      endpoints: bodies(/\/onlineEndpoints\/[^/]+$/).filter(({ properties }) => !('traffic' in (properties as Json))),
      deployments: bodies(/\/deployments\/[^/]+$/),
    };
  }

  for (const [index, files] of pairs.entries()) {
    it(files.join(' and '), () => {
      const endpoint = index === 2 ? 1 : 0;
      assert.deepEqual(ours.endpoints[endpoint], theirs.endpoints[endpoint]);
      assert.deepEqual(ours.deployments[index], theirs.deployments[index]);
    });
  }

  it('serves what the files name, and says what of them it decides itself', async () => {
    runs.forEach(succeeded);
    assert.match(log(runs[0]!), /The file calls the deployment blue; here its name is made of/);
    assert.match(log(runs[0]!), /traffic of the endpoint file is not used/);
    const endpoint = await azure.read<{ properties: { scoringUri: string; traffic: Record<string, number> } }>(
      'onlineEndpoints/ours-managed',
    );
    assert.deepEqual(Object.values(endpoint.properties.traffic), [100]);
    const again = await deploy({
      endpointName: 'ours-managed',
      endpointFile: 'managed-endpoint.yml',
      deploymentFile: 'scoring-script.yml',
    });
    assert.match(log(succeeded(again)), /is ready \(unchanged\)/);
    const planned = await deploy({
      endpointName: 'ours-managed',
      deploymentFile: 'image-build.yml',
      instanceCount: '2',
      whatIf: 'true',
    });
    assert.match(log(succeeded(planned)), /What if/);
  });

  it('says with its line what is wrong with a file', async () => {
    const file = join(cloud.folder, 'wrong.yml');
    writeFileSync(file, 'model: ./model\nenvironment: azureml:own:1\nreadiness_prob:\n  period: 1\n');
    const run = await deploy({ endpointName: 'xyz', deploymentFile: 'missing.yml' });
    assert.match(failed(run), /missing\.yml does not exist.*deploymentFile/);
    const wrong = await cloud.runTask('DeployOnlineEndpoint', { ...target, endpointName: 'xyz', deploymentFile: file });
    assert.match(failed(wrong), /line 3: readiness_prob: this key is not known/);
    writeFileSync(file, 'model: ./model\nenvironment: azureml:own:1\n');
    const local = await cloud.runTask('DeployOnlineEndpoint', { ...target, endpointName: 'xyz', deploymentFile: file });
    assert.match(failed(local), /model is "\.\/model", but must be azureml:name:version/);
  });

  it('leaves the container of a model to Azure only when it is one of MLflow', async () => {
    const run = await deploy({ endpointName: 'no-code', modelName: 'letters', environment: 'mlflow' });
    assert.match(failed(run), /letters:1 is of type custom_model, and Azure makes a container/);
  });
});

/** The published schema begins these with a capital; the SDK sends what the file says. */
const lowered = ['dataCollectionMode', 'rollingRate', 'publicNetworkAccess', 'egressPublicNetworkAccess'];

/** Where both may differ without meaning anything else, and where we do on purpose. */
function comparable(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(comparable);
  if (typeof value === 'string')
    return value
      .replace(/\/codes\/.*$/, '/codes/CODE')
      .replace(/\/environments\/CliV2AnonymousEnvironment\/.*$/, '/environments/ANONYMOUS');
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value as Json)
    // What the SDK writes out of the service's own defaults says nothing; ours says whose the resources are.
    .filter(
      ([key, inner]) =>
        inner !== null &&
        !/^guardian\./i.test(key) &&
        !key.startsWith('GUARDIAN_') &&
        key !== 'kind' &&
        // The SDK registers a data asset for each collection that names none; we leave that to the service.
        key !== 'dataId' &&
        !(key === 'appInsightsEnabled' && inner === false),
    )
    .map(([key, inner]) => [key, lowered.includes(key) ? String(inner).toLowerCase() : comparable(inner)] as const)
    // Tags and environment variables are texts.
    .map(([key, inner]) => [key, ['round', 'ROUND'].includes(key) ? String(inner) : inner] as const)
    .filter(([, inner]) => typeof inner !== 'object' || inner === null || Object.keys(inner).length > 0);
  return Object.fromEntries(entries);
}
