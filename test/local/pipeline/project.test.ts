import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { LocalDescription } from '../../../local/description';
import { readPipeline } from '../../../local/pipeline/read-pipeline';
import { TaskCatalog } from '../../../local/pipeline/task-catalog';
import { localProject, readVariableGroups } from '../../../local/project';

const root = resolve(__dirname, '../../..');

describe('the project on local Azure', () => {
  let folder: string;
  let description: LocalDescription;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'guardian-project-'));
    const kubeconfig = join(folder, 'kubeconfig');
    writeFileSync(
      kubeconfig,
      `
clusters: [{ name: c, cluster: { server: 'https://127.0.0.1:5', certificate-authority-data: Q0E= } }]
users: [{ name: u, user: { token: admin-token } }]
`,
    );
    description = {
      arm: 'https://127.0.0.1:3',
      authority: 'https://127.0.0.1:3',
      inference: 'https://127.0.0.1:3/inference',
      mlflow: 'https://127.0.0.1:3/mlflow',
      blob: 'https://127.0.0.1:4/account',
      ca: join(folder, 'ca.pem'),
      tenantId: 'tenant',
      clientId: 'client',
      clientSecret: 'client-secret',
      subscriptionId: 'subscription',
      resourceGroup: 'group',
      workspace: 'workspace',
      region: 'eastus',
      kubeconfig,
    };
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('has connections as Azure DevOps stores them', () => {
    const { connections, environmentVariables } = localProject({ description, serviceAccountToken: 'sa-token' });
    const [azure, kubernetes] = connections;
    assert.equal(azure?.name, 'guardian-azure-connection');
    assert.equal(azure.url, 'https://127.0.0.1:3/');
    assert.equal(azure.parameters['serviceprincipalkey'], 'client-secret');
    assert.equal(azure.data['environmentAuthorityUrl'], 'https://127.0.0.1:3/');
    assert.equal(kubernetes?.url, 'https://127.0.0.1:5');
    assert.equal(Buffer.from(kubernetes.parameters['apiToken'] ?? '', 'base64').toString(), 'sa-token');
    assert.equal(kubernetes.parameters['serviceAccountCertificate'], 'Q0E=');
    assert.deepEqual(environmentVariables, { NODE_EXTRA_CA_CERTS: description.ca });
  });

  it("calls the connections what the project's pipelines call them, and says what is wrong there", () => {
    const sourcesDir = join(folder, 'own');
    const file = join(sourcesDir, 'pipelines/service-connections.yml');
    mkdirSync(join(sourcesDir, 'pipelines'), { recursive: true });
    writeFileSync(file, 'azure: ours\n');
    const names = localProject({ description }, { sourcesDir }).connections.map(({ name }) => name);
    assert.deepEqual(names, ['ours', 'guardian-kubernetes-connection']);
    writeFileSync(file, 'azur: ours\n');
    assert.throws(() => localProject({ description }, { sourcesDir }), /azur is none of azure, kubernetes/);
  });

  it('counts runs beyond one process', () => {
    const first = localProject({ description }).nextBuildId();
    const second = localProject({ description }).nextBuildId();
    assert.equal(second, first + 1);
  });

  it('reads variable groups with secrets, and says what is wrong in them', () => {
    const file = join(folder, 'groups.yml');
    writeFileSync(file, 'g:\n  number: 010\n  key: { value: v, isSecret: true }\n');
    assert.deepEqual(readVariableGroups(file), { g: { number: '010', key: { value: 'v', isSecret: true } } });
    writeFileSync(file, 'g:\n  key: [1]\n');
    assert.throws(() => readVariableGroups(file), /groups\.yml: g\.key is neither/);
  });

  it('takes every sample pipeline as it is', () => {
    mkdirSync(join(folder, 'state'), { recursive: true });
    const project = localProject({ description }, { sourcesDir: root, taskDirs: [join(root, 'tasks')] });
    const tasks = new TaskCatalog(project.taskDirs);
    const read = (name: string, parameters: Record<string, unknown> = {}): string[] =>
      readPipeline(join(root, `samples/pipelines/azure-pipelines-ml-${name}.yml`), parameters, {
        project,
        tasks,
        known: [],
        overrides: [],
      }).stages.flatMap(stage => stage.jobs.map(job => `${stage.name}.${job.name}`));
    assert.deepEqual(read('training'), ['train.nsfw_detector', 'train.violence_detector']);
    assert.deepEqual(read('deployment'), ['deploy.nsfw_detector', 'deploy.violence_detector', 'configure.sync']);
    assert.deepEqual(read('promote', { model: 'nsfw-detector' }), ['__default.Job']);
    assert.deepEqual(read('rollback', { reason: 'because' }), ['__default.Job']);
    assert.throws(() => read('promote', { model: 'other' }), /Allowed are: nsfw-detector, violence-detector/);
  });
});
