import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { planeOf } from '../../requests/operation-name';
import type { Plane } from '../../requests/request-record';
import { faultAnswer } from './fault-answer';
import type { FaultEffect } from './fault-rule';
import type { Faults } from './faults';
import { StaleReads } from './stale-reads';

/** Marks the reads that we send to ourselves; the value differs from process to process, so no client can use it. */
const internalHeader = 'x-local-internal';

/** Puts the faults into the requests to `app`. Call before any route is registered and after `watchRequests`. `plane` as there. */
export function injectFaults(app: FastifyInstance, faults: Faults, plane?: Plane): void {
  const stale = new StaleReads();
  const internal = crypto.randomUUID();
  /** What is to happen to an answer that has yet to be made. */
  const pending = new WeakMap<FastifyRequest, FaultEffect>();

  app.addHook('onRequest', async (request, reply) => {
    if (request.headers[internalHeader] === internal) return undefined;
    const path = pathOf(request);
    const injections = faults.decide({ plane: plane ?? planeOf(path), method: request.method, path });
    for (const { name, effect } of injections) {
      request.injectedFault = request.injectedFault === undefined ? name : `${request.injectedFault},${name}`;
      if (effect.type === 'slow') await wait(effect.milliseconds, request);
      else if ((effect.type === 'status' || effect.type === 'reset') && effect.handled === true)
        pending.set(request, effect);
      else if (effect.type === 'status' || effect.type === 'token') return sendFault(effect, request, reply);
      else if (effect.type === 'reset') return cut(request, reply);
      else if (effect.type === 'truncate' || effect.type === 'fields') pending.set(request, effect);
      else if (effect.type === 'stale') {
        const { statusCode, headers, body } = await app.inject({
          method: 'GET',
          url: request.url,
          headers: {
            [internalHeader]: internal,
            ...(request.headers.authorization === undefined ? {} : { authorization: request.headers.authorization }),
          },
        });
        // A token that is no good, or no right to read: then the reads that follow fail by themselves.
        if (statusCode !== 401 && statusCode !== 403) {
          stale.keep(path, { status: statusCode, contentType: String(headers['content-type']), body }, effect);
        }
      }
    }
    return undefined;
  });
  // Behind the planes' own checks of token and permission, which run as onRequest.
  app.addHook('preHandler', async (request, reply) => {
    if (request.method !== 'GET' || request.headers[internalHeader] === internal) return undefined;
    const earlier = stale.take(pathOf(request));
    if (!earlier) return undefined;
    request.injectedFault ??= 'stale';
    return reply.code(earlier.status).type(earlier.contentType).send(earlier.body);
  });
  app.addHook('onSend', async (request, reply, payload) => {
    if (request.injectedFault !== undefined) faults.dropOperationFailure(pathOf(request));
    const effect = pending.get(request);
    if (!effect) return payload;
    pending.delete(request);
    if (effect.type === 'reset') {
      request.raw.socket.destroy();
      return '';
    }
    if (effect.type === 'status') {
      const answer = faultAnswer(effect, plane ?? planeOf(pathOf(request)), request.id);
      reply.code(answer.status).headers(answer.headers).removeHeader('content-length');
      return answer.body;
    }
    if (effect.type === 'fields') return withFields(reply, payload, effect.set);
    if (effect.type === 'truncate') return truncated(reply, payload, effect.bytes);
    return payload;
  });

  const sendFault = (
    effect: FaultEffect & { type: 'status' | 'token' },
    request: FastifyRequest,
    reply: FastifyReply,
  ): FastifyReply => {
    const answer = faultAnswer(effect, plane ?? planeOf(pathOf(request)), request.id);
    return reply.code(answer.status).headers(answer.headers).send(answer.body);
  };
}

function pathOf(request: FastifyRequest): string {
  return request.url.split('?')[0] ?? '';
}

function cut(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  reply.hijack();
  request.raw.socket.destroy();
  return reply;
}

/** Ends early when the client goes away. */
function wait(milliseconds: number, request: FastifyRequest): Promise<void> {
  return new Promise(resolve => {
    const timer = setTimeout(done, milliseconds);
    request.raw.socket.once('close', done);
    function done(): void {
      clearTimeout(timer);
      request.raw.socket.removeListener('close', done);
      resolve();
    }
  });
}

/** A body that breaks off after that many bytes, with headers that promise all of it. */
async function truncated(reply: FastifyReply, payload: unknown, bytes: number): Promise<Readable> {
  const whole = await wholeOf(payload);
  reply.header('content-length', Math.max(whole.length, bytes + 1));
  return Readable.from(
    (async function* () {
      yield whole.subarray(0, bytes);
      // Lets the first part reach the client before the connection ends.
      await new Promise(resolve => setImmediate(resolve));
      reply.raw.socket?.destroy();
      throw new Error('The answer was truncated on demand.');
    })(),
  );
}

/** A JSON answer with other values at these places; anything else as it is. */
async function withFields(reply: FastifyReply, payload: unknown, set: Record<string, unknown>): Promise<unknown> {
  if (reply.statusCode >= 300 || !String(reply.getHeader('content-type')).includes('json')) return payload;
  const body = JSON.parse((await wholeOf(payload)).toString()) as Record<string, unknown>;
  for (const [path, value] of Object.entries(set)) {
    const names = path.split('.');
    const last = names.pop() ?? '';
    let place = body;
    for (const name of names) place = (place[name] ??= {}) as Record<string, unknown>;
    place[last] = value;
  }
  reply.removeHeader('content-length');
  return JSON.stringify(body);
}

async function wholeOf(payload: unknown): Promise<Buffer> {
  if (typeof payload === 'string' || Buffer.isBuffer(payload)) return Buffer.from(payload as string);
  if (!(payload instanceof Readable)) return Buffer.alloc(0);
  const chunks: Buffer[] = [];
  for await (const chunk of payload) chunks.push(Buffer.from(chunk as Buffer));
  return Buffer.concat(chunks);
}
