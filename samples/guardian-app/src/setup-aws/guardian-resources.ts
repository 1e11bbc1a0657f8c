import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { IAMClient } from '@aws-sdk/client-iam';
import type { S3Client } from '@aws-sdk/client-s3';
import type { SQSClient } from '@aws-sdk/client-sqs';
import { deadLetterSuffix } from '../shared/queues';
import { bucket } from './bucket';
import { queueWithDeadLetters } from './queue';
import type { Resource } from './resource';
import { servicePolicy, type Statement } from './service-policy';
import { table } from './table';

export interface GuardianNames {
  account: string;
  region: string;
  /** Begins every name. */
  prefix: string;
  keepDays: number;
}

export interface AwsClients {
  s3: S3Client;
  sqs: SQSClient;
  dynamo: DynamoDBClient;
  iam: IAMClient;
}

/** Everything of the application on AWS, in the order in which it is made. */
export function guardianResources(
  { s3, sqs, dynamo, iam }: AwsClients,
  { account, region, prefix, keepDays }: GuardianNames,
): Resource[] {
  const names = {
    bucket: `${prefix}-videos-${account}`,
    video: `${prefix}-video-processing`,
    gpu: `${prefix}-gpu-processing`,
    policy: `${prefix}-policy-evaluation`,
    notification: `${prefix}-notification`,
    videos: `${prefix}-videos`,
    events: `${prefix}-events`,
  };
  const queue = (name: string, visibilitySeconds: number): Resource[] =>
    queueWithDeadLetters(sqs, { name, account, region, visibilitySeconds });

  const queueArn = (name: string): string => `arn:aws:sqs:${region}:${account}:${name}`;
  const tableArn = (name: string): string => `arn:aws:dynamodb:${region}:${account}:table/${name}`;
  const allow = (Sid: string, Action: string[], ...resources: string[]): Statement => ({
    Sid,
    Effect: 'Allow',
    Action,
    Resource: resources,
  });
  const readVideos = allow('ReadVideos', ['s3:GetObject'], `arn:aws:s3:::${names.bucket}/videos/*`);
  const readRecords = allow('ReadRecords', ['dynamodb:GetItem'], tableArn(names.videos));
  const writeRecords = allow(
    'WriteRecords',
    ['dynamodb:GetItem', 'dynamodb:UpdateItem', 'dynamodb:ConditionCheckItem'],
    tableArn(names.videos),
  );
  const log = allow('WriteEvents', ['dynamodb:PutItem'], tableArn(names.events));
  const send = (...queues: string[]): Statement =>
    allow('Send', ['sqs:GetQueueUrl', 'sqs:SendMessage'], ...queues.map(queueArn));
  // A message that has to wait is sent again; one that fails for good goes to the dead-letter queue.
  const consume = (name: string): Statement[] => [
    allow(
      'Consume',
      ['sqs:GetQueueUrl', 'sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:ChangeMessageVisibility', 'sqs:SendMessage'],
      queueArn(name),
    ),
    allow('DeadLetter', ['sqs:GetQueueUrl', 'sqs:SendMessage'], queueArn(name + deadLetterSuffix)),
  ];
  const policy = (service: string, ...statements: Statement[]): Resource =>
    servicePolicy(iam, account, `${prefix}-${service}`, statements);

  return [
    bucket(s3, names.bucket, region, keepDays),
    ...queue(names.video, 60),
    ...queue(names.gpu, 120),
    ...queue(names.policy, 30),
    ...queue(names.notification, 30),
    table(dynamo, {
      name: names.videos,
      keys: ['videoId'],
      index: { name: 'by-status', keys: ['status', 'createdAt'] },
    }),
    table(dynamo, { name: names.events, keys: ['videoId', 'eventId'], timeToLive: 'expiresAt' }),
    policy(
      'ingestion',
      allow(
        'WriteVideos',
        ['s3:PutObject', 's3:GetObject', 's3:ListMultipartUploadParts'],
        `arn:aws:s3:::${names.bucket}/videos/*`,
      ),
      allow('CreateRecords', ['dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:UpdateItem'], tableArn(names.videos)),
      log,
      send(names.video),
    ),
    policy('fast-screening', readVideos, writeRecords, log, ...consume(names.video), send(names.gpu, names.policy)),
    policy('deep-vision', readVideos, writeRecords, log, ...consume(names.gpu), send(names.policy)),
    policy('policy-engine', writeRecords, log, ...consume(names.policy), send(names.notification)),
    policy(
      'human-review',
      writeRecords,
      allow('ListReviews', ['dynamodb:Query'], `${tableArn(names.videos)}/index/by-status`),
      log,
      send(names.notification),
    ),
    policy(
      'notification',
      // Marks a record as failed when its notice cannot be sent.
      writeRecords,
      allow('Events', ['dynamodb:PutItem', 'dynamodb:Query'], tableArn(names.events)),
      ...consume(names.notification),
    ),
    policy(
      'api-gateway',
      readRecords,
      allow('ListVideos', ['dynamodb:Query'], `${tableArn(names.videos)}/index/by-status`),
      allow('ReadEvents', ['dynamodb:Query'], tableArn(names.events)),
    ),
  ];
}
