import { GetQueueUrlCommand, SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import type { VideoMessage } from './video';

/** Suffix of a queue's dead-letter queue. */
export const deadLetterSuffix = '-dlq';

/** Queues by name; each name is looked up once. */
export class Queues {
  private readonly urls = new Map<string, string>();

  constructor(private readonly sqs: SQSClient) {}

  async url(name: string): Promise<string> {
    const known = this.urls.get(name);
    if (known !== undefined) return known;
    const { QueueUrl } = await this.sqs.send(new GetQueueUrlCommand({ QueueName: name }));
    if (QueueUrl === undefined) throw new Error(`SQS gave no URL for the queue ${name}.`);
    this.urls.set(name, QueueUrl);
    return QueueUrl;
  }

  async send(name: string, message: VideoMessage, delaySeconds = 0): Promise<void> {
    await this.sqs.send(
      new SendMessageCommand({
        QueueUrl: await this.url(name),
        MessageBody: JSON.stringify(message),
        ...(delaySeconds > 0 ? { DelaySeconds: delaySeconds } : {}),
      }),
    );
  }
}
