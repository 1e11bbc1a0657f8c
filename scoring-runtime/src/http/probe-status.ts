import type { FastifyReply } from 'fastify';
import type { Readiness } from '../readiness';

/** The status of every readiness probe, whatever its protocol's body: 503, and when to ask again, as long as requests are not wanted. */
export function setProbeStatus(reply: FastifyReply, { reason }: Readiness): void {
  if (reason !== undefined) reply.code(503).header('retry-after', '1');
}
