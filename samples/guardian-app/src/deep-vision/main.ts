import { setTimeout as sleep } from 'node:timers/promises';
import { Gauge, Histogram } from 'prom-client';
import { z } from 'zod';
import { documentClient, s3Client, sqsClient } from '../shared/aws';
import { jpegFrames, withVideoFile } from '../shared/frames';
import { consume } from '../shared/queue-consumer';
import { Queues } from '../shared/queues';
import { runService } from '../shared/service';
import { consumerSettings, currentSecret, queueNames, readSettings } from '../shared/settings';
import { VideoStore } from '../shared/video-store';
import { ModelEndpoint } from './model-endpoint';

const schema = consumerSettings.extend({
  ...queueNames.shape,
  VIDEO_BUCKET: z.string().min(1),
  /** Written into guardian-config by the pipeline; until then videos wait in the queue. */
  NSFW_MODEL_ENDPOINT: z.url().optional(),
  VIOLENCE_MODEL_ENDPOINT: z.url().optional(),
  SCREEN_TIMEOUT_SECONDS: z.coerce.number().positive().default(5),
  MAX_FRAMES: z.coerce.number().int().min(1).max(600).default(24),
  FRAME_PIXELS: z.coerce.number().int().min(32).max(4096).default(448),
  BATCH_FRAMES: z.coerce.number().int().min(1).max(64).default(8),
  CIRCUIT_OPEN_SECONDS: z.coerce.number().positive().default(15),
});

const settings = (): z.infer<typeof schema> => readSettings(schema);

await runService('deep-vision', settings, context => {
  const values = settings();
  const { registry, log } = context;
  const [sqs, s3, store] = [sqsClient(), s3Client(), new VideoStore(documentClient(), values)];
  const queues = new Queues(sqs);
  const duration = new Histogram({
    name: 'guardian_endpoint_duration_seconds',
    help: 'Time of one call of a model endpoint',
    labelNames: ['endpoint', 'status'] as const,
    registers: [registry],
  });
  const endpoint = (name: string, url: string | undefined, keyName: string): ModelEndpoint | undefined =>
    url === undefined
      ? undefined
      : new ModelEndpoint({
          ...{ name, url, duration },
          // One key may serve both endpoints.
          key: () => currentSecret(keyName) ?? currentSecret('MODEL_ENDPOINT_KEY'),
          timeoutSeconds: values.SCREEN_TIMEOUT_SECONDS,
          batchFrames: values.BATCH_FRAMES,
          openSeconds: values.CIRCUIT_OPEN_SECONDS,
        });
  const nsfw = endpoint('nsfw', values.NSFW_MODEL_ENDPOINT, 'MODEL_ENDPOINT_KEY');
  const violence = endpoint('violence', values.VIOLENCE_MODEL_ENDPOINT, 'VIOLENCE_MODEL_ENDPOINT_KEY');
  if (!nsfw || !violence)
    log.warn('NSFW_MODEL_ENDPOINT or VIOLENCE_MODEL_ENDPOINT is not set yet: videos wait in the queue');
  const pause = (): number => Math.max(nsfw?.pausedFor ?? 0, violence?.pausedFor ?? 0);
  new Gauge({
    name: 'guardian_circuit_open',
    help: '1 while a model endpoint is not called because it failed again and again',
    registers: [registry],
    collect() {
      this.set(pause() > 0 ? 1 : 0);
    },
  });

  return {
    run: async () => {
      // Pods that were configured replace this one: the pipeline restarts them.
      if (!nsfw || !violence) return;
      await consume({
        ...context,
        ...{ stage: 'deep-vision', queue: values.GPU_QUEUE, sqs, queues, store, settings: values, lanes: 2, batch: 1 },
        gate: async signal => {
          for (let milliseconds = pause(); milliseconds > 0; milliseconds = pause()) {
            await sleep(milliseconds, undefined, { signal });
          }
        },
        handle: async (video, { videoId, correlationId }, messageLog) => {
          if (!video.analysis) {
            const object = { bucket: values.VIDEO_BUCKET, key: video.objectKey };
            const frames = await withVideoFile(s3, object, (file, folder) =>
              jpegFrames(file, folder, values.MAX_FRAMES, values.FRAME_PIXELS),
            );
            const findings = await Promise.all([nsfw.judge(frames), violence.judge(frames)]);
            const analysis = { nsfw: findings[0], violence: findings[1] };
            await store.change(video, {
              set: { analysis, status: 'analysed' },
              unless: ['analysis'],
              event: { type: 'analysed', actor: 'deep-vision', detail: { ...analysis } },
            });
            messageLog.info({ nsfw: analysis.nsfw.answeredBy, violence: analysis.violence.answeredBy }, 'analysed');
          }
          // Also when it was analysed before: the process may have ended between the record and the message.
          await queues.send(values.POLICY_QUEUE, { videoId, correlationId });
        },
      });
    },
  };
});
