import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import sharp from 'sharp';
import type { TaskRun } from '../../local/agent/run-task';
import { AzureReader, send } from '../../local/demo/azure-reader';
import { root } from '../../scripts/product';
import { TestCloud } from '../support/local-cloud';
import { failed, log, succeeded } from './outcome';

/** Callers of the endpoint, some of them with pictures that one of the models cannot stand. */
class Callers {
  readonly statuses: number[] = [];
  private isStopped = false;
  private readonly done: Promise<void>;

  constructor(url: string, key: string, ca: string, pictures: Buffer[]) {
    const call = async (turn: number): Promise<void> => {
      for (let at = turn; !this.isStopped; at++) {
        const headers = { authorization: `Bearer ${key}`, 'content-type': 'image/png' };
        const { status } = await send(url, { method: 'POST', headers, body: pictures[at % pictures.length]!, ca });
        this.statuses.push(status);
        // A tiny model answers faster than the 500 requests a second that an endpoint takes.
        await new Promise(resolve => setTimeout(resolve, 10));
      }
    };
    this.done = Promise.all([0, 1].map(call)).then(() => undefined);
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    await this.done;
  }
}

describe('a rollout on really running runtimes', function () {
  this.timeout(240_000);
  let cloud: TestCloud;
  let azure: AzureReader;
  let pictures: Record<'red' | 'green' | 'blue' | 'white', Buffer>;
  let goldenSet: string;
  let captured: string;

  const target = {
    azureSubscription: 'guardian-azure-connection',
    resourceGroup: 'guardian-ai-prod',
    workspaceName: 'guardian-ai-ml-workspace-prod',
  };
  const probes = { probeInitialDelaySeconds: '1', probePeriodSeconds: '1', instanceCount: '1' };

  before(async () => {
    cloud = await TestCloud.start();
    azure = new AzureReader(cloud.cloud.description, cloud.cloud.certificate.ca);
    const plain = (red: number, green: number, blue: number): Promise<Buffer> =>
      sharp({ create: { width: 40, height: 40, channels: 3, background: { r: red, g: green, b: blue } } })
        .png()
        .toBuffer();
    pictures = {
      red: await plain(200, 20, 20),
      green: await plain(20, 200, 20),
      blue: await plain(20, 20, 200),
      white: await plain(255, 255, 255),
    };
    goldenSet = join(cloud.folder, 'golden');
    for (const label of ['red', 'green', 'blue'] as const) {
      mkdirSync(join(goldenSet, label), { recursive: true });
      writeFileSync(join(goldenSet, label, `${label}.png`), pictures[label]);
    }
    // As the runtime captures what it is asked.
    captured = join(cloud.folder, 'captured');
    for (const [at, label] of (['red', 'blue', 'blue', 'green'] as const).entries()) {
      mkdirSync(join(captured, 'colour-1', label), { recursive: true });
      writeFileSync(join(captured, 'colour-1', label, `${at + 1}-${label}.png`), pictures[label]);
    }
    writeFileSync(join(captured, 'colour-1', 'captures.jsonl'), '{}\n');
    const swapped = join(cloud.folder, 'swapped');
    cpSync(join(root, 'test/fixtures/models/colour'), swapped, { recursive: true });
    const manifest = join(swapped, 'guardian-model.json');
    writeFileSync(manifest, readFileSync(manifest, 'utf8').replace(/"red",(\s*)"green"/, '"green",$1"red"'));
    // Another version of the same model: bytes that the runtime does not look at.
    const good = join(cloud.folder, 'good');
    cpSync(join(root, 'test/fixtures/models/colour'), good, { recursive: true });
    writeFileSync(join(good, 'notes.txt'), 'trained again');
    for (const folder of [
      join(root, 'test/fixtures/models/colour'),
      join(root, 'test/fixtures/models/fails-on-white'),
      swapped,
      good,
    ]) {
      const inputs = { ...target, modelName: 'colour', modelSource: 'localPath', localPath: folder };
      succeeded(await cloud.runTask('RegisterModel', inputs));
    }
    succeeded(await deploy({ modelVersion: '1' }));
  });
  after(() => cloud.stop());

  const deploy = (inputs: Record<string, string>): Promise<TaskRun> =>
    cloud.runTask('DeployOnlineEndpoint', {
      ...target,
      ...probes,
      endpointName: 'colour',
      modelName: 'colour',
      ...inputs,
    });
  async function traffic(): Promise<Record<string, number>> {
    const { properties } = await azure.read<{ properties: { traffic: Record<string, number> } }>(
      'onlineEndpoints/colour',
    );
    return Object.fromEntries(Object.entries(properties.traffic).filter(([, percent]) => percent > 0));
  }
  const deployments = async (): Promise<string[]> =>
    (await azure.read<{ value: { name: string }[] }>('onlineEndpoints/colour/deployments')).value.map(
      ({ name }) => name,
    );
  async function callers(...names: (keyof typeof pictures)[]): Promise<Callers> {
    const { properties } = await azure.read<{ properties: { scoringUri: string } }>('onlineEndpoints/colour');
    const { primaryKey } = await azure.read<{ primaryKey: string }>('onlineEndpoints/colour/listKeys', 'POST');
    return new Callers(
      properties.scoringUri,
      primaryKey,
      cloud.cloud.certificate.ca,
      names.map(name => pictures[name]),
    );
  }

  it('keeps a model with swapped labels from all traffic by the golden set, and names the pair', async () => {
    const before = await traffic();
    const run = await deploy({
      modelVersion: '3',
      strategy: 'canary',
      goldenSet,
      replay: captured,
      replayRequests: '4',
      analysis: 'accuracy >= champion\nagreement >= 0.9\nreplayErrors <= 1%',
    });
    const error = failed(run);
    assert.match(error, /does not pass the golden set of 7 cases/);
    // Of the golden set one of three, of the replayed requests those that are blue.
    assert.match(error, /agreement >= 0\.9: fail, agreement is 0\.428571/);
    assert.match(run.summaries.join(), /champion's answer \\ answer \| blue \| green \| red/);
    const found = run.artifacts.find(({ name }) => name.startsWith('golden-set'));
    const wrong = JSON.parse(readFileSync(join(found!.path, 'mismatches.json'), 'utf8')) as {
      file: string;
      label?: string;
    }[];
    assert.deepEqual(wrong.map(({ file, label }) => `${label ?? 'replayed'} ${basename(file)}`).sort(), [
      'green green.png',
      'red red.png',
      'replayed 1-red.png',
      'replayed 4-green.png',
    ]);
    assert.match(error, /accuracy >= champion: fail, accuracy is 0\.333333, wanted >= 1 \(champion 1\)/);
    assert.match(run.summaries.join(), /\| green \| 0 \| 0 \| 1 █ \|/);
    assert.deepEqual(await traffic(), before);
    assert.deepEqual(await deployments(), Object.keys(before));
  });

  it('gives no traffic to a container that finds other files than were registered', async () => {
    const before = await traffic();
    const error = failed(
      await deploy({
        modelVersion: '4',
        probeFailureThreshold: '2',
        environmentVariables: `GUARDIAN_MODEL_DIGEST=${'0'.repeat(64)}`,
      }),
    );
    assert.match(error, /ResourceNotReady[\s\S]*digest[\s\S]*removed again/i);
    assert.deepEqual(await traffic(), before);
    assert.deepEqual(await deployments(), Object.keys(before));
  });

  it('takes back the traffic from a model that fails some of its callers', async () => {
    const before = await traffic();
    const calling = await callers('red', 'white', 'green', 'blue');
    const run = await deploy({
      modelVersion: '2',
      strategy: 'canary',
      steps: '50,100',
      bakeMinutes: '0.04',
      analysis: 'errorRate <= 5%',
      minimumRequests: '10',
      onInconclusive: 'fail',
    });
    await calling.stop();
    const error = failed(run);
    assert.match(error, /did not pass at 50 % of the traffic of colour/);
    assert.match(error, /errorRate is 0\.\d+, wanted <= 0\.05/);
    assert.match(error, /Live traffic is back: m1-\w+ 100 %/);
    assert.deepEqual(await traffic(), before);
    assert.deepEqual(await deployments(), Object.keys(before));
    const failures = calling.statuses.filter(status => status !== 200);
    assert.ok(
      failures.every(status => status === 424),
      `others than the model's own failures: ${failures.join()}`,
    );
  });

  it('brings a good model to all traffic without a failed call', async () => {
    const calling = await callers('red', 'green', 'blue');
    const run = succeeded(
      await deploy({
        modelVersion: '4',
        strategy: 'canary',
        steps: '50,100',
        bakeMinutes: '0.03',
        goldenSet,
        analysis: 'accuracy >= champion\nagreement == 1\nerrorRate <= 1%',
      }),
    );
    await calling.stop();
    assert.deepEqual(await traffic(), { [run.outputs['deploymentName']!]: 100 });
    assert.deepEqual(new Set(calling.statuses), new Set([200]));
    assert.match(run.summaries.join(), /\| 50 % \| errorRate .* \| pass \|/);
  });

  it('goes back as one: traffic, and the configuration that the application had then', async () => {
    const kubernetes = { kubernetesServiceConnection: 'guardian-kubernetes-connection', namespace: 'guardian' };
    const configure = async (threshold: string): Promise<void> => {
      const entries = `THRESHOLD=${threshold}\nCOLOUR_ENDPOINT = endpoint:colour#scoringUri\nCOLOUR_KEY = endpoint:colour#primaryKey`;
      succeeded(await cloud.runTask('SyncK8sConfigMap', { ...target, ...kubernetes, entries }));
    };
    const threshold = async (): Promise<string | undefined> => {
      const answer = await send(`${cloud.cloud.kubernetesUrl}/api/v1/namespaces/guardian/configmaps/guardian-config`, {
        headers: { authorization: `Bearer ${cloud.cloud.serviceAccountToken}` },
        ca: cloud.cloud.certificate.ca,
      });
      return (JSON.parse(answer.body.toString()) as { data: Record<string, string> }).data['THRESHOLD'];
    };
    const before = await traffic();
    await configure('0.8');
    succeeded(await deploy({ modelVersion: '1' }));
    await configure('0.9');
    assert.equal(await threshold(), '0.9');

    const inputs = { ...target, ...kubernetes, endpointNames: 'colour', reason: 'too strict' };
    const plan = succeeded(await cloud.runTask('Rollback', { ...inputs, whatIf: 'true' }));
    assert.match(log(plan), /ConfigMap guardian\/guardian-config: back to the content of revision 1/);
    assert.equal(await threshold(), '0.9');
    succeeded(await cloud.runTask('Rollback', inputs));
    assert.deepEqual(await traffic(), before);
    assert.equal(await threshold(), '0.8');
  });

  describe('as a shadow', () => {
    const mirror = async (): Promise<Record<string, number>> => {
      const { properties } = await azure.read<{ properties: { mirrorTraffic: Record<string, number> } }>(
        'onlineEndpoints/colour',
      );
      return properties.mirrorTraffic;
    };

    it('finds by copies of requests that a model fails, without one caller that notices', async () => {
      const [before, there] = [await traffic(), await deployments()];
      const calling = await callers('red', 'white', 'green', 'blue');
      const run = await deploy({
        modelVersion: '2',
        strategy: 'shadow',
        mirrorPercent: '50',
        bakeMinutes: '0.04',
        analysis: 'errorRate <= 5%',
        minimumRequests: '10',
        onInconclusive: 'fail',
      });
      await calling.stop();
      assert.match(failed(run), /did not pass on copies of 50 % of the requests to colour/);
      assert.deepEqual(new Set(calling.statuses), new Set([200]));
      assert.deepEqual(await traffic(), before);
      assert.deepEqual(await mirror(), {});
      assert.deepEqual(await deployments(), there);
    });

    it('goes on until it is aborted or promoted; then there are no copies', async () => {
      const { revision } = succeeded(await deploy({ modelVersion: '1' })).outputs;
      const before = await traffic();
      const shadow = { modelVersion: '4', strategy: 'shadow' };
      const run = succeeded(await deploy(shadow));
      const name = run.outputs['deploymentName']!;
      assert.deepEqual(await mirror(), { [name]: 10 });
      assert.deepEqual(await traffic(), before);
      // Who answers has not changed, so there is nothing that a rollback could go back from.
      assert.equal(run.outputs['revision'], revision);
      assert.match(log(succeeded(await deploy(shadow))), /is ready \(unchanged\)[\s\S]*Live traffic stays/);
      succeeded(await cloud.runTask('DeployOnlineEndpoint', { ...target, endpointName: 'colour', action: 'abort' }));
      assert.deepEqual(await mirror(), {});
      assert.deepEqual(await deployments(), Object.keys(before));

      succeeded(await deploy(shadow));
      succeeded(await cloud.runTask('DeployOnlineEndpoint', { ...target, endpointName: 'colour', action: 'promote' }));
      assert.deepEqual([await traffic(), await mirror()], [{ [name]: 100 }, {}]);
      succeeded(await cloud.runTask('Rollback', { ...target, endpointNames: 'colour' }));
      assert.deepEqual(await traffic(), before);
    });
  });
});
