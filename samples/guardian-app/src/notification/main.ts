import { z } from 'zod';
import { documentClient, sqsClient } from '../shared/aws';
import { Poison } from '../shared/failure';
import { consume } from '../shared/queue-consumer';
import { Queues } from '../shared/queues';
import { runService } from '../shared/service';
import { consumerSettings, currentSecret, queueNames, readSettings } from '../shared/settings';
import { VideoStore } from '../shared/video-store';
import { type Deliver, webhook } from './deliver';

const schema = consumerSettings.extend({
  ...queueNames.shape,
  /** Where notices go; without it they stand in the audit log and in this service's own log only. */
  WEBHOOK_URL: z.url().optional(),
});

const settings = (): z.infer<typeof schema> => readSettings(schema);

await runService('notification', settings, context => {
  const values = settings();
  const [sqs, store] = [sqsClient(), new VideoStore(documentClient(), values)];
  const { WEBHOOK_URL } = values;
  const deliver: Deliver =
    WEBHOOK_URL === undefined ? () => Promise.resolve() : webhook(WEBHOOK_URL, () => currentSecret('WEBHOOK_SECRET'));
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
          // Told before: a repeated message, or one that a crash brought back.
          if ((await store.events(videoId)).some(({ eventId }) => eventId === event)) return;
          const { outcome, reasons } = decision ?? policy;
          const at = decision?.decidedAt ?? new Date().toISOString();
          await deliver({ id: `${videoId}-${type}`, type, videoId, correlationId, fileName, outcome, reasons, at });
          await store.addEvent(video, {
            type: event,
            actor: 'notification',
            detail: { outcome, to: WEBHOOK_URL ?? 'log' },
          });
          log.info({ type, outcome }, 'notified');
        },
      }),
  };
});
