import type { FastifyInstance } from 'fastify';
import { FaultRuleError } from './fault-rule';
import type { Faults } from './faults';

/**
 * The admin API of faults, local Azure's alone: `GET /_local/faults` lists them with their counts, `POST` adds one (a rule as JSON, see `faultRule`),
 * `DELETE /_local/faults/{id}` takes one back, `DELETE /_local/faults` all of them. The server listens on the loopback address only; requests that
 * a page in a browser sent are refused.
 */
export function registerFaults(app: FastifyInstance, faults: Faults): void {
  app.addHook('onRequest', (request, reply, done) => {
    const host = (request.headers.host ?? '').replace(/:\d+$/, '');
    if (request.headers.origin !== undefined || (host !== '127.0.0.1' && host !== 'localhost')) {
      void reply
        .code(403)
        .send({ error: { code: 'Forbidden', message: 'Only programs on this machine may ask for faults.' } });
      return;
    }
    done();
  });
  app.setErrorHandler((error, _request, reply) => {
    const { statusCode, message } = error as { statusCode?: number; message?: string };
    const status = error instanceof FaultRuleError ? 400 : (statusCode ?? 500);
    return reply.code(status).send({ error: { code: status === 400 ? 'InvalidFault' : 'Failed', message } });
  });
  app.get('/faults', () => ({ value: faults.list() }));
  app.post('/faults', (request, reply) =>
    reply.code(201).send(faults.add(request.body as Parameters<Faults['add']>[0])),
  );
  app.delete('/faults', (_request, reply) => {
    faults.reset();
    return reply.code(204).send();
  });
  app.delete<{ Params: { id: string } }>('/faults/:id', (request, reply) =>
    faults.delete(request.params.id)
      ? reply.code(204).send()
      : reply.code(404).send({ error: { code: 'NotFound', message: `There is no fault ${request.params.id}.` } }),
  );
}
