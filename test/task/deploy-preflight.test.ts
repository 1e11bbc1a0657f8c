import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AzureMachineLearningWorkspaces } from '@azure/arm-machinelearning';
import { ClientSecretCredential } from '@azure/identity';
import type { TaskRun } from '../../local/agent/run-task';
import { AzureReader } from '../../local/demo/azure-reader';
import { root } from '../../scripts/product';
import { TestCloud } from '../support/local-cloud';
import { failed, log, succeeded } from './outcome';

interface Made {
  readonly identity?: { readonly type: string; readonly userAssignedIdentities?: object };
  readonly properties: Readonly<Record<string, unknown>>;
}

describe('DeployOnlineEndpoint, before anything is created', function () {
  this.timeout(120_000);
  let cloud: TestCloud;
  let folder: string;
  const target = {
    azureSubscription: 'guardian-azure-connection',
    resourceGroup: 'guardian-ai-prod',
    workspaceName: 'guardian-ai-ml-workspace-prod',
  };

  before(async () => {
    cloud = await TestCloud.start();
    folder = mkdtempSync(join(tmpdir(), 'guardian-preflight-'));
    mkdirSync(join(folder, 'pickle'));
    writeFileSync(join(folder, 'pickle/model.pkl'), 'weights');
    for (const [modelName, localPath] of [
      ['colour', join(root, 'test/fixtures/models/colour')],
      ['pickled', join(folder, 'pickle')],
    ] as const)
      succeeded(
        await cloud.runTask('RegisterModel', {
          ...target,
          modelName,
          modelSource: 'localPath',
          localPath,
          aliases: 'candidate',
        }),
      );
  });
  after(async () => {
    rmSync(folder, { recursive: true, force: true });
    await cloud.stop();
  });

  const deploy = (inputs: Record<string, string>): Promise<TaskRun> =>
    cloud.runTask('DeployOnlineEndpoint', {
      ...target,
      endpointName: 'preflight',
      modelName: 'colour',
      whatIf: 'true',
      ...inputs,
    });

  it('tells how many cores are missing, with the 20 % that Azure keeps', async () => {
    // 21 instances, 26 with the reserve, of 4 cores each.
    const message = failed(await deploy({ instanceCount: '21' }));
    assert.match(message, /21 instances of Standard_DS3_v2 need 104 more cores of standardDSv2Family \(4 each/);
    assert.match(message, /of 100 in eastus only 100 are free/);
    succeeded(await deploy({ instanceCount: '20' }));
  });

  it('goes by the quota of the workspace, unless told not to look', async () => {
    const { arm, tenantId, clientId, clientSecret, subscriptionId, authority, ...place } = cloud.cloud.description;
    const credential = new ClientSecretCredential(tenantId, clientId, clientSecret, {
      authorityHost: authority,
      disableInstanceDiscovery: true,
      tlsOptions: { ca: cloud.cloud.certificate.ca },
    });
    const client = new AzureMachineLearningWorkspaces(credential, subscriptionId, {
      endpoint: arm,
      credentialScopes: [`${arm}/.default`],
      tlsOptions: { ca: cloud.cloud.certificate.ca },
    });
    const id = `/subscriptions/${subscriptionId}/resourceGroups/${place.resourceGroup}/providers/Microsoft.MachineLearningServices/workspaces/${place.workspace}/quotas/standardDSv2Family`;
    const limit = (cores: number): Promise<unknown> =>
      client.quotas.update(place.region, { location: place.region, value: [{ id, limit: cores, unit: 'Count' }] });
    await limit(8);
    try {
      assert.match(failed(await deploy({})), /need 16 more cores .* of 8 in eastus only 8 are free/);
      succeeded(await deploy({ checkQuota: 'false' }));
    } finally {
      await limit(-1);
    }
  });

  it('names all problems at once: a size that there is not, and a model that the runtime cannot serve', async () => {
    const message = failed(await deploy({ modelName: 'pickled', instanceType: 'Standard_DS3_v3' }));
    assert.match(message, /^Nothing was created, because 2 things are in the way:/);
    assert.match(
      message,
      /no VM size 'Standard_DS3_v3' \(instanceType\)\. Did you mean 'STANDARD_DS3_V2'|Standard_DS3_v2/,
    );
    assert.match(message, /The model pickled:1 holds no \.onnx file.* It holds (pickle\/)?model\.pkl\./);
  });

  it('knows a version by its alias, and says when the alias leads nowhere', async () => {
    assert.match(log(succeeded(await deploy({ modelVersion: '@candidate' }))), /Model colour:1, deployment m1-/);
    assert.match(
      failed(await deploy({ modelVersion: '@nobody' })),
      /No version of the model 'colour' has the alias 'nobody'/,
    );
  });

  it('makes the endpoint with the sign-in, network access and identity that were asked for', async () => {
    const { subscriptionId, resourceGroup } = cloud.cloud.description;
    const identity = `/subscriptions/${subscriptionId}/resourceGroups/${resourceGroup}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/scoring`;
    const inputs = {
      endpointName: 'private',
      authMode: 'aadToken',
      publicNetworkAccess: 'disabled',
      egressPublicNetworkAccess: 'disabled',
      userAssignedIdentity: identity,
      instanceCount: '1',
      probeInitialDelaySeconds: '1',
      probePeriodSeconds: '1',
    };
    assert.match(
      log(succeeded(await deploy(inputs))),
      /create endpoint private, authentication AADToken, public network access Disabled/,
    );
    const run = succeeded(await deploy({ ...inputs, whatIf: 'false' }));
    const azure = new AzureReader(cloud.cloud.description, cloud.cloud.certificate.ca);
    const endpoint = await azure.read<Made>('onlineEndpoints/private');
    assert.equal(endpoint.properties['authMode'], 'AADToken');
    assert.equal(endpoint.properties['publicNetworkAccess'], 'Disabled');
    assert.equal(endpoint.identity?.type, 'UserAssigned');
    assert.deepEqual(Object.keys(endpoint.identity.userAssignedIdentities ?? {}), [identity]);
    const deployment = await azure.read<Made>(
      `onlineEndpoints/private/deployments/${run.outputs['deploymentName'] ?? ''}`,
    );
    assert.equal(deployment.properties['egressPublicNetworkAccess'], 'Disabled');
  });

  it('takes a model from a registry, by reference, and says what is there when it is not', async () => {
    const shared = { ...target, modelName: 'colour', modelSource: 'localPath', registryName: 'guardian-registry' };
    const localPath = join(root, 'test/fixtures/models/colour');
    const id = succeeded(await cloud.runTask('RegisterModel', { ...shared, localPath })).outputs['registryModelId'];
    const inputs = { registryName: 'guardian-registry', endpointName: 'production' };
    const probes = { instanceCount: '1', probeInitialDelaySeconds: '1', probePeriodSeconds: '1' };
    const run = succeeded(await deploy({ ...inputs, ...probes, whatIf: 'false' }));
    const azure = new AzureReader(cloud.cloud.description, cloud.cloud.certificate.ca);
    const path = `onlineEndpoints/production/deployments/${run.outputs['deploymentName'] ?? ''}`;
    assert.equal((await azure.read<Made>(path)).properties['model'], id);
    assert.match(
      failed(await deploy({ ...inputs, modelVersion: '7' })),
      /has no version 7 in the registry .* There is 1\./,
    );
    assert.match(failed(await deploy({ ...inputs, modelName: 'Colour' })), /no model 'Colour' in the registry/);
    assert.match(failed(await deploy({ ...inputs, modelVersion: '@champion' })), /models of a registry have none/);
  });

  it('leaves out what the connection may not look at, and says so', async () => {
    const denied = { type: 'status', status: 403, code: 'AuthorizationFailed' } as const;
    const { id } = cloud.cloud.faults.add({
      plane: 'arm',
      path: '/subscriptions/*/providers/Microsoft.MachineLearningServices/locations/eastus/usages',
      fault: denied,
    });
    try {
      const run = succeeded(await deploy({ instanceCount: '400' }));
      assert.match(log(run), /The core quota was not checked: Could not read the core quota of eastus/);
    } finally {
      cloud.cloud.faults.delete(id);
    }
  });
});
