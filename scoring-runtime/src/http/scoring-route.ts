import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Readiness } from '../readiness';
import { ScoringError } from '../scoring-error';
import type { Caller, ServedModel } from '../served-model';
import type { AppParts } from './app';
import { Reservation } from './reservation';

/** What a handler of a scoring request works with. */
export interface Scoring {
  readonly model: ServedModel;
  readonly caller: Caller;
  /** To be called when it is known how many images the request has. @throws ScoringError when there is no room for them */
  readonly takePlaces: (images: number) => void;
}

export interface ScoringRoute {
  /** May name a `:model` and a `:version`. */
  readonly url: string;
  /** As metrics and traces name it. */
  readonly name: string;
  readonly answer: (request: FastifyRequest, reply: FastifyReply, scoring: Scoring) => Promise<unknown>;
}

interface Begun {
  readonly model: ServedModel;
  readonly places: Reservation;
  readonly span: ReturnType<NonNullable<AppParts['tracer']>['start']>;
}

/** Adds a POST route that scores. Each request takes a place before its body is read, so that overload costs nothing. */
export function addScoringRoute(app: FastifyInstance, parts: AppParts, { url, name, answer }: ScoringRoute): void {
  const { admission, config, metrics, readiness, tracer } = parts;
  const begun = new WeakMap<FastifyRequest, Begun>();

  app.post(
    url,
    {
      onRequest: (request, reply, done) => {
        const span = tracer?.start(name, request);
        const places = new Reservation(admission);
        // Comes also when the client hangs up before its request is complete, and then there is no response.
        reply.raw.once('close', () => {
          places.end();
          span?.end(reply.raw.writableFinished ? reply.statusCode : undefined);
        });
        const model = findModel(readiness, request.params);
        begun.set(request, { model, places, span });
        places.take(1);
        done();
      },
      onResponse: (request, reply, done) => {
        const model = begun.get(request)?.model.identity.label ?? '';
        metrics.requests.inc({ model, route: name, status: reply.statusCode });
        metrics.requestSeconds.observe({ model, route: name }, reply.elapsedTime / 1000);
        done();
      },
    },
    async (request, reply) => {
      const { model, places, span } = begun.get(request) ?? {};
      if (!model || !places) throw new ScoringError('NotReady', readiness.reason ?? '', 1);
      const signal = patience(reply, config.answerTimeoutMilliseconds);
      const caller: Caller = span ? { signal, step: (step, from, to) => span.step(step, from, to) } : { signal };
      const work = answer(request, reply, { model, caller, takePlaces: images => places.take(images) });
      places.keepFor(work);
      return untilAborted(work, signal);
    },
  );
}

/** The model that a route's `:model` and `:version` name. @throws ScoringError when it is not here, or nothing is loaded yet */
export function findModel(readiness: Readiness, params: unknown): ServedModel {
  const models = readiness.loaded();
  const { model, version } = params as { model?: string; version?: string };
  return model === undefined ? models.standard : models.find(model, version);
}

/** Aborted when the connection closes before the answer is out, or when that takes too long. */
function patience(reply: FastifyReply, milliseconds: number): AbortSignal {
  const controller = new AbortController();
  const deadline = setTimeout(() => {
    const message = `The answer was not ready within ${milliseconds} ms, so it is not computed any more.`;
    controller.abort(new ScoringError('DeadlineExceeded', message, 1));
  }, milliseconds);
  reply.raw.once('close', () => {
    clearTimeout(deadline);
    if (!reply.raw.writableFinished) controller.abort(new ScoringError('RequestTimeout', 'The client left.'));
  });
  return controller.signal;
}

async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    work.then(resolve, reject);
  });
}
