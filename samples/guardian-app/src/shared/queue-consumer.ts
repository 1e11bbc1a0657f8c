import { setTimeout as sleep } from 'node:timers/promises';
import {
  ChangeMessageVisibilityCommand,
  DeleteMessageBatchCommand,
  type Message,
  ReceiveMessageCommand,
  SendMessageCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import type { Logger } from 'pino';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import { isOutage, messageOf, Poison, problemsOf, Unavailable } from './failure';
import { deadLetterSuffix, type Queues } from './queues';
import { type Video, videoMessage, type VideoMessage } from './video';
import type { VideoStore } from './video-store';

export interface ConsumerOptions {
  stage: string;
  queue: string;
  sqs: SQSClient;
  queues: Queues;
  store: VideoStore;
  log: Logger;
  registry: Registry;
  signal: AbortSignal;
  settings: { VISIBILITY_SECONDS: number; DEFER_SECONDS: number; MAX_RECEIVES: number; POLL_SECONDS: number };
  /** Messages at once: that many loops, each with up to `batch` messages. */
  lanes: number;
  batch: number;
  /** Resolves when there is a point in taking work: waits while a circuit is open. */
  gate?: (signal: AbortSignal) => Promise<void>;
  /** Does the work of one message about a video. It may be called again for the same message, also at the same time. */
  handle: (video: Video, message: VideoMessage, log: Logger) => Promise<void>;
}

/**
 * Reads a queue until the signal aborts, then finishes what it has. Delivery is at least once: a message is deleted when its work
 * is done, and comes back when this process dies before.
 */
export async function consume(options: ConsumerOptions): Promise<void> {
  const worker = new QueueWorker(options);
  await Promise.all(Array.from({ length: options.lanes }, () => worker.run()));
}

class QueueWorker {
  private readonly handled: Counter<'result'>;
  private readonly duration: Histogram;
  private readonly inFlight: Gauge;

  constructor(private readonly o: ConsumerOptions) {
    const registers = [o.registry];
    this.handled = new Counter({
      name: 'guardian_messages_total',
      help: 'Messages by how they ended',
      labelNames: ['result'],
      registers,
    });
    this.duration = new Histogram({
      name: 'guardian_message_duration_seconds',
      help: 'Time of one message',
      registers,
    });
    this.inFlight = new Gauge({ name: 'guardian_messages_in_flight', help: 'Messages that are worked on', registers });
  }

  async run(): Promise<void> {
    const { signal, log, queue, settings } = this.o;
    while (!signal.aborted) {
      try {
        await this.o.gate?.(signal);
        const messages = await this.receive();
        const ended = await Promise.all(messages.map(message => this.process(message)));
        await this.delete(messages.filter((_, index) => ended[index]));
      } catch (error) {
        if (isAborted(signal)) return;
        log.error({ error: messageOf(error), queue }, 'the queue cannot be read; trying again');
        await sleep(Math.min(settings.DEFER_SECONDS, 5) * 1000, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  private async receive(): Promise<Message[]> {
    const { sqs, queues, queue, batch, settings, signal } = this.o;
    const { Messages = [] } = await sqs.send(
      new ReceiveMessageCommand({
        QueueUrl: await queues.url(queue),
        MaxNumberOfMessages: batch,
        WaitTimeSeconds: settings.POLL_SECONDS,
        VisibilityTimeout: settings.VISIBILITY_SECONDS,
        MessageSystemAttributeNames: ['ApproximateReceiveCount'],
      }),
      { abortSignal: signal },
    );
    return Messages;
  }

  /** @returns whether the message is done with and may be deleted */
  private async process(message: Message): Promise<boolean> {
    const stop = this.duration.startTimer();
    this.inFlight.inc();
    const extending = new AbortController();
    void this.extend(message, extending.signal);
    let log = this.o.log.child({ messageId: message.MessageId });
    let parsed: VideoMessage | undefined;
    try {
      parsed = parseMessage(message.Body);
      log = log.child({ correlationId: parsed.correlationId, videoId: parsed.videoId });
      const video = await this.o.store.get(parsed.videoId);
      if (!video) throw new Poison(`There is no record of the video ${parsed.videoId}.`);
      await this.o.handle(video, parsed, log);
      this.handled.inc({ result: 'done' });
      return true;
    } catch (error) {
      return await this.failed(message, parsed, error, log);
    } finally {
      extending.abort();
      this.inFlight.dec();
      stop();
    }
  }

  private async failed(
    message: Message,
    parsed: VideoMessage | undefined,
    error: unknown,
    log: Logger,
  ): Promise<boolean> {
    const { settings, queues, queue } = this.o;
    const reason = messageOf(error);
    const receives = Number(message.Attributes?.ApproximateReceiveCount ?? 1);
    try {
      if (parsed && (error instanceof Unavailable || isOutage(error))) {
        // A copy in its place: an outage, however long, must not use up the message's receives.
        await queues.send(queue, { firstSentAt: new Date().toISOString(), ...parsed }, settings.DEFER_SECONDS);
        log.warn({ reason, seconds: settings.DEFER_SECONDS }, 'deferred');
        this.handled.inc({ result: 'deferred' });
        return true;
      }
      if (error instanceof Poison || receives >= settings.MAX_RECEIVES) {
        await this.deadLetter(message, parsed, reason, receives);
        log.error({ reason, receives }, 'dead-lettered');
        this.handled.inc({ result: 'dead-lettered' });
        return true;
      }
    } catch (second) {
      log.error({ reason, error: messageOf(second) }, 'could not be put aside; it comes back by itself');
      return false;
    }
    log.error(
      { reason, receives, stack: error instanceof Error ? error.stack : undefined },
      'failed; it comes back by itself',
    );
    this.handled.inc({ result: 'failed' });
    return false;
  }

  private async deadLetter(
    message: Message,
    parsed: VideoMessage | undefined,
    reason: string,
    receives: number,
  ): Promise<void> {
    const { sqs, queues, queue, store, stage } = this.o;
    const text = (value: string): { DataType: string; StringValue: string } => ({
      DataType: 'String',
      StringValue: value,
    });
    await sqs.send(
      new SendMessageCommand({
        QueueUrl: await queues.url(queue + deadLetterSuffix),
        MessageBody: message.Body ?? '',
        MessageAttributes: {
          reason: text(reason.slice(0, 1000)),
          stage: text(stage),
          receives: text(String(receives)),
        },
      }),
    );
    if (!parsed) return;
    await store.fail(parsed.videoId, { stage, reason });
    await store.addEvent(parsed, { type: `dead-lettered#${stage}`, actor: stage, detail: { reason, receives } });
  }

  /** Keeps the message hidden from others while its work goes on. */
  private async extend(message: Message, signal: AbortSignal): Promise<void> {
    const { sqs, queues, queue, settings, log } = this.o;
    while (!signal.aborted) {
      const waited = await sleep((settings.VISIBILITY_SECONDS * 1000) / 2, true, { signal, ref: false }).catch(
        () => false,
      );
      if (!waited) return;
      try {
        await sqs.send(
          new ChangeMessageVisibilityCommand({
            QueueUrl: await queues.url(queue),
            ReceiptHandle: message.ReceiptHandle,
            VisibilityTimeout: settings.VISIBILITY_SECONDS,
          }),
        );
      } catch (error) {
        log.warn(
          { messageId: message.MessageId, error: messageOf(error) },
          'the message could not be kept hidden; another worker may take it',
        );
      }
    }
  }

  private async delete(messages: Message[]): Promise<void> {
    if (messages.length === 0) return;
    const { sqs, queues, queue, log } = this.o;
    const { Failed = [] } = await sqs.send(
      new DeleteMessageBatchCommand({
        QueueUrl: await queues.url(queue),
        Entries: messages.map((message, index) => ({ Id: String(index), ReceiptHandle: message.ReceiptHandle })),
      }),
    );
    for (const { Code, Message } of Failed)
      log.warn({ Code, Message }, 'a message could not be deleted; it comes back');
  }
}

/** Read anew: it changes while something is awaited. */
function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}

function parseMessage(body: string | undefined): VideoMessage {
  let value: unknown;
  try {
    value = JSON.parse(body ?? '');
  } catch {
    throw new Poison('The message is not JSON.');
  }
  const result = videoMessage.safeParse(value);
  if (!result.success) throw new Poison(`The message is not about a video: ${problemsOf(result.error).join(', ')}`);
  return result.data;
}
