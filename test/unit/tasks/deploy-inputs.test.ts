import assert from 'node:assert/strict';
import { readInputs as readDeploy } from '../../../tasks/DeployOnlineEndpoint/inputs';
import { readInputs as readRollback } from '../../../tasks/Rollback/inputs';
import { readInputs as readSync } from '../../../tasks/SyncK8sConfigMap/inputs';
import type { TaskHost } from '../../../lib/host/task-host';
import { fakeHost } from './deploy-fake-azure';

function hostWith(inputs: Record<string, string>): TaskHost {
  return {
    ...fakeHost(),
    input: name => inputs[name]?.trim() || undefined,
    pathInput: name => inputs[name]?.trim() || undefined,
    connection: id => ({
      id,
      url: 'https://x/',
      scheme: 'ServicePrincipal',
      auth: () => undefined,
      data: () => undefined,
    }),
  };
}

const workspace = { azureSubscription: 'a', resourceGroup: 'rg', workspaceName: 'ws' };
const deploy = { ...workspace, endpointName: 'nsfw-detector-endpoint', modelName: 'nsfw-detector' };

describe('inputs of DeployOnlineEndpoint', () => {
  it('take the model from a record instead, and not from both', () => {
    const record = { ...deploy, modelName: '', releaseRecord: '/drop/release-record.json', modelVersion: 'latest' };
    const inputs = readDeploy(hostWith(record));
    assert.ok(inputs.action === 'deploy');
    assert.deepEqual([inputs.modelName, inputs.releaseRecord], ['', '/drop/release-record.json']);
    assert.throws(
      () => readDeploy(hostWith({ ...record, modelVersion: '3' })),
      /modelVersion is 3, but the release record/,
    );
    assert.throws(() => readDeploy(hostWith({ ...deploy, modelName: '' })), /modelName is required/);
  });

  it('ask of a condition that there is something to judge it by', () => {
    const asks =
      (analysis: string, more = {}): (() => unknown) =>
      () =>
        readDeploy(hostWith({ ...deploy, strategy: 'canary', analysis, ...more }));
    assert.throws(asks('replayErrors <= 1%', { goldenSet: '/g' }), /name their folder as replay/);
    assert.throws(asks('accuracy >= 0.9', { replay: '/r' }), /name its folder as goldenSet/);
    assert.throws(asks('agreement >= 0.9'), /name a folder as goldenSet or replay/);
    assert.doesNotThrow(asks('agreement >= 0.9\nreplayP95 <= champion', { replay: '/r' }));
    assert.throws(asks('', { whenBusy: 'maybe', replayRequests: '0' }), /whenBusy is "maybe"/);
  });

  it('have the documented defaults', () => {
    const inputs = readDeploy(hostWith(deploy));
    assert.ok(inputs.action === 'deploy');
    assert.equal(inputs.modelVersion, 'latest');
    assert.equal(inputs.strategy, 'allAtOnce');
    assert.equal(inputs.challengerTraffic, 10);
    assert.equal(inputs.instanceCount, undefined);
    assert.equal(inputs.keepPrevious, true);
    const probe = {
      ...{ initialDelay: 'PT10S', period: 'PT10S', timeout: 'PT2S' },
      ...{ failureThreshold: 30, successThreshold: 1 },
    };
    assert.deepEqual(inputs.settings, {
      endpointComputeType: 'Managed',
      environmentVariables: {},
      instanceType: 'Standard_DS3_v2',
      scaleSettings: { scaleType: 'Default' },
      requestSettings: { requestTimeout: 'PT5S', maxConcurrentRequestsPerInstance: 4 },
      livenessProbe: probe,
      readinessProbe: probe,
    });
  });

  it('make an endpoint with keys that everybody reaches, unless told otherwise', () => {
    const made = (inputs: Record<string, string>): unknown => {
      const read = readDeploy(hostWith({ ...deploy, ...inputs }));
      return read.action === 'deploy' && read.newEndpoint;
    };
    assert.deepEqual(made({}), {
      ...{ authMode: 'Key', publicNetworkAccess: 'Enabled', userAssignedIdentity: undefined },
      ...{ compute: undefined, description: undefined, properties: undefined },
    });
    assert.throws(
      () => made({ authMode: 'aadToken', smokeTestFile: 'a.png', userAssignedIdentity: 'me' }),
      (error: Error) =>
        /smokeTestFile.* authMode must be key/.test(error.message) &&
        /userAssignedIdentity.*resource id/.test(error.message),
    );
  });

  it('of promote and abort need no model', () => {
    const target = { ...workspace, endpointName: 'nsfw-detector-endpoint' };
    assert.equal(readDeploy(hostWith({ ...target, action: 'promote' })).action, 'promote');
    assert.equal(readDeploy(hostWith({ ...target, action: 'abort' })).action, 'abort');
  });

  it('report every mistake at once', () => {
    const wrong = {
      endpointName: '1-endpoint',
      strategy: 'rainbow',
      challengerTraffic: '100',
      probePeriodSeconds: '0',
      environment: 'own-runtime:1',
      tags: 'guardian.role=champion',
      environmentVariables: 'MODE',
      modelName: '$(model)',
    };
    assert.throws(
      () => readDeploy(hostWith({ ...deploy, ...wrong })),
      (error: Error) => {
        const expected = [
          'tags names guardian.role, but names that start with guardian. belong to this extension',
          'endpointName is "1-endpoint", but must be 3 to 32',
          'strategy is "rainbow", but must be one of allAtOnce, blueGreen, canary, challenger',
          'challengerTraffic is "100", but must be a whole number from 0 to 99',
          'probePeriodSeconds is "0", but must be a whole number from 1 to 3600',
          'environment is "own-runtime:1", but must be empty, mlflow, or of the form azureml:name:version',
          'environmentVariables has the line "MODE"',
          'modelName is $(model): the pipeline has no variable model',
        ];
        for (const text of expected) assert.ok(error.message.includes(text), `${text}\n${error.message}`);
        return true;
      },
    );
  });
});

describe('inputs of Rollback', () => {
  it('take endpoints by line or comma', () => {
    const inputs = readRollback(
      hostWith({ ...workspace, endpointNames: 'one-endpoint, two-endpoint\nthree-endpoint\none-endpoint' }),
    );
    assert.deepEqual([...inputs.endpoints.keys()], ['one-endpoint', 'two-endpoint', 'three-endpoint']);
    assert.deepEqual(new Set(inputs.endpoints.values()), new Set(['previous']));
  });

  const endpoint = { ...workspace, endpointNames: 'one-endpoint' };
  const targets: [string, unknown][] = [
    ['previous', 'previous'],
    ['7', 7],
    ['revision:7', 7],
    ['nsfw-detector:3', { model: 'nsfw-detector', version: '3' }],
    ['model:3', { model: undefined, version: '3' }],
    ['m3-1a2b3c4d', { deployment: 'm3-1a2b3c4d' }],
    ['deployment:previous', { deployment: 'previous' }],
  ];
  for (const [to, expected] of targets) {
    it(`take the target ${to}`, () => {
      assert.deepEqual(readRollback(hostWith({ ...endpoint, to })).endpoints.get('one-endpoint'), expected);
    });
  }

  for (const to of ['0', '-1', '1.5', 'model:', 'two words', 'deployment:-', ':3']) {
    it(`refuse the target ${to}`, () => {
      assert.throws(() => readRollback(hostWith({ ...endpoint, to })), /`previous`, the number of a revision/);
    });
  }

  it('take a target of its own for an endpoint', () => {
    const endpointNames = 'one-endpoint = 7\ntwo-endpoint';
    const { endpoints } = readRollback(hostWith({ ...workspace, endpointNames, to: 'model:2' }));
    assert.deepEqual([...endpoints.values()], [7, { model: undefined, version: '2' }]);
    for (const [names, problem] of [
      ['one-endpoint = 0', /sends one-endpoint to "0"/],
      ['one-endpoint = 7, one-endpoint = 8', /names one-endpoint twice/],
      ['-x', /names "-x"/],
    ] as const) {
      assert.throws(() => readRollback(hostWith({ ...workspace, endpointNames: names })), problem);
    }
  });
});

describe('inputs of SyncK8sConfigMap', () => {
  it('need Azure only for entries that refer to an endpoint', () => {
    const inputs = readSync(hostWith({ kubernetesServiceConnection: 'k', entries: 'A=b' }));
    assert.equal(inputs.endpoints, undefined);
    assert.equal(inputs.configMapName, 'guardian-config');
    // Whoever opens the cluster names it after the ConfigMap.
    assert.equal(inputs.secretName, undefined);
    assert.throws(
      () =>
        readSync(
          hostWith({ kubernetesServiceConnection: 'k', entries: 'A = endpoint:nsfw-detector-endpoint#scoringUri' }),
        ),
      /azureSubscription is required[^]*resourceGroup is required[^]*workspaceName is required/,
    );
  });

  it('report every mistake at once', () => {
    const wrong = {
      kubernetesServiceConnection: 'k',
      entries: 'A',
      namespace: 'Guardian',
      configMapName: 'a_b',
      rolloutTimeoutInMinutes: '0',
    };
    assert.throws(
      () => readSync(hostWith(wrong)),
      /line 1: [^]*namespace is "Guardian"[^]*configMapName is "a_b"[^]*rolloutTimeoutInMinutes is "0"/,
    );
    assert.throws(
      () => readSync(hostWith({ kubernetesServiceConnection: 'k', entries: '# nothing' })),
      /entries holds no entry/,
    );
  });
});
