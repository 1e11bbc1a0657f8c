import assert from 'node:assert/strict';
import { requestProblems, type SentRequest } from '../../support/azure-schema/check-request';

const workspace =
  '/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/group/providers/Microsoft.MachineLearningServices/workspaces/place';

/** A request that creates an endpoint, with these changes to its properties. */
function endpoint(properties: Record<string, unknown>, apiVersion = '2023-10-01'): SentRequest {
  return {
    method: 'PUT',
    url: `${workspace}/onlineEndpoints/nsfw?api-version=${apiVersion}`,
    body: { location: 'eastus', properties: { authMode: 'Key', traffic: { blue: 100 }, ...properties } },
  };
}

function job(properties: Record<string, unknown>): SentRequest {
  return {
    method: 'PUT',
    url: `${workspace}/jobs/training-1?api-version=2023-10-01`,
    body: {
      properties: {
        jobType: 'Command',
        command: 'python train.py',
        environmentId: `${workspace}/environments/training/versions/1`,
        limits: { jobLimitsType: 'Command', timeout: 'PT6H' },
        inputs: { data: { jobInputType: 'uri_folder', uri: 'azureml://datastores/a/paths/b', mode: 'ReadOnlyMount' } },
        ...properties,
      },
    },
  };
}

describe("the check of requests by the API's published schema", function () {
  // The first run on a machine fetches the SDK.
  this.timeout(240_000);

  const caught: { what: string; request: SentRequest; problem: RegExp }[] = [
    { what: 'an unknown property', request: endpoint({ mirror: {} }), problem: /\/properties\/mirror: .*no such/ },
    {
      what: 'a property that this API version does not have yet',
      request: endpoint({ mirrorTraffic: { green: 10 } }, '2022-10-01'),
      problem: /\/properties\/mirrorTraffic: .*no such/,
    },
    { what: 'a missing property', request: endpoint({ authMode: undefined }), problem: /authMode: is missing/ },
    { what: 'a null for a required one', request: endpoint({ authMode: null }), problem: /authMode: is missing/ },
    {
      what: 'a wrong type',
      request: endpoint({ traffic: { blue: '100' } }),
      problem: /traffic\/blue: .*int, is "100"/,
    },
    { what: 'a value that the enumeration lacks', request: endpoint({ authMode: 'key' }), problem: /none of AMLToken/ },
    { what: 'a read-only property', request: endpoint({ scoringUri: 'https://x' }), problem: /only the service/ },
    { what: 'an unknown kind', request: job({ jobType: 'Dream' }), problem: /"Dream" names no JobBaseProperties/ },
    {
      what: 'an input without its URI',
      request: job({ inputs: { data: { jobInputType: 'uri_folder' } } }),
      problem: /inputs\/data\/uri: is missing/,
    },
    {
      what: 'a time that is no ISO 8601 duration',
      request: job({ limits: { jobLimitsType: 'Command', timeout: '6 hours' } }),
      problem: /limits\/timeout: must be of type duration/,
    },
    {
      what: 'an API version that was never published',
      request: endpoint({}, '2023-10-02'),
      problem: /no models of API version '2023-10-02'/,
    },
    {
      what: 'a resource provider that nobody knows',
      request: { method: 'GET', url: `${workspace.replace('MachineLearning', 'Dream')}/jobs?api-version=2023-10-01` },
      problem: /provider 'Microsoft.DreamServices'/,
    },
    {
      what: 'an unknown operation',
      request: { method: 'POST', url: `${workspace}/jobs/a/start?api-version=2023-10-01` },
      problem: /no such operation/,
    },
    {
      what: 'an unknown query parameter',
      request: { method: 'GET', url: `${workspace}/jobs?api-version=2023-10-01&orderBy=name` },
      problem: /no query parameter 'orderBy'/,
    },
    {
      what: 'a body that the operation does not take',
      request: { method: 'POST', url: `${workspace}/jobs/a/cancel?api-version=2023-10-01`, body: {} },
      problem: /takes no body/,
    },
    {
      what: 'a missing body',
      request: { method: 'PUT', url: `${workspace}/jobs/a?api-version=2023-10-01` },
      problem: /body is missing/,
    },
    {
      what: 'a name that the service refuses',
      request: { ...job({}), url: `${workspace}/jobs/-a?api-version=2023-10-01` },
      problem: /id '-a' does not match/,
    },
  ];
  for (const { what, request, problem } of caught) {
    it(`catches ${what}`, async () => {
      const problems = await requestProblems([request]);
      assert.equal(problems.length, 1, problems.join('\n'));
      assert.match(problems[0] ?? '', problem);
    });
  }

  it('lets right requests pass, also with null for what is optional', async () => {
    const polling: SentRequest = {
      method: 'GET',
      url: '/subscriptions/s/providers/Microsoft.MachineLearningServices/locations/eastus/mfeOperationsStatus/oeidp:1?api-version=2023-10-01&t=1&c=2',
    };
    const list: SentRequest = {
      method: 'GET',
      url: `${workspace}/models/nsfw/versions?api-version=2022-10-01&$orderBy=createdtime%20desc&listViewType=ActiveOnly`,
    };
    const kubeconfig: SentRequest = {
      method: 'POST',
      url: `${workspace.split('/Microsoft')[0]}/Microsoft.ContainerService/managedClusters/aks/listClusterUserCredential?api-version=2024-09-01&format=exec`,
    };
    const right = [
      kubeconfig,
      endpoint({}),
      endpoint({ mirrorTraffic: { green: 10 } }),
      job({ description: null }),
      polling,
      list,
    ];
    assert.deepEqual(await requestProblems(right), []);
  });
});
