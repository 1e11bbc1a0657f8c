import assert from 'node:assert/strict';
import { parseGate, type Gate } from '../../../lib/release/gates';
import type { Candidate } from '../../../tasks/RegisterModel/candidate';
import { judgeCandidate, type ChampionGates } from '../../../tasks/RegisterModel/champion-gates';
import { readInputs, type Inputs } from '../../../tasks/RegisterModel/inputs';
import { registerInto } from '../../../tasks/RegisterModel/register-model';
import { fakeConnection, FakeHost } from '../../support/fake-host';
import { FakeWorkspace } from './submit-fake-workspace';

function gates(...lines: string[]): Gate[] {
  return lines.map(line => parseGate(line, ['champion']) as Gate);
}

describe('the gates of RegisterModel', () => {
  let fake: FakeWorkspace;
  let host: FakeHost;
  beforeEach(() => {
    fake = new FakeWorkspace();
    host = new FakeHost();
    fake.models.push({
      name: 'detector',
      version: '3',
      properties: { modelUri: 'u', tags: { 'metric.acc': '0.9', 'guardian.digest': 'd3' }, properties: {} },
    });
  });

  const gating: ChampionGates = {
    gates: [],
    champion: undefined,
    minimumSample: undefined,
    onInconclusive: 'fail',
    onGateFailure: 'refuse',
  };
  const judged = async (lines: string[], metrics: Record<string, number>, change: Partial<ChampionGates> = {}) => {
    const candidate: Candidate = { place: { uri: 'u' }, digest: 'd', metrics, from: undefined };
    const options = { ...gating, champion: { version: '3' }, gates: gates(...lines), ...change };
    const { results } = await judgeCandidate('detector', candidate, options, fake.workspace, host);
    return results.map(result => result.verdict);
  };

  it('compare with the metrics that the champion was registered with', async () => {
    assert.deepEqual(await judged(['acc >= champion - 1%', 'acc > champion'], { acc: 0.895 }), ['pass', 'fail']);
    assert.match(host.lines.join(), /The champion is detector:3/);
  });

  it('are inconclusive when the champion lacks the metric', async () =>
    assert.deepEqual(await judged(['auc >= champion'], { auc: 1 }), ['inconclusive']));

  it('are inconclusive on too small a sample', async () => {
    const minimumSample = { metric: 'val_samples', count: 500 };
    const lines = ['acc >= 0.5'];
    assert.deepEqual(await judged(lines, { acc: 1, val_samples: 499 }, { minimumSample }), ['inconclusive']);
    assert.deepEqual(await judged(lines, { acc: 1 }, { minimumSample }), ['inconclusive']);
    assert.deepEqual(await judged(lines, { acc: 1, val_samples: 500 }, { minimumSample }), ['pass']);
  });

  const inputs: Inputs = {
    connection: fakeConnection(),
    resourceGroup: 'rg',
    workspaceName: 'ws',
    modelName: 'detector',
    source: { kind: 'uri', uri: 'https://storage.example/m' },
    modelType: 'custom_model',
    description: undefined,
    tags: {},
    properties: {},
    stage: undefined,
    gating: { ...gating, gates: gates('acc >= 0.9') },
    aliases: [],
    registryName: undefined,
    pullRequestComment: false,
    whatIf: false,
  };

  it('keep a model that fails out of the registry', async () => {
    await assert.rejects(registerInto(fake.workspace, inputs, host), {
      errorCode: 'GuardianGateFailed',
      message: /'detector' is not registered.*\n {2}- acc >= 0\.9: inconclusive, the metric acc was not logged/,
    });
    assert.deepEqual(fake.writes, []);
    assert.equal(host.outputs['verdict'], 'inconclusive');
    assert.match(host.summaries[0]!.markdown, /Not registered/);
  });

  it('register it as rejected when told so, and fail all the same', async () => {
    const change = { ...inputs, gating: { ...inputs.gating, onGateFailure: 'registerRejected' as const } };
    await assert.rejects(registerInto(fake.workspace, change, host), /registered with the tag guardian\.rejected/);
    assert.equal(host.outputs['modelVersion'], '4');
    assert.match(fake.models[1]!.properties.tags['guardian.rejected']!, /acc >= 0\.9/);
  });

  it('let a doubtful one through with a warning when told so', async () => {
    const change = { ...inputs, gating: { ...inputs.gating, onInconclusive: 'warn' as const } };
    await registerInto(fake.workspace, change, host);
    assert.match(host.warnings.join(), /could not be judged/);
    assert.equal(fake.models[1]!.properties.tags['guardian.rejected'], undefined);
  });

  it('are read with every mistake named', () => {
    const given = {
      azureSubscription: 'c',
      resourceGroup: 'rg',
      workspaceName: 'ws',
      modelName: 'detector',
      jobName: 'j',
      metricGates: 'acc > champion\nacc is good',
      minimumSample: 'many',
    };
    const read = (more: Record<string, string> = {}) =>
      readInputs(new FakeHost({ inputs: { ...given, ...more }, connections: [fakeConnection({ id: 'c' })] }));
    assert.throws(
      read,
      /metricGates has the line "acc is good", expected a metric[\s\S]*championEndpoint is empty[\s\S]*minimumSample is "many"/,
    );
    assert.throws(
      () => read({ championEndpoint: 'an-endpoint', championVersion: '3' }),
      /championVersion is given together/,
    );
  });
});
