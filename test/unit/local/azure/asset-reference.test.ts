import assert from 'node:assert/strict';
import { parseAssetReference } from '../../../../local/azure/assets/asset-reference';

const identity = {
  tenantId: 't',
  subscriptionId: '00000000-0000-4000-8000-000000000001',
  clientId: 'c',
  clientSecret: 's',
  resourceGroup: 'group',
  workspace: 'space',
  workspaceId: 'w',
  region: 'eastus',
};
const workspace = `/subscriptions/${identity.subscriptionId}/resourceGroups/group/providers/Microsoft.MachineLearningServices/workspaces/space`;

const home = { identity, workspaceArmId: workspace };
const registry = { identity, workspaceArmId: workspace.replace('workspaces/space', 'registries/shared') };

describe('references to assets', () => {
  const cases: [string, object][] = [
    [`${workspace}/models/nsfw/versions/3`, { name: 'nsfw', version: '3' }],
    [`${workspace.toLowerCase()}/MODELS/nsfw/versions/3`, { name: 'nsfw', version: '3' }],
    [`azureml:${workspace}/models/nsfw/versions/3`, { name: 'nsfw', version: '3' }],
    [`${workspace}/models/nsfw/labels/latest`, { name: 'nsfw', label: 'latest' }],
    [
      `azureml://subscriptions/${identity.subscriptionId}/resourcegroups/group/workspaces/space/models/nsfw/versions/3`,
      { name: 'nsfw', version: '3' },
    ],
    ['azureml://locations/eastus/workspaces/w/models/nsfw/versions/3', { name: 'nsfw', version: '3' }],
    ['azureml:nsfw:3', { name: 'nsfw', version: '3' }],
    ['azureml:nsfw@latest', { name: 'nsfw', label: 'latest' }],
    ['nsfw:3', { name: 'nsfw', version: '3' }],
  ];
  for (const [reference, expected] of cases) {
    it(`reads ${reference}`, () => assert.deepEqual(parseAssetReference(reference, 'models', home), expected));
  }

  for (const reference of [
    'azureml://registries/shared/models/nsfw/versions/3',
    `${registry.workspaceArmId}/models/nsfw/versions/3`,
  ]) {
    it(`reads ${reference} in the registry that it names`, () =>
      assert.deepEqual(parseAssetReference(reference, 'models', registry), { name: 'nsfw', version: '3' }));
  }

  const refused: [string, RegExp][] = [
    [`${workspace}/environments/a/versions/1`, /is not one of models/],
    [`${workspace.replace('/space', '/other')}/models/a/versions/1`, /outside the workspace space/],
    ['azureml://registries/azureml/models/a/versions/1', /The registry azureml, named by/],
    ['azureml://locations/eastus/workspaces/other/models/a/versions/1', /is not an id of models/],
    ['nsfw', /is not an id of models/],
  ];
  for (const [reference, message] of refused) {
    it(`refuses ${reference}`, () => assert.throws(() => parseAssetReference(reference, 'models', home), message));
  }
});
