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
    ['azureml:nsfw:3', { name: 'nsfw', version: '3' }],
    ['azureml:nsfw@latest', { name: 'nsfw', label: 'latest' }],
    ['nsfw:3', { name: 'nsfw', version: '3' }],
  ];
  for (const [reference, expected] of cases) {
    it(`reads ${reference}`, () => assert.deepEqual(parseAssetReference(reference, 'models', identity), expected));
  }

  const refused: [string, RegExp][] = [
    [`${workspace}/environments/a/versions/1`, /is not one of models/],
    [`${workspace.replace('/space', '/other')}/models/a/versions/1`, /outside the workspace space/],
    ['azureml://registries/azureml/models/a/versions/1', /registry/],
    ['nsfw', /is not an id of models/],
  ];
  for (const [reference, message] of refused) {
    it(`refuses ${reference}`, () => assert.throws(() => parseAssetReference(reference, 'models', identity), message));
  }
});
