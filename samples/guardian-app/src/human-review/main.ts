import { z } from 'zod';
import { documentClient, sqsClient } from '../shared/aws';
import { problemsOf, Unavailable } from '../shared/failure';
import { Queues } from '../shared/queues';
import { runService } from '../shared/service';
import { commonSettings, currentSecret, queueNames, readSettings } from '../shared/settings';
import { VideoStore } from '../shared/video-store';
import { suggest } from './copilot';
import { ReviewRefused, Reviews } from './reviews';

const schema = commonSettings.extend({
  ...queueNames.shape,
  CLAIM_MINUTES: z.coerce.number().positive().default(15),
  /** `on` lets reviewers ask GPT-4o on Azure OpenAI for a suggestion. */
  COPILOT: z.enum(['on', 'off']).default('off'),
  AZURE_OPENAI_ENDPOINT: z.url().optional(),
  AZURE_OPENAI_DEPLOYMENT: z.string().min(1).default('gpt-4o'),
  AZURE_OPENAI_API_VERSION: z.string().min(1).default('2024-10-21'),
});

const settings = (): z.infer<typeof schema> => {
  const values = readSettings(schema);
  if (values.COPILOT === 'on' && values.AZURE_OPENAI_ENDPOINT === undefined)
    throw new Error('COPILOT is on: AZURE_OPENAI_ENDPOINT is needed too.');
  return values;
};

/** Who asks: set by the gateway from the verified token. The network policy lets nobody else in. */
const caller = z.object({ 'x-guardian-user': z.string().min(1) });
const decision = z.object({ outcome: z.enum(['approve', 'block']), comment: z.string().min(1).max(2000) });

await runService('human-review', settings, ({ app }) => {
  const values = settings();
  const store = new VideoStore(documentClient(), values);
  const reviews = new Reviews(store, new Queues(sqsClient()), values);

  app.setErrorHandler((error, request, reply) => {
    if (error instanceof ReviewRefused) return reply.code(error.status).send({ error: error.message });
    if (error instanceof Unavailable) return reply.code(503).send({ error: error.message });
    if (error instanceof z.ZodError) return reply.code(400).send({ error: problemsOf(error).join('; ') });
    request.log.error({ error: (error as Error).message, stack: (error as Error).stack }, 'failed');
    return reply.code(500).send({ error: 'internal error' });
  });

  app.get<{ Querystring: { limit?: string; cursor?: string } }>('/reviews', request =>
    reviews.list(Number(request.query.limit ?? 20), request.query.cursor),
  );
  app.post<{ Params: { videoId: string } }>('/reviews/:videoId/claim', request =>
    reviews.claim(request.params.videoId, caller.parse(request.headers)['x-guardian-user']),
  );
  app.post<{ Params: { videoId: string } }>('/reviews/:videoId/decision', async request => {
    const { outcome, comment } = decision.parse(request.body);
    const video = await reviews.decide(
      request.params.videoId,
      caller.parse(request.headers)['x-guardian-user'],
      outcome,
      comment,
    );
    request.log.info({ correlationId: video.correlationId, videoId: video.videoId, outcome }, 'decided by a person');
    return video;
  });
  app.get<{ Params: { videoId: string } }>('/reviews/:videoId/suggestion', async (request, reply) => {
    const { AZURE_OPENAI_ENDPOINT } = values;
    if (values.COPILOT === 'off' || AZURE_OPENAI_ENDPOINT === undefined)
      return reply.code(404).send({ error: 'The copilot is off.' });
    const key = currentSecret('AZURE_OPENAI_KEY');
    if (key === undefined) throw new Unavailable('There is no AZURE_OPENAI_KEY.');
    const video = await reviews.inReview(request.params.videoId);
    const answer = await suggest({ ...values, AZURE_OPENAI_ENDPOINT }, key, video);
    await store.addEvent(video, {
      type: `suggested#${new Date().toISOString()}`,
      actor: 'copilot',
      detail: { ...answer },
    });
    return answer;
  });
  return {};
});
