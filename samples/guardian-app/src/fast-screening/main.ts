import { createHash } from 'node:crypto';
import { z } from 'zod';
import { documentClient, s3Client, sqsClient } from '../shared/aws';
import { rawFrames, withVideoFile } from '../shared/frames';
import { consume } from '../shared/queue-consumer';
import { Queues } from '../shared/queues';
import { runService } from '../shared/service';
import { consumerSettings, queueNames, readSettings } from '../shared/settings';
import type { Screening } from '../shared/video';
import { VideoStore } from '../shared/video-store';
import { riskOf, signalsOf } from './signals';

const schema = consumerSettings.extend({
  ...queueNames.shape,
  VIDEO_BUCKET: z.string().min(1),
  SCREEN_RISK_THRESHOLD: z.coerce.number().min(0).max(1).default(0.2),
  /** Share of the harmless-looking videos, in percent, that the models see all the same. */
  SCREEN_SAMPLE_PERCENT: z.coerce.number().min(0).max(100).default(5),
});
const [frameCount, frameSize] = [12, 48];

const settings = (): z.infer<typeof schema> => readSettings(schema);

await runService('fast-screening', settings, context => {
  const values = settings();
  const [sqs, s3, store] = [sqsClient(), s3Client(), new VideoStore(documentClient(), values)];
  const queues = new Queues(sqs);

  const screen = async (videoId: string, key: string): Promise<Screening> => {
    const frames = await withVideoFile(s3, { bucket: values.VIDEO_BUCKET, key }, file =>
      rawFrames(file, frameCount, frameSize),
    );
    const signals = signalsOf(frames);
    const risk = riskOf(signals);
    const isSampled = drawOf(videoId) * 100 < values.SCREEN_SAMPLE_PERCENT;
    const route = risk >= values.SCREEN_RISK_THRESHOLD ? 'high-risk' : isSampled ? 'sampled' : 'low-risk';
    return { risk, signals, route, frames: frames.length };
  };

  return {
    run: () =>
      consume({
        ...context,
        ...{
          stage: 'fast-screening',
          queue: values.VIDEO_QUEUE,
          sqs,
          queues,
          store,
          settings: values,
          lanes: 2,
          batch: 1,
        },
        handle: async (video, { videoId, correlationId }, log) => {
          let { screening } = video;
          if (!screening) {
            screening = await screen(videoId, video.objectKey);
            const isFirst = await store.change(video, {
              set: { screening, status: 'screened' },
              unless: ['screening'],
              event: { type: 'screened', actor: 'fast-screening', detail: { ...screening } },
            });
            if (!isFirst) screening = (await store.get(videoId))?.screening ?? screening;
            log.info({ risk: screening.risk, route: screening.route }, 'screened');
          }
          // Also when it was screened before: the process may have ended between the record and the message.
          const next = screening.route === 'low-risk' ? values.POLICY_QUEUE : values.GPU_QUEUE;
          await queues.send(next, { videoId, correlationId });
        },
      }),
  };
});

/** 0 to 1, always the same for the same video. */
function drawOf(videoId: string): number {
  return createHash('sha256').update(videoId).digest().readUInt32BE(0) / 2 ** 32;
}
