import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { S3Client } from '@aws-sdk/client-s3';
import { SQSClient } from '@aws-sdk/client-sqs';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';

/**
 * The clients, configured as they always are: AWS_REGION, the default chain of credentials, and AWS_ENDPOINT_URL (or
 * AWS_ENDPOINT_URL_S3, _SQS, _DYNAMODB) for other endpoints.
 */
export function documentClient(): DynamoDBDocumentClient {
  return DynamoDBDocumentClient.from(new DynamoDBClient(), { marshallOptions: { removeUndefinedValues: true } });
}

export function sqsClient(): SQSClient {
  return new SQSClient();
}

/** With an endpoint of one's own the bucket stands in the path: its name is no host name there. */
export function s3Client(): S3Client {
  const hasOwnEndpoint = Boolean(process.env['AWS_ENDPOINT_URL_S3'] ?? process.env['AWS_ENDPOINT_URL']);
  return new S3Client({ forcePathStyle: hasOwnEndpoint });
}
