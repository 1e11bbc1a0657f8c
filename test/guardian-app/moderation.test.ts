import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { AzureReader, send } from '../../local/demo/azure-reader';
import { root } from '../../scripts/product';
import { TestCloud } from '../support/local-cloud';
import { succeeded } from '../task/outcome';
import { smallVideo } from '../../local/demo/small-video';
import { services, Stack, until, type Service } from './stack';

const target = {
  azureSubscription: 'guardian-azure-connection',
  resourceGroup: 'guardian-ai-prod',
  workspaceName: 'guardian-ai-ml-workspace-prod',
};
/** The small model tells red, green and blue apart; what the application looks at is whether a label is "safe". */
const models = { 'nsfw-detector': ['nsfw', 'safe', 'safe-too'], 'violence-detector': ['safe', 'violence', 'safe-too'] };

describe('the Guardian application', function () {
  this.timeout(240_000);
  let cloud: TestCloud;
  let azure: AzureReader;
  let stack: Stack;
  let receiver: Server;
  /** What the webhook got, by idempotency key. */
  const notices = new Map<string, { videoId: string; outcome: string }[]>();
  let photographs: Buffer;
  let red: Buffer;
  let black: Buffer;

  before(async () => {
    receiver = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => (body += chunk.toString()));
      request.on('end', () => {
        const key = String(request.headers['idempotency-key']);
        notices.set(key, [...(notices.get(key) ?? []), JSON.parse(body) as { videoId: string; outcome: string }]);
        response.writeHead(204).end();
      });
    });
    await new Promise<void>(done => receiver.listen(0, '127.0.0.1', done));
    cloud = await TestCloud.start();
    azure = new AzureReader(cloud.cloud.description, cloud.cloud.certificate.ca);
    const [, , films] = await Promise.all([
      deploy('nsfw-detector'),
      deploy('violence-detector'),
      Promise.all([
        smallVideo(root, { photographs: ['flower.jpg', 'cat.jpg', 'rocket.jpg'] }),
        smallVideo(root, { colour: 'red' }),
        smallVideo(root, { colour: '0x101820' }),
      ]),
    ]);
    [photographs, red, black] = films;
    stack = await Stack.start(
      {
        nsfw: await scoringUri('nsfw-detector'),
        violence: await scoringUri('violence-detector'),
        ca: cloud.cloud.description.ca,
      },
      {
        WEBHOOK_URL: `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/`,
        // Waiting is asking again and again.
        REQUESTS_PER_MINUTE: '100000',
      },
    );
    await writeKeys();
    await Promise.all(services.map(service => stack.run(service)));
  });
  after(async () => {
    await stack.stop();
    await cloud.stop();
    await new Promise(done => receiver.close(done));
  });

  async function deploy(model: keyof typeof models): Promise<void> {
    const folder = join(cloud.folder, model);
    mkdirSync(folder);
    cpSync(join(root, 'test/fixtures/models/colour'), folder, { recursive: true });
    const file = join(folder, 'guardian-model.json');
    const manifest = JSON.parse(readFileSync(file, 'utf8')) as { input: object };
    // Ten times the original's levels: a pure colour is as good as certain.
    writeFileSync(
      file,
      JSON.stringify({ ...manifest, input: { ...manifest.input, scale: 0.05 }, name: model, labels: models[model] }),
    );
    const register = { ...target, modelName: model, modelSource: 'localPath', localPath: folder };
    succeeded(await cloud.runTask('RegisterModel', register));
    succeeded(
      await cloud.runTask('DeployOnlineEndpoint', {
        ...target,
        ...{ endpointName: `${model}-endpoint`, modelName: model, modelVersion: '1', instanceCount: '1' },
        ...{ probeInitialDelaySeconds: '1', probePeriodSeconds: '1' },
      }),
    );
  }

  async function scoringUri(model: string): Promise<string> {
    return (await azure.read<{ properties: { scoringUri: string } }>(`onlineEndpoints/${model}-endpoint`)).properties
      .scoringUri;
  }

  async function keyOf(model: string): Promise<string> {
    return (await azure.read<{ primaryKey: string }>(`onlineEndpoints/${model}-endpoint/listKeys`, 'POST')).primaryKey;
  }

  /** What SyncK8sConfigMap writes into the Secret, and the kubelet into the pod's volume. */
  async function writeKeys(): Promise<void> {
    for (const [model, name] of [
      ['nsfw-detector', 'MODEL_ENDPOINT_KEY'],
      ['violence-detector', 'VIOLENCE_MODEL_ENDPOINT_KEY'],
    ] as const) {
      stack.setSecret(name, await keyOf(model));
    }
  }

  const deadLetters = async (): Promise<number> => {
    const queues = ['video-processing', 'gpu-processing', 'policy-evaluation', 'notification'];
    const counts = await Promise.all(queues.map(name => stack.wire.messagesIn(`guardian-${name}-dlq`)));
    return counts.reduce((sum, count) => sum + count, 0);
  };
  const complete = (videoId: string): Promise<{ status: number }> =>
    stack.call('POST', `/v1/videos/${videoId}/complete`);
  const decisions = (video: { events: { eventId: string }[] }): number =>
    video.events.filter(({ eventId }) => eventId === 'decided').length;

  it('takes a real video from upload to a decision that names model version and deployment', async () => {
    const videoId = await stack.upload(photographs, 'photographs.mp4');
    const video = await stack.notified(videoId);
    assert.equal(video.screening?.route, 'high-risk');
    for (const model of ['nsfw', 'violence'] as const) {
      const { answeredBy, frames } = video.analysis![model];
      assert.equal(frames, 10);
      const deployments = await azure.read<{ value: { name: string }[] }>(
        `onlineEndpoints/${model}-detector-endpoint/deployments`,
      );
      assert.deepEqual(
        answeredBy.map(({ deployment, model: name, version }) => [deployment, name, version]),
        [[deployments.value[0]!.name, `${model}-detector`, '1']],
      );
    }
    assert.equal(video.policy?.policyVersion, '2026-11-1');
    // One id from the upload to the notice, in every event and in every service's log.
    assert.deepEqual([...new Set(video.events.map(({ correlationId }) => correlationId))], [video.correlationId]);
    for (const service of ['ingestion', 'fast-screening', 'deep-vision', 'policy-engine', 'notification'] as const)
      assert.ok(stack.logs.get(service)?.join('').includes(video.correlationId), service);
  });

  it('lets a harmless-looking video pass without the models, and blocks a red one', async () => {
    const [dark, alarming] = await Promise.all([
      stack.upload(black, 'dark.mp4').then(id => stack.notified(id)),
      stack.upload(red, 'red.mp4').then(id => stack.notified(id)),
    ]);
    assert.deepEqual([dark.status, dark.decision?.outcome, dark.screening?.route], ['decided', 'approve', 'low-risk']);
    assert.equal(alarming.screening?.route, 'high-risk');
    assert.equal(alarming.decision?.outcome, 'block');
  });

  it('puts what is no video into the dead-letter queue with the reason, and says so on the record', async () => {
    const before = await deadLetters();
    const videoId = await stack.upload(Buffer.from('this is no film'), 'letter.mp4');
    const video = await until('it failed', async () => {
      const seen = await stack.video(videoId);
      return seen.status === 'failed' && seen;
    });
    assert.match(video.failure!.reason, /ffprobe cannot read the video/);
    assert.equal(await deadLetters(), before + 1);
    const { Messages } = await stack.wire.json<{
      Messages: { MessageAttributes: Record<string, { StringValue: string }> }[];
    }>('sqs', 'ReceiveMessage', {
      QueueUrl: await stack.wire.queueUrl('guardian-video-processing-dlq'),
      MessageAttributeNames: ['All'],
      VisibilityTimeout: 0,
    });
    assert.match(Messages[0]!.MessageAttributes['reason']!.StringValue, /ffprobe cannot read the video/);
  });

  it('loses nothing and decides nothing twice when every service crashes before its record and again before its delete', async () => {
    const videoId = await stack.put(red, 'crashes.mp4');
    // Ingestion dies before the record says "uploaded", and again before the message: the client has no answer, and asks again.
    for (const operation of ['TransactWriteItems', 'SendMessage']) {
      const state = { isHeld: false };
      const held = stack.proxies
        .get('ingestion')!
        .hold(operation)
        .then(() => (state.isHeld = true));
      // As a client does: asks again while the service behind is not there.
      const asking = (async () => {
        for (;;) {
          const { status } = await complete(videoId);
          if (state.isHeld || status !== 503) return status;
        }
      })();
      await Promise.race([held, asking.then(status => assert.ok(state.isHeld, `answered ${status}`))]);
      await stack.crash('ingestion');
      assert.equal(await asking, 503);
      await stack.run('ingestion');
    }
    const stages: Service[] = ['fast-screening', 'deep-vision', 'policy-engine', 'notification'];
    const first = (service: Service): string => (service === 'notification' ? 'PutItem' : 'TransactWriteItems');
    const holds = new Map(stages.map(service => [service, stack.proxies.get(service)!.hold(first(service))]));
    const crashes = stages.map(async service => {
      const proxy = stack.proxies.get(service)!;
      for (const operation of [first(service), 'DeleteMessageBatch']) {
        await holds.get(service);
        await stack.crash(service);
        holds.set(service, operation === 'DeleteMessageBatch' ? Promise.resolve() : proxy.hold('DeleteMessageBatch'));
        await stack.run(service);
      }
    });
    await until('it is taken', async () => (await complete(videoId)).status === 202);
    await Promise.all(crashes);
    const video = await stack.notified(videoId);
    assert.equal(video.decision?.outcome, 'block');
    assert.equal(decisions(video), 1);
    // Told again after the crash, under the same id: a receiver knows it.
    assert.deepEqual([...new Set(notices.get(`${videoId}-decided`)!.map(({ outcome }) => outcome))], ['block']);
  });

  it('lets videos wait while an endpoint is down, and finishes them later', async () => {
    const before = await deadLetters();
    const fault = cloud.cloud.faults.add({
      plane: 'scoring',
      path: '**/violence-detector-endpoint/**',
      fault: { type: 'status', status: 503 },
    });
    const ids = await Promise.all([1, 2].map(turn => stack.upload(red, `waits-${turn}.mp4`)));
    await until(
      'both wait',
      async () => {
        const metrics = await (await fetch(`${stack.url('deep-vision')}/metrics`)).text();
        return Number(/guardian_messages_total\{result="deferred".*\} (\d+)/.exec(metrics)?.[1] ?? 0) >= 2;
      },
      async () => Promise.resolve((stack.logs.get('deep-vision') ?? []).slice(-5).join('')),
    );
    for (const id of ids) assert.equal((await stack.video(id)).status, 'screened');
    cloud.cloud.faults.delete(fault.id);
    for (const id of ids) assert.equal((await stack.notified(id)).decision?.outcome, 'block');
    assert.equal(await deadLetters(), before);
  });

  it('keeps a message hidden from others as long as its work takes', async () => {
    const calls = async (): Promise<number> => {
      const metrics = await (await fetch(`${stack.url('deep-vision')}/metrics`)).text();
      return [...metrics.matchAll(/^guardian_endpoint_duration_seconds_count\{.*\} (\d+)$/gm)].reduce(
        (sum, [, count]) => sum + Number(count),
        0,
      );
    };
    const before = await calls();
    // Three calls of each endpoint, one after the other: longer than the two seconds after which the message would come back.
    const fault = cloud.cloud.faults.add({
      plane: 'scoring',
      path: '**/nsfw-detector-endpoint/**',
      fault: { type: 'slow', milliseconds: 1500 },
    });
    await stack.notified(await stack.upload(red, 'slow.mp4'));
    cloud.cloud.faults.delete(fault.id);
    assert.equal((await calls()) - before, 6);
  });

  it('goes on when a key is rotated during load', async () => {
    const before = await deadLetters();
    const ids = await Promise.all(
      Array.from({ length: 6 }, (_, turn) => stack.upload(turn % 2 ? red : photographs, `load-${turn}.mp4`)),
    );
    await regenerate('nsfw-detector');
    await regenerate('violence-detector');
    ids.push(await stack.upload(red, 'with-the-old-key.mp4'));
    await writeKeys();
    const videos = await Promise.all(ids.map(id => stack.notified(id)));
    for (const { status } of videos) assert.ok(['decided', 'in-review'].includes(status), status);
    assert.equal(await deadLetters(), before);
  });

  async function regenerate(model: string): Promise<void> {
    const before = await keyOf(model);
    const { arm, authority, tenantId, clientId, clientSecret, subscriptionId, resourceGroup, workspace } =
      cloud.cloud.description;
    const ca = cloud.cloud.certificate.ca;
    const form = new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: clientId,
      client_secret: clientSecret,
      scope: `${arm}/.default`,
    });
    const signedIn = await send(`${authority}/${tenantId}/oauth2/v2.0/token`, {
      ...{ method: 'POST', body: form.toString(), ca },
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    });
    const { access_token } = JSON.parse(signedIn.body.toString()) as { access_token: string };
    const url = `${arm}/subscriptions/${subscriptionId}/resourceGroups/${resourceGroup}/providers/Microsoft.MachineLearningServices/workspaces/${workspace}/onlineEndpoints/${model}-endpoint/regenerateKeys?api-version=2023-10-01`;
    const { status } = await send(url, {
      ...{ method: 'POST', body: JSON.stringify({ keyType: 'Primary' }), ca },
      headers: { authorization: `Bearer ${access_token}`, 'content-type': 'application/json' },
    });
    assert.ok(status < 300, String(status));
    await until('the key is another one', async () => (await keyOf(model)) !== before);
  }

  it('decides each video once from 1,000 messages, each ten times and in any order', async () => {
    // With time for a whole batch, as it is in production: the other tests want messages back soon.
    for (const service of ['policy-engine', 'notification'] as const) {
      await stack.stopService(service);
      await stack.run(service, { VISIBILITY_SECONDS: '30' });
    }
    const count = 100;
    const ids = Array.from({ length: count }, (_, index) => `bulk-${index}`);
    const text = (value: string): { S: string } => ({ S: value });
    for (let at = 0; at < count; at += 25) {
      const items = ids.slice(at, at + 25).map((videoId, index) => ({
        PutRequest: {
          Item: {
            ...{
              videoId: text(videoId),
              correlationId: text(`c-${videoId}`),
              status: text('analysed'),
              createdAt: text('2026-01-01'),
            },
            ...{ uploadedBy: text('bulk'), fileName: text('x.mp4'), objectKey: text('videos/none') },
            analysis: {
              M: {
                nsfw: { M: { probability: { N: (at + index) % 2 ? '0.97' : '0.01' } } },
                violence: { M: { probability: { N: '0.02' } } },
              },
            },
          },
        },
      }));
      await stack.wire.json('dynamodb', 'BatchWriteItem', { RequestItems: { 'guardian-videos': items } });
    }
    const waiting = async (): Promise<number> => {
      const names = ['guardian-policy-evaluation', 'guardian-notification'];
      const counts = await Promise.all(names.map(name => stack.wire.messagesIn(name)));
      return counts.reduce((sum, number) => sum + number, 0);
    };
    const QueueUrl = await stack.wire.queueUrl('guardian-policy-evaluation');
    // Every id ten times, in an order that has nothing to do with theirs: 337 and 1,000 have no common divisor.
    const messages = Array.from({ length: 1000 }, (_, index) => ids[((index * 337) % 1000) % count]!);
    for (let at = 0; at < messages.length; at += 10) {
      const Entries = messages.slice(at, at + 10).map((videoId, index) => ({
        Id: String(index),
        MessageBody: JSON.stringify({ videoId, correlationId: `c-${videoId}` }),
      }));
      await stack.wire.json('sqs', 'SendMessageBatch', { QueueUrl, Entries });
      // The stand-in looks at every waiting message for each that it hands out: it gets slow with many.
      if (at % 50 === 0) await until('not many wait', async () => (await waiting()) < 100);
    }
    await until('both queues are empty', async () => (await waiting()) === 0);
    const { Items } = await stack.wire.json<{
      Items: { videoId: { S: string }; eventId: { S: string }; actor: { S: string } }[];
    }>('dynamodb', 'Scan', {
      TableName: 'guardian-events',
      FilterExpression: 'begins_with(videoId, :bulk)',
      ExpressionAttributeValues: { ':bulk': { S: 'bulk-' } },
    });
    const of = (eventId: string): string[] =>
      Items.filter(item => item.eventId.S === eventId).map(item => item.videoId.S);
    assert.deepEqual(of('decided').sort(), [...ids].sort());
    assert.deepEqual(of('notified#decided').sort(), [...ids].sort());
    for (const [index, videoId] of ids.entries()) {
      const told = notices.get(`${videoId}-decided`)!.map(({ outcome }) => outcome);
      assert.deepEqual([...new Set(told)], [index % 2 ? 'block' : 'approve'], videoId);
    }
  });

  it('ends every service by itself when it is asked to', async () => {
    const codes = await Promise.all(services.map(service => stack.stopService(service)));
    assert.deepEqual(
      codes,
      services.map(() => 0),
    );
  });
});
