import { z } from 'zod';
import { documentClient, sqsClient } from '../shared/aws';
import { Poison } from '../shared/failure';
import { consume } from '../shared/queue-consumer';
import { Queues } from '../shared/queues';
import { runService } from '../shared/service';
import { consumerSettings, currentSecret, queueNames, readSettings } from '../shared/settings';
import { VideoStore } from '../shared/video-store';
import { type Channel, mail, webhook } from './deliver';

const schema = consumerSettings.extend({
  ...queueNames.shape,
  /** Where notices go; without any of the two they stand in the audit log and in this service's own log only. */
  WEBHOOK_URL: z.url().optional(),
  SMTP_URL: z.url({ protocol: /^smtps?$/ }).optional(),
  MAIL_FROM: z.string().includes('@').optional(),
  /** Addresses, separated by commas. */
  MAIL_TO: z.string().includes('@').optional(),
});
type Settings = z.infer<typeof schema>;

const settings = (): Settings => {
  const values = readSettings(schema);
  const mailing = [values.SMTP_URL, values.MAIL_FROM, values.MAIL_TO];
  if (mailing.some(value => value !== undefined) && mailing.includes(undefined))
    throw new Error('To send mail, SMTP_URL, MAIL_FROM and MAIL_TO are needed, all three.');
  return values;
};

function channelsOf({ WEBHOOK_URL, SMTP_URL, MAIL_FROM, MAIL_TO }: Settings): Channel[] {
  const channels: Channel[] = [];
  if (WEBHOOK_URL !== undefined) channels.push(webhook(WEBHOOK_URL, () => currentSecret('WEBHOOK_SECRET')));
  if (SMTP_URL !== undefined && MAIL_FROM !== undefined && MAIL_TO !== undefined)
    channels.push(mail({ url: SMTP_URL, from: MAIL_FROM, to: MAIL_TO }, () => currentSecret('SMTP_PASSWORD')));
  return channels;
}

await runService('notification', settings, context => {
  const values = settings();
  const [sqs, store] = [sqsClient(), new VideoStore(documentClient(), values)];
  const channels = channelsOf(values);
  return {
    run: () =>
      consume({
        ...context,
        ...{
          stage: 'notification',
          queue: values.NOTIFICATION_QUEUE,
          sqs,
          queues: new Queues(sqs),
          store,
          settings: values,
          lanes: 2,
          batch: 10,
        },
        handle: async (video, { videoId }, log) => {
          const { decision, policy, correlationId, fileName } = video;
          if (!policy) throw new Poison(`The video ${videoId} is not decided: there is nothing to tell.`);
          const type = decision ? 'decided' : 'review-requested';
          const event = `notified#${type}`;
          const told = new Set((await store.events(videoId)).map(({ eventId }) => eventId));
          // Told before: a repeated message, or one that a crash brought back.
          if (told.has(event)) return;
          const { outcome, reasons } = decision ?? policy;
          const at = decision?.decidedAt ?? new Date().toISOString();
          const notice = {
            id: `${videoId}-${type}`,
            type,
            videoId,
            correlationId,
            fileName,
            outcome,
            reasons,
            at,
          } as const;
          const open = channels.filter(({ name }) => !told.has(`delivered#${type}#${name}`));
          const results = await Promise.allSettled(
            open.map(async ({ name, to, deliver }) => {
              await deliver(notice);
              // While another one fails, this one is not told again.
              if (open.length > 1)
                await store.addEvent(video, {
                  type: `delivered#${type}#${name}`,
                  actor: 'notification',
                  detail: { to },
                });
            }),
          );
          const failed = results.find(result => result.status === 'rejected');
          if (failed) throw failed.reason;
          const to = channels.map(channel => channel.to);
          await store.addEvent(video, { type: event, actor: 'notification', detail: { outcome, to } });
          log.info({ type, outcome }, 'notified');
        },
      }),
  };
});
