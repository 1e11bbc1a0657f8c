import { parseArgs } from 'node:util';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { IAMClient } from '@aws-sdk/client-iam';
import { SQSClient } from '@aws-sdk/client-sqs';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { s3Client } from '../shared/aws';
import { messageOf } from '../shared/failure';
import { guardianResources } from './guardian-resources';
import { setUp } from './resource';

const help = `Makes the application's resources on AWS, or brings them back to what they should be. Safe to repeat.

  node dist/setup-aws.mjs [--plan] [--prefix guardian] [--keep-days 30]

  --plan        say what would be done, and do nothing
  --prefix      begins every name
  --keep-days   days until videos are deleted

Region and credentials are the AWS SDK's: AWS_REGION, AWS_PROFILE, AWS_ENDPOINT_URL, ...
Ends with 0 when all is as wanted, 2 when something differs that AWS does not let be changed, 1 on an error.`;

try {
  const { values } = parseArgs({
    options: {
      plan: { type: 'boolean', default: false },
      prefix: { type: 'string', default: 'guardian' },
      'keep-days': { type: 'string', default: '30' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) console.log(help);
  else process.exitCode = await main(values.prefix, Number(values['keep-days']), values.plan);
} catch (error) {
  console.error(`setup-aws: ${messageOf(error)}`);
  process.exitCode = 1;
}

async function main(prefix: string, keepDays: number, plan: boolean): Promise<number> {
  if (!/^[a-z][a-z0-9-]{1,30}$/.test(prefix))
    throw new Error('--prefix: small letters, digits and hyphens, 31 at most.');
  if (!Number.isInteger(keepDays) || keepDays < 1) throw new Error('--keep-days: a whole number of days, 1 at least.');
  const sqs = new SQSClient();
  const region = await sqs.config.region();
  const { Account } = await new STSClient().send(new GetCallerIdentityCommand());
  if (Account === undefined) throw new Error('STS did not say which account this is.');
  const clients = { s3: s3Client(), sqs, dynamo: new DynamoDBClient(), iam: new IAMClient() };
  const names = { account: Account, region, prefix, keepDays };
  const lines = await setUp(guardianResources(clients, names), plan, ({ resource, action, detail }) => {
    console.log(`${action.padEnd(13)} ${resource}${detail === undefined ? '' : ` (${detail})`}`);
  });
  const differing = lines.filter(({ action }) => action === 'differs');
  const changed = lines.filter(({ action }) => action !== 'unchanged').length - differing.length;
  console.log(
    `${plan ? 'Would make' : 'Made'} ${changed} changes in account ${Account}, ${region}; ${differing.length} differences remain.`,
  );
  if (differing.length > 0)
    console.log('What differs cannot be changed in place: take its content elsewhere, delete it and run this again.');
  return differing.length > 0 ? 2 : 0;
}
