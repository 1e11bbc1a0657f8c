import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { contentDigest, folderContent } from '../../../lib/azureml/folder-content';
import { registerModel } from '../../../lib/azureml/models';
import type { Inputs } from '../../../tasks/RegisterModel/inputs';
import { readInputs } from '../../../tasks/RegisterModel/inputs';
import { registerInto } from '../../../tasks/RegisterModel/register-model';
import { fakeConnection, FakeHost } from '../../support/fake-host';
import { FakeWorkspace } from './submit-fake-workspace';

const variables = { 'Build.BuildId': '7', 'Build.SourceVersion': 'abc' };
const inputs: Inputs = {
  connection: fakeConnection(),
  resourceGroup: 'rg',
  workspaceName: 'ws',
  modelName: 'detector',
  source: { kind: 'uri', uri: 'https://storage.example/models/m' },
  modelType: 'custom_model',
  description: undefined,
  tags: {},
  properties: {},
  stage: undefined,
  gating: {
    gates: [],
    champion: undefined,
    minimumSample: undefined,
    onInconclusive: 'fail',
    onGateFailure: 'refuse',
  },
  aliases: [],
  registryName: undefined,
  pullRequestComment: false,
  whatIf: false,
};

describe('registering a model', () => {
  let fake: FakeWorkspace;
  let host: FakeHost;
  beforeEach(() => {
    fake = new FakeWorkspace();
    host = new FakeHost({ variables });
  });
  const register = (change: Partial<Inputs> = {}) => registerInto(fake.workspace, { ...inputs, ...change }, host);
  const model = (uri: string, digest?: string) => ({
    uri,
    type: 'custom_model',
    description: undefined,
    stage: undefined,
    tags: {},
    properties: digest === undefined ? { 'guardian.build': uri } : { 'guardian.digest': digest },
  });

  it('gives a new version, its outputs and the beginning of a release record', async () => {
    await register({ tags: { stage: 'candidate' } });
    assert.deepEqual(host.outputs, {
      modelName: 'detector',
      modelVersion: '1',
      modelId: 'azureml:detector:1',
      modelDigest: '',
      isNew: 'true',
    });
    assert.deepEqual(fake.models[0]!.properties.tags, {
      stage: 'candidate',
      'guardian.build': '7',
      'guardian.commit': 'abc',
    });
    const [record] = host.artifacts;
    assert.equal(record!.fileName, 'release-record.json');
    const { schemaVersion, source, model: recorded } = JSON.parse(record!.content) as Record<string, unknown>;
    assert.equal(schemaVersion, 1);
    assert.deepEqual(source, { build: '7', commit: 'abc' });
    assert.deepEqual(recorded, { name: 'detector', version: '1', uri: 'https://storage.example/models/m' });
  });

  it('finds a URI that is registered already', async () => {
    await register();
    await register();
    assert.equal(host.outputs['isNew'], 'false');
    assert.equal(fake.models.length, 1);
  });

  it('plans without writing', async () => {
    await register({ whatIf: true });
    assert.deepEqual(fake.writes, []);
    assert.deepEqual(host.outputs, {});
    assert.match(host.lines.join('\n'), /Would register a new version of the model 'detector'/);
  });

  describe('from a local folder', () => {
    let folder: string;
    beforeEach(() => {
      folder = mkdtempSync(join(tmpdir(), 'guardian-model-'));
      writeFileSync(join(folder, 'model.onnx'), 'onnx');
    });
    afterEach(() => rmSync(folder, { recursive: true, force: true }));

    it('finds the version with the same bytes, wherever it was registered from', async () => {
      const digest = contentDigest(await folderContent(folder));
      await registerModel(fake.workspace, 'detector', model('azureml://jobs/j/outputs/artifacts/paths/m/', digest));
      await registerModel(fake.workspace, 'detector', model('azureml://jobs/k/outputs/artifacts/paths/m/', 'other'));
      await register({ source: { kind: 'localPath', path: folder } });
      assert.equal(host.outputs['modelVersion'], '1');
      assert.equal(host.outputs['modelDigest'], digest);
      assert.equal(fake.models.length, 2);
    });

    it('says what is missing', async () => {
      const path = join(folder, 'nope');
      await assert.rejects(register({ source: { kind: 'localPath', path } }), /no model at .*nope \(localPath\)/);
      rmSync(join(folder, 'model.onnx'));
      await assert.rejects(register({ source: { kind: 'localPath', path: folder } }), /holds no files/);
    });
  });

  describe('from a job', () => {
    const source = { kind: 'jobOutput', jobName: 'j-1', path: 'outputs/model' } as const;

    it('that is not there, or did not complete, is refused', async () => {
      await assert.rejects(register({ source }), /no job 'j-1'.*jobName of SubmitTrainingJob/);
      fake.jobs.set('j-1', { properties: {}, statuses: ['Failed'] });
      await assert.rejects(register({ source }), /Job j-1 ended Failed/);
      fake.jobs.set('j-1', { properties: {}, statuses: ['Running'] });
      await assert.rejects(register({ source }), /still Running/);
    });
  });

  describe('at the same time as others', () => {
    it('takes the next number when another content took this one', async () => {
      fake.beforeModelPut = version => {
        fake.beforeModelPut = () => undefined;
        fake.models.push({ name: 'detector', version, properties: { modelUri: 'theirs', tags: {}, properties: {} } });
      };
      const made = await registerModel(fake.workspace, 'detector', model('ours', 'd1'));
      assert.equal(made.version, '2');
      assert.deepEqual(
        fake.models.map(item => item.properties.modelUri),
        ['theirs', 'ours'],
      );
    });

    it('gives each of twenty its own version', async () => {
      const made = await Promise.all(
        Array.from({ length: 20 }, (_, index) =>
          registerModel(fake.workspace, 'detector', model(`u${index}`, `d${index}`)),
        ),
      );
      assert.equal(new Set(made.map(item => item.version)).size, 20);
      for (const [index, item] of made.entries()) assert.equal(item.properties['guardian.digest'], `d${index}`);
    });
  });
});

describe('the inputs of RegisterModel', () => {
  const connection = fakeConnection({ id: 'c' });
  const given = { azureSubscription: 'c', resourceGroup: 'rg', workspaceName: 'ws', modelName: 'detector' };
  const read = (more: Record<string, string>) =>
    readInputs(new FakeHost({ inputs: { ...given, ...more }, connections: [connection] }));

  it('take a path without its slashes, and outputs/model by default', () => {
    assert.deepEqual(read({ jobName: 'j' }).source, { kind: 'jobOutput', jobName: 'j', path: 'outputs/model' });
    assert.deepEqual(read({ jobName: 'j', modelPath: '/outputs/onnx/' }).source, {
      kind: 'jobOutput',
      jobName: 'j',
      path: 'outputs/onnx',
    });
  });

  it('are checked together', () => {
    assert.throws(
      () => read({ modelName: 'a b', modelSource: 'jobs', modelType: 'onnx' }),
      /4 inputs need attention:[\s\S]*modelName is "a b"[\s\S]*modelSource is "jobs", but must be one of jobOutput, localPath, uri[\s\S]*jobName is required[\s\S]*modelType/,
    );
    assert.throws(
      () => read({ modelSource: 'uri', modelUri: 'http://x' }),
      /modelUri is "http:\/\/x", but must be an azureml:\/\/, https:\/\//,
    );
  });
});
