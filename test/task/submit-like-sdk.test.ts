import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { RecordedRequest } from '../../local/requests/request-record';
import { root } from '../../scripts/product';
import { TestCloud } from '../support/local-cloud';
import { anyJobWith, pythonWith } from '../support/python-packages';
import { runSdk } from '../support/run-sdk';

const files = ['command.yml', 'sweep.yml', 'pipeline.yml'].map(name => join(root, 'test/fixtures/jobs', name));
type Json = Record<string, unknown>;

/** What one client sent for the files: the bodies of the jobs in their order, with each component in the place of its id. */
interface Sent {
  jobs: Json[];
  components: Map<string, Json>;
}

describe('SubmitTrainingJob and the official SDK send the same for the same file', function () {
  this.timeout(300_000);
  const requests: RecordedRequest[] = [];
  let cloud: TestCloud;
  let python: string;
  let ours: Sent;
  let theirs: Sent;

  before(async () => {
    python = await pythonWith(join(root, 'test/local/clients/requirements.txt'));
    cloud = await TestCloud.start({
      preparePython: anyJobWith(python),
      recordRequest: request => requests.push(request),
    });
    await runSdk(cloud, python, join(__dirname, 'submit_with_sdk.py'), files);
    theirs = taken();
    for (const jobFile of files) {
      // What it sends counts: local Azure runs no pipelines within pipelines, and says so.
      await cloud.runTask('SubmitTrainingJob', {
        azureSubscription: 'guardian-azure-connection',
        resourceGroup: 'guardian-ai-prod',
        workspaceName: 'guardian-ai-ml-workspace-prod',
        jobFile,
        wait: 'false',
      });
    }
    ours = taken();
  });
  after(() => cloud.stop());

  function taken(): Sent {
    const sent = requests.splice(0).filter(({ method }) => method === 'PUT');
    const components = sent.filter(({ path }) => path.includes('/components/'));
    return {
      jobs: sent
        .filter(({ path }) => /\/jobs\/[^/]+$/.test(path))
        .map(({ body }) => (body as { properties: Json }).properties),
      components: new Map(
        components.map(({ path, body }) => [path.toLowerCase(), (body as { properties: Json }).properties]),
      ),
    };
  }

  for (const [index, file] of files.entries()) {
    it(file.slice(root.length + 1), () => {
      assert.deepEqual(
        comparable(ours.jobs[index], ours.components),
        comparable(theirs.jobs[index], theirs.components),
      );
    });
  }
});

/** Where both may differ without meaning anything else, and where we do on purpose. */
function comparable(value: unknown, components: Map<string, Json>): unknown {
  if (Array.isArray(value)) return value.map(item => comparable(item, components));
  if (typeof value !== 'object' || value === null) return typeof value === 'string' ? place(value, components) : value;
  const entries = Object.entries(value as Json)
    // The SDK writes out defaults of the service; `sourceJobId: null` says nothing; ours says where the job comes from.
    .filter(
      ([key, inner]) =>
        key !== 'isArchived' &&
        !(key === 'sourceJobId' && inner === null) &&
        !key.startsWith('guardian.') &&
        !/^(mlflow|azureml)\./.test(key),
    )
    // The published schema has Minimize and Maximize; the SDK sends what the file says.
    .map(([key, inner]) => [key, key === 'goal' ? String(inner).toLowerCase() : comparable(inner, components)] as const)
    .filter(([, inner]) => typeof inner !== 'object' || inner === null || Object.keys(inner).length > 0);
  return Object.fromEntries(entries);
}

/** Ids of what each client made for itself, by what they are. */
function place(text: string, components: Map<string, Json>): unknown {
  const id = text.replace(/^azureml:(?=\/[^/])/, '');
  const component = components.get(id.toLowerCase());
  if (component) return comparable(component, components);
  return id
    .replace(/\/codes\/.*$/, '/codes/CODE')
    .replace(/\/environments\/CliV2AnonymousEnvironment\/.*$/, '/environments/ANONYMOUS')
    .replace(/^azureml:\/\/.*\/datastores\//, 'azureml://datastores/')
    .replace(/\/LocalUpload\/[^/]+\//, '/LocalUpload/HASH/');
}
