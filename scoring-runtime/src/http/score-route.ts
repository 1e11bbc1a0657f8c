import type { FastifyInstance } from 'fastify';
import { ScoringError } from '../scoring-error';
import type { Caller, ServedModel } from '../served-model';
import type { AppParts } from './app';
import { addScoringRoute } from './scoring-route';
import { readScoringRequest } from './scoring-request';

/** POST /score and POST /models/NAME/score: images in, predictions out. */
export function scoreRoutes(app: FastifyInstance, parts: AppParts): void {
  for (const url of ['/score', '/models/:model/score']) {
    addScoringRoute(app, parts, {
      url,
      name: url,
      async answer(request, _reply, { model, caller, takePlaces }) {
        const { images, many } = readScoringRequest(
          request.body,
          request.headers['content-type'],
          parts.admission.capacity,
        );
        takePlaces(images.length);
        const predictions = await scoreImages(parts, model, images, caller, request.id, many ? 'images' : undefined);
        return many ? { predictions } : (predictions[0] ?? {});
      },
    });
  }
}

/**
 * The answer for each image, in order; data capture sees them.
 * @param listName what the caller's list of images is called in messages; undefined for a single image
 * @throws ScoringError of the first image that has none, naming its place in the list
 */
export async function scoreImages(
  { capture }: Pick<AppParts, 'capture'>,
  model: ServedModel,
  images: readonly Uint8Array[],
  caller: Caller,
  requestId: string,
  listName: string | undefined,
): Promise<object[]> {
  const results = await Promise.allSettled(
    images.map(async (image, index) => {
      const record = capture?.sample(image);
      const answer = await model.score(image, caller);
      record?.(model.identity, answer, listName === undefined ? requestId : `${requestId}-${index}`);
      return answer;
    }),
  );
  return results.map((result, index) => {
    if (result.status === 'fulfilled') return result.value;
    throw listName === undefined ? result.reason : named(result.reason, `${listName}[${index}]`);
  });
}

/** The error with the place in the list that it is about. */
function named(error: unknown, place: string): unknown {
  if (!(error instanceof ScoringError)) return error;
  return new ScoringError(error.code, `${place}: ${error.message}`, error.retryAfterSeconds);
}
