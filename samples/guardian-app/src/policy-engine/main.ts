import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { documentClient, sqsClient } from '../shared/aws';
import { consume } from '../shared/queue-consumer';
import { Queues } from '../shared/queues';
import { runService } from '../shared/service';
import { consumerSettings, queueNames, readSettings } from '../shared/settings';
import { VideoStore } from '../shared/video-store';
import { decide, readPolicy } from './policy';

const schema = consumerSettings.extend({
  ...queueNames.shape,
  POLICY_FILE: z
    .string()
    .min(1)
    .default(fileURLToPath(new URL('policies/default.json', import.meta.url))),
});

const settings = (): z.infer<typeof schema> => readSettings(schema);

await runService('policy-engine', settings, context => {
  const values = settings();
  const policy = readPolicy(values.POLICY_FILE);
  context.log.info({ policyVersion: policy.version, rules: policy.rules.length }, 'policy read');
  const [sqs, store] = [sqsClient(), new VideoStore(documentClient(), values)];
  const queues = new Queues(sqs);
  return {
    run: () =>
      consume({
        ...context,
        ...{
          stage: 'policy-engine',
          queue: values.POLICY_QUEUE,
          sqs,
          queues,
          store,
          settings: values,
          lanes: 2,
          batch: 10,
        },
        handle: async (video, { videoId, correlationId }, log) => {
          if (!video.policy) {
            const decision = decide(policy, video);
            const { outcome, reasons } = decision;
            const isFirst = await store.change(video, {
              set:
                outcome === 'review'
                  ? { policy: decision, status: 'in-review' }
                  : {
                      policy: decision,
                      status: 'decided',
                      decision: {
                        outcome,
                        reasons,
                        decidedBy: `policy ${decision.policyVersion}`,
                        decidedAt: new Date().toISOString(),
                      },
                    },
              unless: ['policy'],
              event: {
                type: outcome === 'review' ? 'review-requested' : 'decided',
                actor: 'policy-engine',
                detail: { ...decision },
              },
            });
            if (isFirst) log.info({ outcome, reasons }, 'decided');
          }
          // Also when it was decided before: the process may have ended between the record and the message.
          await queues.send(values.NOTIFICATION_QUEUE, { videoId, correlationId });
        },
      }),
  };
});
