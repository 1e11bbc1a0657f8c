import { createHash } from 'node:crypto';

/**
 * AWS by its wire protocols, without the SDK: what a test changes or looks at "by hand" does not go through the code it tests. The
 * stand-in reads the service from the signature's scope and does not check the signature.
 */
export class AwsWire {
  constructor(private readonly url: string) {}

  /** SQS and DynamoDB: JSON with the operation in a header. */
  async json<T>(service: 'sqs' | 'dynamodb', operation: string, body: object): Promise<T> {
    const target = service === 'sqs' ? 'AmazonSQS' : 'DynamoDB_20120810';
    const response = await fetch(this.url, {
      method: 'POST',
      headers: {
        ...scope(service),
        'content-type': `application/x-amz-json-1.0`,
        'x-amz-target': `${target}.${operation}`,
      },
      body: JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${operation} was answered ${response.status}: ${text}`);
    return JSON.parse(text) as T;
  }

  async s3(method: string, path: string, body?: string): Promise<{ status: number; text: string }> {
    const checksum = body === undefined ? {} : { 'content-md5': createHash('md5').update(body).digest('base64') };
    const response = await fetch(`${this.url}${path}`, {
      method,
      headers: { ...scope('s3'), ...checksum },
      ...(body === undefined ? {} : { body }),
    });
    return { status: response.status, text: await response.text() };
  }

  async iam(parameters: Record<string, string>): Promise<string> {
    const response = await fetch(this.url, {
      method: 'POST',
      headers: { ...scope('iam'), 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ Version: '2010-05-08', ...parameters }).toString(),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${parameters['Action'] ?? ''} was answered ${response.status}: ${text}`);
    return text;
  }

  async queueUrl(name: string): Promise<string> {
    return (await this.json<{ QueueUrl: string }>('sqs', 'GetQueueUrl', { QueueName: name })).QueueUrl;
  }

  /** Messages that wait, are hidden or are delayed. */
  async messagesIn(name: string): Promise<number> {
    const { Attributes } = await this.json<{ Attributes: Record<string, string> }>('sqs', 'GetQueueAttributes', {
      QueueUrl: await this.queueUrl(name),
      AttributeNames: ['All'],
    });
    return ['', 'NotVisible', 'Delayed'].reduce(
      (sum, state) => sum + Number(Attributes[`ApproximateNumberOfMessages${state}`]),
      0,
    );
  }
}

function scope(service: string): Record<string, string> {
  return {
    authorization: `AWS4-HMAC-SHA256 Credential=test/20260101/eu-west-1/${service}/aws4_request, SignedHeaders=host, Signature=0`,
  };
}
