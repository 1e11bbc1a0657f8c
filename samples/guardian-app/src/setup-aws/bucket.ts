import {
  type BucketLocationConstraint,
  CreateBucketCommand,
  GetBucketEncryptionCommand,
  GetBucketLifecycleConfigurationCommand,
  GetBucketPolicyCommand,
  GetPublicAccessBlockCommand,
  HeadBucketCommand,
  type LifecycleRule,
  PutBucketEncryptionCommand,
  PutBucketLifecycleConfigurationCommand,
  PutBucketPolicyCommand,
  PutPublicAccessBlockCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { canonical, type Difference, found, type Resource } from './resource';

const blocked = { BlockPublicAcls: true, IgnorePublicAcls: true, BlockPublicPolicy: true, RestrictPublicBuckets: true };

/** Private, encrypted, TLS only; videos go after `keepDays`, parts of uploads that nobody finished after a day. */
export function bucket(s3: S3Client, name: string, region: string, keepDays: number): Resource {
  const Bucket = name;
  const policy = {
    Version: '2012-10-17',
    Statement: [
      {
        Sid: 'TlsOnly',
        Effect: 'Deny',
        Principal: '*',
        Action: 's3:*',
        Resource: [`arn:aws:s3:::${name}`, `arn:aws:s3:::${name}/*`],
        Condition: { Bool: { 'aws:SecureTransport': 'false' } },
      },
    ],
  };
  const rules: LifecycleRule[] = [
    { ID: 'videos', Status: 'Enabled', Filter: { Prefix: 'videos/' }, Expiration: { Days: keepDays } },
    {
      ID: 'unfinished-uploads',
      Status: 'Enabled',
      Filter: { Prefix: '' },
      AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 },
    },
  ];
  const aspects: { what: string; wanted: unknown; read: () => Promise<unknown>; fix: () => Promise<unknown> }[] = [
    {
      what: 'public access block',
      wanted: blocked,
      read: async () => (await s3.send(new GetPublicAccessBlockCommand({ Bucket }))).PublicAccessBlockConfiguration,
      fix: () => s3.send(new PutPublicAccessBlockCommand({ Bucket, PublicAccessBlockConfiguration: blocked })),
    },
    {
      what: 'encryption',
      wanted: 'AES256',
      read: async () =>
        (await s3.send(new GetBucketEncryptionCommand({ Bucket }))).ServerSideEncryptionConfiguration?.Rules?.[0]
          ?.ApplyServerSideEncryptionByDefault?.SSEAlgorithm,
      fix: () =>
        s3.send(
          new PutBucketEncryptionCommand({
            Bucket,
            ServerSideEncryptionConfiguration: {
              Rules: [{ ApplyServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } }],
            },
          }),
        ),
    },
    {
      what: 'lifecycle',
      wanted: rules.map(shapeOf),
      read: async () => (await s3.send(new GetBucketLifecycleConfigurationCommand({ Bucket }))).Rules?.map(shapeOf),
      fix: () =>
        s3.send(new PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration: { Rules: rules } })),
    },
    {
      what: 'policy',
      wanted: policy,
      read: async () => JSON.parse((await s3.send(new GetBucketPolicyCommand({ Bucket }))).Policy ?? 'null') as unknown,
      fix: () => s3.send(new PutBucketPolicyCommand({ Bucket, Policy: JSON.stringify(policy) })),
    },
  ];
  return {
    name: `bucket ${name}`,
    exists: () => found(() => s3.send(new HeadBucketCommand({ Bucket }))),
    create: async () => {
      const LocationConstraint = region as BucketLocationConstraint;
      // The oldest region is the one that must not be named.
      await s3.send(
        new CreateBucketCommand({
          Bucket,
          ...(region === 'us-east-1' ? {} : { CreateBucketConfiguration: { LocationConstraint } }),
        }),
      );
    },
    differences: async () => {
      const differences: Difference[] = [];
      for (const { what, wanted, read, fix } of aspects) {
        const is = await read().catch((error: unknown) => {
          // S3 answers an error for each of these where nothing is set.
          if (/^NoSuch|NotFound/.test((error as Error).name)) return undefined;
          throw error;
        });
        if (canonical(is) === canonical(wanted)) continue;
        differences.push({
          what,
          is: canonical(is),
          wanted: canonical(wanted),
          fix: async () => {
            await fix();
          },
        });
      }
      return differences;
    },
  };
}

/** Only what we ask for: S3 adds fields of its own. */
function shapeOf({ ID, Status, Filter, Expiration, AbortIncompleteMultipartUpload }: LifecycleRule): object {
  return {
    ID,
    Status,
    prefix: Filter?.Prefix ?? '',
    ...(Expiration?.Days === undefined ? {} : { days: Expiration.Days }),
    ...(AbortIncompleteMultipartUpload ? { abortAfter: AbortIncompleteMultipartUpload.DaysAfterInitiation } : {}),
  };
}
