import { TransactionCanceledException } from '@aws-sdk/client-dynamodb';
import {
  type DynamoDBDocumentClient,
  GetCommand,
  PutCommand,
  QueryCommand,
  TransactWriteCommand,
  UpdateCommand,
} from '@aws-sdk/lib-dynamodb';
import type { Status, Video } from './video';

/** One line of the audit log in guardian-events. */
export interface AuditEvent {
  /** What happened; once per video, unless a suffix makes it another event. */
  type: string;
  actor: string;
  detail?: Record<string, unknown>;
}

export interface Change {
  set: Partial<Omit<Video, 'videoId'>>;
  remove?: (keyof Video)[];
  /** Parts that must not be there yet. */
  unless?: (keyof Video)[];
  /** What the status must be. */
  from?: Status[];
  /** Another condition, in DynamoDB's language, with its values. */
  when?: { expression: string; names: Record<string, string>; values: Record<string, unknown> };
  event: AuditEvent;
}

/** The videos and their audit log. Every change of a record and its event are one transaction: both are there, or neither. */
export class VideoStore {
  constructor(
    private readonly client: DynamoDBDocumentClient,
    private readonly settings: { VIDEOS_TABLE: string; EVENTS_TABLE: string; EVENT_DAYS: number },
  ) {}

  async get(videoId: string): Promise<Video | undefined> {
    const { Item } = await this.client.send(
      new GetCommand({ TableName: this.settings.VIDEOS_TABLE, Key: { videoId }, ConsistentRead: true }),
    );
    return Item as Video | undefined;
  }

  /** @returns false when there is one of that id already */
  create(video: Video, event: AuditEvent): Promise<boolean> {
    return this.transact([
      {
        Put: {
          TableName: this.settings.VIDEOS_TABLE,
          Item: video,
          ConditionExpression: 'attribute_not_exists(videoId)',
        },
      },
      this.put(video, event),
    ]);
  }

  /** @returns false when a condition does not hold, or the event is in the log already: somebody else was first */
  change(video: Pick<Video, 'videoId' | 'correlationId'>, change: Change): Promise<boolean> {
    const names: Record<string, string> = { ...change.when?.names };
    const values: Record<string, unknown> = { ...change.when?.values };
    const name = (key: string): string => {
      names[`#${key}`] = key;
      return `#${key}`;
    };
    const sets = Object.entries(change.set).map(([key, value]) => {
      values[`:${key}`] = value;
      return `${name(key)} = :${key}`;
    });
    const removes = (change.remove ?? []).map(name);
    const conditions = [
      'attribute_exists(videoId)',
      ...(change.unless ?? []).map(key => `attribute_not_exists(${name(key)})`),
    ];
    if (change.from) {
      change.from.forEach((status, index) => (values[`:from${index}`] = status));
      conditions.push(`${name('status')} IN (${change.from.map((_, index) => `:from${index}`).join(', ')})`);
    }
    if (change.when) conditions.push(`(${change.when.expression})`);
    return this.transact([
      {
        Update: {
          TableName: this.settings.VIDEOS_TABLE,
          Key: { videoId: video.videoId },
          UpdateExpression: `SET ${sets.join(', ')}${removes.length > 0 ? ` REMOVE ${removes.join(', ')}` : ''}`,
          ConditionExpression: conditions.join(' AND '),
          ExpressionAttributeNames: names,
          ExpressionAttributeValues: values,
        },
      },
      this.put(video, change.event),
    ]);
  }

  /** Says on the record that a stage gave up, unless it is decided. */
  async fail(videoId: string, failure: { stage: string; reason: string }): Promise<void> {
    try {
      await this.client.send(
        new UpdateCommand({
          TableName: this.settings.VIDEOS_TABLE,
          Key: { videoId },
          UpdateExpression: 'SET #status = :failed, failure = :failure',
          ConditionExpression: 'attribute_exists(videoId) AND attribute_not_exists(decision)',
          ExpressionAttributeNames: { '#status': 'status' },
          ExpressionAttributeValues: { ':failed': 'failed', ':failure': failure },
        }),
      );
    } catch (error) {
      if ((error as Error).name !== 'ConditionalCheckFailedException') throw error;
    }
  }

  /** @returns false when the log has it already */
  async addEvent(video: Pick<Video, 'videoId' | 'correlationId'>, event: AuditEvent): Promise<boolean> {
    try {
      await this.client.send(new PutCommand(this.put(video, event).Put));
      return true;
    } catch (error) {
      if ((error as Error).name === 'ConditionalCheckFailedException') return false;
      throw error;
    }
  }

  async events(videoId: string): Promise<Record<string, unknown>[]> {
    const { Items = [] } = await this.client.send(
      new QueryCommand({
        TableName: this.settings.EVENTS_TABLE,
        KeyConditionExpression: 'videoId = :videoId',
        ExpressionAttributeValues: { ':videoId': videoId },
        ConsistentRead: true,
      }),
    );
    return Items.sort((a, b) => String(a['at']).localeCompare(String(b['at'])));
  }

  /** The oldest first. `cursor` is what an earlier call gave. */
  async list(query: {
    status: Status;
    limit: number;
    uploadedBy?: string;
    cursor?: string;
  }): Promise<{ videos: Video[]; cursor?: string }> {
    const { Items = [], LastEvaluatedKey } = await this.client.send(
      new QueryCommand({
        TableName: this.settings.VIDEOS_TABLE,
        IndexName: 'by-status',
        KeyConditionExpression: '#status = :status',
        ExpressionAttributeNames: { '#status': 'status' },
        ExpressionAttributeValues: {
          ':status': query.status,
          ...(query.uploadedBy === undefined ? {} : { ':by': query.uploadedBy }),
        },
        ...(query.uploadedBy === undefined ? {} : { FilterExpression: 'uploadedBy = :by' }),
        Limit: query.limit,
        ...(query.cursor === undefined
          ? {}
          : {
              ExclusiveStartKey: JSON.parse(Buffer.from(query.cursor, 'base64url').toString()) as Record<
                string,
                unknown
              >,
            }),
      }),
    );
    return {
      videos: Items as Video[],
      ...(LastEvaluatedKey ? { cursor: Buffer.from(JSON.stringify(LastEvaluatedKey)).toString('base64url') } : {}),
    };
  }

  private put(
    { videoId, correlationId }: Pick<Video, 'videoId' | 'correlationId'>,
    { type, actor, detail }: AuditEvent,
  ): { Put: { TableName: string; Item: Record<string, unknown>; ConditionExpression: string } } {
    const now = new Date();
    return {
      Put: {
        TableName: this.settings.EVENTS_TABLE,
        Item: {
          videoId,
          eventId: type,
          at: now.toISOString(),
          actor,
          correlationId,
          ...(detail ? { detail } : {}),
          expiresAt: Math.floor(now.getTime() / 1000) + this.settings.EVENT_DAYS * 86_400,
        },
        ConditionExpression: 'attribute_not_exists(eventId)',
      },
    };
  }

  private async transact(
    items: NonNullable<ConstructorParameters<typeof TransactWriteCommand>[0]['TransactItems']>,
  ): Promise<boolean> {
    try {
      await this.client.send(new TransactWriteCommand({ TransactItems: items }));
      return true;
    } catch (error) {
      const reasons = error instanceof TransactionCanceledException ? (error.CancellationReasons ?? []) : [];
      if (reasons.some(reason => reason.Code === 'ConditionalCheckFailed')) return false;
      throw error;
    }
  }
}
