import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import rateLimit from '@fastify/rate-limit';
import swagger from '@fastify/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { documentClient } from '../shared/aws';
import { messageOf } from '../shared/failure';
import { correlationHeader, runService } from '../shared/service';
import { commonSettings, currentSecret, readSettings } from '../shared/settings';
import { statuses, type Status, type Video } from '../shared/video';
import { VideoStore } from '../shared/video-store';
import { accessCheck, AccessRefused, type Caller, requireRole } from './access';
import * as schemas from './schemas';

const schema = commonSettings.extend({
  INGESTION_URL: z.url(),
  HUMAN_REVIEW_URL: z.url(),
  JWT_ISSUER: z.string().min(1),
  JWT_AUDIENCE: z.string().min(1).default('guardian'),
  JWT_JWKS_URL: z.url().optional(),
  REQUESTS_PER_MINUTE: z.coerce.number().int().positive().default(300),
});

const settings = (): z.infer<typeof schema> => readSettings(schema);

await runService('api-gateway', settings, async ({ app }) => {
  const values = settings();
  const store = new VideoStore(documentClient(), values);
  const check = accessCheck(values, currentSecret('JWT_SECRET'));
  const callers = new WeakMap<FastifyRequest, Caller>();
  const callerOf = (request: FastifyRequest): Caller => {
    const caller = callers.get(request);
    if (!caller) throw new AccessRefused(401, 'A bearer token is needed.');
    return caller;
  };

  await app.register(swagger, {
    openapi: {
      info: { title: 'Guardian', description: 'Video moderation', version: '1.0.0' },
      components: { securitySchemes: { token: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } } },
      security: [{ token: [] }],
    },
  });
  await app.register(rateLimit, {
    global: false,
    max: values.REQUESTS_PER_MINUTE,
    timeWindow: '1 minute',
    keyGenerator: request => callers.get(request)?.name ?? request.ip,
  });
  // Counts per caller, so after the token is known; who has none is counted by address.
  const limit = app.rateLimit();

  app.setErrorHandler((error: Error & { statusCode?: number }, request, reply) => {
    const status = error instanceof AccessRefused ? error.status : (error.statusCode ?? 500);
    if (status >= 500) request.log.error({ error: error.message, correlationId: request.id }, 'failed');
    return reply.code(status).send({ error: status === 500 ? 'internal error' : error.message });
  });

  /** Passes a call on to a service behind, with who calls. */
  const pass = async (
    request: FastifyRequest,
    reply: FastifyReply,
    url: string,
    body?: unknown,
  ): Promise<FastifyReply> => {
    let response: Response;
    try {
      response = await fetch(url, {
        method: request.method,
        headers: {
          [correlationHeader]: request.id,
          'x-guardian-user': callerOf(request).name,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(30_000),
      });
    } catch (error) {
      request.log.error({ error: messageOf(error), url }, 'the service behind cannot be reached');
      return reply
        .code(503)
        .header('retry-after', '5')
        .send({ error: 'The service behind cannot be reached now; try again.' });
    }
    return reply
      .code(response.status)
      .type('application/json')
      .send(await response.text());
  };
  const videoUrl = (base: string, path: string, id: string, action: string): string =>
    `${base.replace(/\/$/, '')}/${path}/${encodeURIComponent(id)}/${action}`;

  type OfVideo = FastifyRequest<{ Params: { videoId: string } }>;
  /** The video, for who uploaded it and for reviewers. */
  const visible = async (request: OfVideo): Promise<Video | undefined> => {
    const caller = callerOf(request);
    requireRole(caller, 'uploader', 'reviewer');
    const video = await store.get(request.params.videoId);
    return video?.uploadedBy === caller.name || caller.roles.includes('reviewer') ? video : undefined;
  };
  /** Whose video it is, is nobody else's business: not there and not yours look alike. */
  const notThere = (request: OfVideo, reply: FastifyReply): FastifyReply =>
    reply.code(404).send({ error: `There is no video ${request.params.videoId}.` });

  await app.register(
    (api, _options, done) => {
      api.addHook('onRequest', async request => {
        callers.set(request, await check(request.headers.authorization));
      });
      // Before the check of what was sent: wrong requests count too.
      api.addHook('preValidation', limit);

      api.post<{ Body: Record<string, unknown> }>('/videos', { schema: schemas.beginUpload }, (request, reply) => {
        requireRole(callerOf(request), 'uploader');
        const url = `${values.INGESTION_URL.replace(/\/$/, '')}/uploads`;
        return pass(request, reply, url, { ...request.body, uploadedBy: callerOf(request).name });
      });
      api.post<{ Params: { videoId: string } }>(
        '/videos/:videoId/complete',
        { schema: schemas.completeUpload },
        async (request, reply) => {
          const { videoId } = request.params;
          requireRole(callerOf(request), 'uploader');
          const video = await store.get(videoId);
          if (video?.uploadedBy !== callerOf(request).name) return notThere(request, reply);
          return pass(request, reply, videoUrl(values.INGESTION_URL, 'uploads', videoId, 'complete'));
        },
      );
      api.get<{ Querystring: { status: Status; limit: number; cursor?: string } }>(
        '/videos',
        { schema: schemas.listVideos(statuses) },
        request => {
          const caller = callerOf(request);
          requireRole(caller, 'uploader', 'reviewer');
          const own = caller.roles.includes('reviewer') ? {} : { uploadedBy: caller.name };
          return store.list({ ...request.query, ...own });
        },
      );
      api.get<{ Params: { videoId: string } }>(
        '/videos/:videoId',
        { schema: schemas.readVideo },
        async (request, reply) => {
          const video = await visible(request);
          if (!video) return notThere(request, reply);
          return { ...video, events: await store.events(video.videoId) };
        },
      );
      api.get<{ Params: { videoId: string } }>(
        '/videos/:videoId/content',
        { schema: schemas.videoContent },
        async (request, reply) => {
          const video = await visible(request);
          if (!video) return notThere(request, reply);
          return pass(request, reply, videoUrl(values.INGESTION_URL, 'uploads', video.videoId, 'content'));
        },
      );

      api.get<{ Querystring: { limit: number; cursor?: string } }>(
        '/reviews',
        { schema: schemas.listReviews },
        (request, reply) => {
          requireRole(callerOf(request), 'reviewer');
          const query = new URLSearchParams(
            Object.entries(request.query).map(([name, value]): [string, string] => [name, String(value)]),
          );
          return pass(request, reply, `${values.HUMAN_REVIEW_URL.replace(/\/$/, '')}/reviews?${query.toString()}`);
        },
      );
      for (const [method, action, ofAction] of [
        ['POST', 'claim', schemas.claimReview],
        ['POST', 'decision', schemas.decideReview],
        ['GET', 'suggestion', schemas.suggestReview],
      ] as const) {
        api.route<{ Params: { videoId: string } }>({
          method,
          url: `/reviews/:videoId/${action}`,
          schema: ofAction,
          handler: (request, reply) => {
            requireRole(callerOf(request), 'reviewer');
            const body = action === 'decision' ? request.body : undefined;
            return pass(
              request,
              reply,
              videoUrl(values.HUMAN_REVIEW_URL, 'reviews', request.params.videoId, action),
              body,
            );
          },
        });
      }
      done();
    },
    { prefix: '/v1' },
  );

  const page = (name: string): Buffer => readFileSync(fileURLToPath(new URL(`review-page/${name}`, import.meta.url)));
  const files = { '/': ['index.html', 'text/html'], '/review.js': ['review.js', 'text/javascript'] } as const;
  for (const [url, [name, type]] of Object.entries(files)) {
    const content = page(name);
    app.get(url, { schema: { hide: true } }, (_request, reply) =>
      reply
        .type(`${type}; charset=utf-8`)
        // Videos come straight from S3, whose address is the ingestion service's business.
        .header(
          'content-security-policy',
          "default-src 'self'; style-src 'unsafe-inline'; media-src https: http:; img-src data:",
        )
        .send(content),
    );
  }
  app.get('/openapi.json', { schema: { hide: true } }, () => app.swagger());
  return {};
});
