import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  SetQueueAttributesCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import { deadLetterSuffix } from '../shared/queues';
import { canonical, type Difference, found, type Resource } from './resource';

export interface QueueOptions {
  name: string;
  account: string;
  region: string;
  visibilitySeconds: number;
}

const day = 86_400;

/** A queue after its dead-letter queue. The services dead-letter with a reason; the redrive policy is for those that die every time. */
export function queueWithDeadLetters(sqs: SQSClient, o: QueueOptions): Resource[] {
  const deadLetters = `${o.name}${deadLetterSuffix}`;
  const redrive = { deadLetterTargetArn: `arn:aws:sqs:${o.region}:${o.account}:${deadLetters}`, maxReceiveCount: 8 };
  return [
    queue(sqs, deadLetters, { MessageRetentionPeriod: String(14 * day), SqsManagedSseEnabled: 'true' }),
    queue(sqs, o.name, {
      VisibilityTimeout: String(o.visibilitySeconds),
      MessageRetentionPeriod: String(14 * day),
      ReceiveMessageWaitTimeSeconds: '20',
      SqsManagedSseEnabled: 'true',
      RedrivePolicy: JSON.stringify(redrive),
    }),
  ];
}

function queue(sqs: SQSClient, name: string, wanted: Record<string, string>): Resource {
  const url = async (): Promise<string> => (await sqs.send(new GetQueueUrlCommand({ QueueName: name }))).QueueUrl ?? '';
  return {
    name: `queue ${name}`,
    exists: () => found(url),
    create: async () => {
      await sqs.send(new CreateQueueCommand({ QueueName: name, Attributes: wanted }));
    },
    differences: async () => {
      const QueueUrl = await url();
      const { Attributes = {} } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['All'] }));
      const is = Attributes as Record<string, string | undefined>;
      const differing = Object.entries(wanted).filter(([key, value]) => normal(is[key]) !== normal(value));
      return differing.map(([key, value]): Difference => ({
        what: key,
        is: is[key] ?? 'not set',
        wanted: value,
        fix: async () => {
          await sqs.send(new SetQueueAttributesCommand({ QueueUrl, Attributes: { [key]: value } }));
        },
      }));
    },
  };
}

/** Equal for equal meaning: a redrive policy is JSON, with a number that may be a text. */
function normal(value: string | undefined): string {
  if (!value?.startsWith('{')) return value?.toLowerCase() ?? '';
  const { deadLetterTargetArn, maxReceiveCount } = JSON.parse(value) as Record<string, unknown>;
  return canonical({ deadLetterTargetArn, maxReceiveCount: Number(maxReceiveCount) });
}
