import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startLocalAws, type LocalAws } from '../../local/aws/local-aws';
import { prepareApplication } from '../../local/demo/prepare-application';
import { root } from '../../scripts/product';
import { AwsWire } from './aws-wire';

const execute = promisify(execFile);
const account = '123456789012';
const bucket = `/guardian-videos-${account}`;

describe('setup-aws', function () {
  this.timeout(240_000);
  let aws: LocalAws;
  let wire: AwsWire;
  let dist: string;

  before(async () => {
    dist = await prepareApplication(root, () => undefined);
    aws = await startLocalAws({ cacheDir: join(root, '.local/cache') });
    wire = new AwsWire(aws.url);
  });
  after(() => aws.stop());

  async function setUp(...args: string[]): Promise<{ code: number; output: string }> {
    const env = { PATH: process.env.PATH, ...aws.environment };
    try {
      const { stdout } = await execute(process.execPath, [join(dist, 'setup-aws.mjs'), ...args], { env });
      return { code: 0, output: stdout };
    } catch (error) {
      const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
      return { code, output: stdout + stderr };
    }
  }

  it('says in plan mode what it would make, and makes nothing', async () => {
    const { code, output } = await setUp('--plan');
    assert.equal(code, 0, output);
    assert.match(output, /^would create {2}bucket guardian-videos-123456789012$/m);
    assert.match(output, /Would make 18 changes/);
    assert.equal((await wire.s3('HEAD', bucket)).status, 404);
  });

  it('makes everything, and at the second try nothing', async () => {
    const first = await setUp();
    assert.equal(first.code, 0, first.output);
    assert.match(first.output, /Made 18 changes/);
    const second = await setUp();
    assert.equal(second.code, 0);
    assert.match(second.output, /Made 0 changes in account 123456789012, eu-west-1; 0 differences remain/);
  });

  /** What somebody may do by hand, and what setup-aws says of it. */
  const byHand: Record<string, { change: () => Promise<unknown>; says: RegExp }> = {
    'the public access block is taken off': {
      change: () => wire.s3('DELETE', `${bucket}?publicAccessBlock`),
      says: /bucket .*public access block/,
    },
    'the encryption is taken off': {
      change: () => wire.s3('DELETE', `${bucket}?encryption`),
      says: /bucket .*encryption/,
    },
    'the lifecycle is deleted': {
      change: () => wire.s3('DELETE', `${bucket}?lifecycle`),
      says: /bucket .*lifecycle/,
    },
    'the bucket policy lets everybody read': {
      change: () =>
        wire.s3(
          'PUT',
          `${bucket}?policy`,
          `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::guardian-videos-${account}/*"}]}`,
        ),
      says: /bucket .*policy: is .*Allow/,
    },
    'a queue hides messages for an hour': {
      change: async () =>
        wire.json('sqs', 'SetQueueAttributes', {
          QueueUrl: await wire.queueUrl('guardian-gpu-processing'),
          Attributes: { VisibilityTimeout: '3600' },
        }),
      says: /queue guardian-gpu-processing \(VisibilityTimeout: is 3600, wanted 120\)/,
    },
    'a queue loses its dead-letter queue': {
      change: async () =>
        wire.json('sqs', 'SetQueueAttributes', {
          QueueUrl: await wire.queueUrl('guardian-video-processing'),
          Attributes: { RedrivePolicy: '' },
        }),
      says: /queue guardian-video-processing \(RedrivePolicy/,
    },
    'a dead-letter queue forgets after a minute': {
      change: async () =>
        wire.json('sqs', 'SetQueueAttributes', {
          QueueUrl: await wire.queueUrl('guardian-notification-dlq'),
          Attributes: { MessageRetentionPeriod: '60' },
        }),
      says: /queue guardian-notification-dlq \(MessageRetentionPeriod: is 60/,
    },
    'the audit log never forgets': {
      change: () =>
        wire.json('dynamodb', 'UpdateTimeToLive', {
          TableName: 'guardian-events',
          TimeToLiveSpecification: { AttributeName: 'expiresAt', Enabled: false },
        }),
      says: /table guardian-events \(time to live/,
    },
    'a table is not backed up': {
      change: () =>
        wire.json('dynamodb', 'UpdateContinuousBackups', {
          TableName: 'guardian-videos',
          PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: false },
        }),
      says: /table guardian-videos \(point-in-time recovery/,
    },
    'a policy allows everything': {
      change: () =>
        wire.iam({
          Action: 'CreatePolicyVersion',
          PolicyArn: `arn:aws:iam::${account}:policy/guardian-deep-vision`,
          PolicyDocument: '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}',
          SetAsDefault: 'true',
        }),
      says: /policy guardian-deep-vision \(document: is .*s3:\*/,
    },
  };

  it('names everything that was changed by hand, changes it back, and then finds nothing', async () => {
    for (const { change } of Object.values(byHand)) await change();
    const plan = await setUp('--plan');
    const run = await setUp();
    for (const [what, { says }] of Object.entries(byHand)) {
      assert.match(plan.output, new RegExp(`^would change.*${says.source}`, 'm'), what);
      assert.match(run.output, new RegExp(`^changed.*${says.source}`, 'm'), what);
    }
    assert.equal(run.code, 0, run.output);
    assert.match((await setUp()).output, /Made 0 changes/);
    assert.doesNotMatch((await wire.s3('GET', `${bucket}?policy`)).text, /Allow/);
  });

  it('makes again what was deleted', async () => {
    await wire.json('sqs', 'DeleteQueue', { QueueUrl: await wire.queueUrl('guardian-notification') });
    const { output } = await setUp();
    assert.match(output, /^created {7}queue guardian-notification$/m);
  });

  it('says what differs where AWS lets nobody change it, and ends with 2', async () => {
    await wire.json('dynamodb', 'DeleteTable', { TableName: 'guardian-events' });
    await wire.json('dynamodb', 'CreateTable', {
      TableName: 'guardian-events',
      KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
      AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
      BillingMode: 'PAY_PER_REQUEST',
    });
    const { code, output } = await setUp();
    assert.equal(code, 2, output);
    assert.match(output, /^differs {7}table guardian-events \(keys: is .*"id".*wanted .*"videoId"/m);
  });

  it('refuses bad arguments with one line', async () => {
    const { code, output } = await setUp('--prefix', 'Not A Name');
    assert.equal(code, 1);
    assert.match(output, /setup-aws: --prefix: small letters, digits and hyphens/);
  });
});
