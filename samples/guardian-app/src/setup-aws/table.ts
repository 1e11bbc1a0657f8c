import {
  CreateTableCommand,
  DescribeContinuousBackupsCommand,
  DescribeTableCommand,
  DescribeTimeToLiveCommand,
  type DynamoDBClient,
  type KeySchemaElement,
  type TableDescription,
  UpdateContinuousBackupsCommand,
  UpdateTableCommand,
  UpdateTimeToLiveCommand,
  waitUntilTableExists,
} from '@aws-sdk/client-dynamodb';
import { canonical, type Difference, found, type Resource } from './resource';

export interface TableOptions {
  name: string;
  /** Text attributes: partition key, and sort key. */
  keys: [string] | [string, string];
  index?: { name: string; keys: [string, string] };
  timeToLive?: string;
}

const keySchema = (keys: string[]): KeySchemaElement[] =>
  keys.map((AttributeName, index) => ({ AttributeName, KeyType: index === 0 ? 'HASH' : 'RANGE' }));

/** Pay per request, with point-in-time recovery. The keys of a table cannot be changed: another table would be needed. */
export function table(client: DynamoDBClient, o: TableOptions): Resource {
  const TableName = o.name;
  const describe = async (): Promise<TableDescription> =>
    (await client.send(new DescribeTableCommand({ TableName }))).Table ?? {};
  const attributes = [...new Set([...o.keys, ...(o.index?.keys ?? [])])].map(AttributeName => ({
    AttributeName,
    AttributeType: 'S' as const,
  }));
  const index = o.index && {
    IndexName: o.index.name,
    KeySchema: keySchema(o.index.keys),
    Projection: { ProjectionType: 'ALL' as const },
  };
  const active = async (): Promise<void> => {
    await waitUntilTableExists({ client, maxWaitTime: 300, minDelay: 1 }, { TableName });
  };
  return {
    name: `table ${o.name}`,
    exists: () => found(describe),
    create: async () => {
      await client.send(
        new CreateTableCommand({
          TableName,
          KeySchema: keySchema(o.keys),
          AttributeDefinitions: attributes,
          BillingMode: 'PAY_PER_REQUEST',
          ...(index ? { GlobalSecondaryIndexes: [index] } : {}),
        }),
      );
      await active();
    },
    differences: async () => {
      const differences: Difference[] = [];
      const is = await describe();
      const add = (what: string, now: unknown, wanted: unknown, fix?: () => Promise<unknown>): void => {
        if (canonical(now) === canonical(wanted)) return;
        differences.push({
          what,
          is: canonical(now),
          wanted: canonical(wanted),
          ...(fix
            ? {
                fix: async () => {
                  await fix();
                },
              }
            : {}),
        });
      };
      add('keys', is.KeySchema, keySchema(o.keys));
      add('billing mode', is.BillingModeSummary?.BillingMode ?? 'PROVISIONED', 'PAY_PER_REQUEST', async () => {
        await client.send(new UpdateTableCommand({ TableName, BillingMode: 'PAY_PER_REQUEST' }));
        await active();
      });
      if (index) {
        const there = is.GlobalSecondaryIndexes?.find(({ IndexName }) => IndexName === index.IndexName);
        // One with other keys is left alone: who made it may need it.
        if (there) add(`keys of index ${index.IndexName}`, there.KeySchema, index.KeySchema);
        else
          add(`index ${index.IndexName}`, undefined, index.KeySchema, async () => {
            await client.send(
              new UpdateTableCommand({
                TableName,
                AttributeDefinitions: attributes,
                GlobalSecondaryIndexUpdates: [{ Create: index }],
              }),
            );
            await active();
          });
      }
      if (o.timeToLive !== undefined) {
        const { TimeToLiveDescription: ttl } = await client.send(new DescribeTimeToLiveCommand({ TableName }));
        const now = ttl?.TimeToLiveStatus?.startsWith('ENABL') ? ttl.AttributeName : undefined;
        const TimeToLiveSpecification = { AttributeName: o.timeToLive, Enabled: true };
        // With another attribute it must be switched off first, and AWS wants an hour between two changes.
        const fix =
          now === undefined
            ? () => client.send(new UpdateTimeToLiveCommand({ TableName, TimeToLiveSpecification }))
            : undefined;
        add('time to live', now, o.timeToLive, fix);
      }
      const { ContinuousBackupsDescription: backups } = await client.send(
        new DescribeContinuousBackupsCommand({ TableName }),
      );
      const recovery = backups?.PointInTimeRecoveryDescription?.PointInTimeRecoveryStatus;
      add('point-in-time recovery', recovery, 'ENABLED', () =>
        client.send(
          new UpdateContinuousBackupsCommand({
            TableName,
            PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
          }),
        ),
      );
      return differences;
    },
  };
}
