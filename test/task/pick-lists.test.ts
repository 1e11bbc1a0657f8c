import assert from 'node:assert/strict';
import { join } from 'node:path';
import { JSONPath } from 'jsonpath-plus';
import mustache from 'mustache';
import { AzureReader, send } from '../../local/demo/azure-reader';
import { readManifest, root, taskNames } from '../../scripts/product';
import { TestCloud } from '../support/local-cloud';
import { succeeded } from './outcome';

interface Binding {
  target: string;
  endpointId: string;
  endpointUrl: string;
  resultSelector: string;
}

/**
 * What the classic editor fills its lists from. Azure DevOps evaluates a binding so: inputs that were chosen go in for $(name), the service
 * connection's fields by Mustache, and the selector is applied to the answer.
 * https://github.com/microsoft/azure-pipelines-extensions/blob/master/docs/authoring/endpoints/dataSources.md
 */
describe('the lists of the classic editor', function () {
  this.timeout(120_000);
  let cloud: TestCloud;
  let azure: AzureReader;
  const chosen: Record<string, string> = {
    resourceGroup: 'guardian-ai-prod',
    workspaceName: 'guardian-ai-ml-workspace-prod',
    modelName: 'colour',
  };

  before(async () => {
    cloud = await TestCloud.start();
    azure = new AzureReader(cloud.cloud.description, cloud.cloud.certificate.ca);
    const localPath = join(root, 'test/fixtures/models/colour');
    const model = { azureSubscription: 'guardian-azure-connection', ...chosen, modelSource: 'localPath', localPath };
    succeeded(await cloud.runTask('RegisterModel', model));
    const { arm, subscriptionId, region } = cloud.cloud.description;
    const workspace = `/subscriptions/${subscriptionId}/resourceGroups/${chosen['resourceGroup']}/providers/Microsoft.MachineLearningServices/workspaces/${chosen['workspaceName']}`;
    const { status } = await send(`${arm}${workspace}/onlineEndpoints/colour-endpoint?api-version=2023-10-01`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${await azure.signIn()}`, 'content-type': 'application/json' },
      body: Buffer.from(JSON.stringify({ location: region, properties: { authMode: 'Key' } })),
      ca: cloud.cloud.certificate.ca,
    });
    assert.equal(status, 201);
  });
  after(() => cloud.stop());

  const expected: Record<string, string[]> = {
    resourceGroup: ['guardian-ai-prod'],
    workspaceName: ['guardian-ai-ml-workspace-prod'],
    compute: ['cpu-training-cluster'],
    modelName: ['colour'],
    modelVersion: ['1'],
    registryName: ['guardian-registry'],
    endpointName: ['colour-endpoint'],
    championEndpoint: ['colour-endpoint'],
    aksCluster: ['guardian-aks', 'guardian-aks-entra'],
  };

  for (const task of taskNames) {
    const manifest = readManifest(join(root, 'tasks', task));
    const bindings = (manifest as unknown as { dataSourceBindings?: Binding[] }).dataSourceBindings ?? [];
    for (const { target, endpointId, endpointUrl, resultSelector } of bindings) {
      it(`${task}: ${target}`, async () => {
        const inputs = manifest.inputs as { name: string; type: string; properties?: Record<string, string> }[];
        const input = inputs.find(({ name }) => name === target);
        assert.equal(input?.type, 'pickList');
        // Or nobody could type a variable.
        assert.equal(input.properties?.['EditableOptions'], 'True');
        const connection = /^\$\((.*)\)$/.exec(endpointId)?.[1];
        assert.ok(inputs.some(({ name, type }) => name === connection && type === 'connectedService:AzureRM'));
        const filled = endpointUrl.replace(/\$\((\w+)\)/g, (_all, name: string) => {
          assert.ok(
            inputs.some(one => one.name === name),
            `there is no input ${name}`,
          );
          return chosen[name] ?? '';
        });
        const { arm, subscriptionId } = cloud.cloud.description;
        // The URL of an Azure connection ends with a slash.
        const url = mustache.render(filled, { endpoint: { url: `${arm}/`, subscriptionId } });
        const headers = { authorization: `Bearer ${await azure.signIn()}` };
        const answer = await send(url, { headers, ca: cloud.cloud.certificate.ca });
        assert.equal(answer.status, 200, answer.body.toString());
        const path = resultSelector.replace(/^jsonpath:/, '');
        const found = JSONPath<string[]>({ path, json: JSON.parse(answer.body.toString()) as object });
        assert.deepEqual(found, expected[target]);
      });
    }
  }
});
