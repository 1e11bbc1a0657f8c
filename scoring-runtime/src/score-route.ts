import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { AppParts } from './app';
import { ScoringError } from './scoring-error';
import { readScoringRequest } from './scoring-request';
import type { ServedModel } from './served-model';

/** POST /score. Each request takes its place before its body is read, so that overload costs nothing. */
export function scoreRoute(app: FastifyInstance, { admission, metrics, readiness }: AppParts): void {
  const places = new WeakMap<FastifyRequest, number>();

  const enter = (request: FastifyRequest, count: number): void => {
    if (count > admission.capacity) {
      throw new ScoringError(
        'PayloadTooLarge',
        `The request has too many images; this server takes at most ${admission.capacity} at once.`,
      );
    }
    const held = places.get(request) ?? 0;
    if (!admission.enter(count - held)) {
      throw new ScoringError(
        'TooManyRequests',
        `This server is working on ${admission.inside} images and takes no more than ${admission.capacity}.`,
        1,
      );
    }
    places.set(request, count);
  };

  app.post(
    '/score',
    {
      onRequest: (request, reply, done) => {
        if (!readiness.model) throw new ScoringError('NotReady', readiness.reason ?? '', 1);
        // Comes also when the client hangs up before its request is complete, and then there is no response.
        reply.raw.once('close', () => admission.leave(places.get(request) ?? 0));
        enter(request, 1);
        done();
      },
      onResponse: (_request, reply, done) => {
        metrics.requests.inc({ status: reply.statusCode });
        metrics.requestSeconds.observe(reply.elapsedTime / 1000);
        done();
      },
    },
    async (request, reply) => {
      const { images, many } = readScoringRequest(request.body);
      const { model } = readiness;
      if (!model) throw new ScoringError('NotReady', readiness.reason ?? '', 1);
      enter(request, images.length);
      return answer(model, images, many, clientLeft(reply));
    },
  );
}

async function answer(
  model: ServedModel,
  images: readonly Uint8Array[],
  many: boolean,
  signal: AbortSignal,
): Promise<object> {
  const results = await Promise.allSettled(images.map(image => model.score(image, signal)));
  const predictions = results.map((result, index) => {
    if (result.status === 'fulfilled') return result.value;
    const error: unknown = result.reason;
    if (many && error instanceof ScoringError)
      throw new ScoringError(error.code, `images[${index}]: ${error.message}`, error.retryAfterSeconds);
    throw error;
  });
  return many ? { predictions } : (predictions[0] ?? {});
}

/** Aborted when the connection closes before the answer is out. */
function clientLeft(reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) controller.abort(new ScoringError('RequestTimeout', 'The client left.'));
  });
  return controller.signal;
}
