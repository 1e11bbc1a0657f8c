import type { FastifyInstance } from 'fastify';
import { z } from 'zod';

const settings = z.strictObject({
  /** How long the router still follows the traffic of before after a change of it. */
  trafficDelayMilliseconds: z.number().int().min(0).max(600_000),
  /** Lifetime of the tokens of `authMode: AMLToken`. */
  tokenSeconds: z.number().int().min(1).max(86_400),
  /** Requests a second and managed endpoint; more are answered 429. */
  requestsPerSecond: z.number().int().min(1),
  /** Names that other subscriptions have in this region. */
  takenNames: z.array(z.string().min(1)),
  /** How long the name of a deleted endpoint cannot be used again. */
  nameHeldSeconds: z.number().min(0),
});

/** What can be set about online endpoints while local Azure runs, beyond what the service itself offers. */
export type EndpointSettings = z.infer<typeof settings>;

/**
 * Documented limits: https://learn.microsoft.com/azure/machine-learning/how-to-manage-quotas#azure-machine-learning-online-endpoints-and-batch-endpoints
 * On Azure a change of traffic takes seconds to reach the router; a moment is enough to notice who counts on none.
 */
export const defaultEndpointSettings: EndpointSettings = {
  trafficDelayMilliseconds: 200,
  tokenSeconds: 43_200,
  requestsPerSecond: 500,
  takenNames: [],
  nameHeldSeconds: 0,
};

/** Reads and changes the settings: `GET` and `PATCH {prefix}/online-endpoints`. Local Azure only. */
export function registerEndpointSettings(app: FastifyInstance, current: EndpointSettings): void {
  app.get('/online-endpoints', () => current);
  app.patch('/online-endpoints', (request, reply) => {
    const read = settings.partial().safeParse(request.body);
    if (!read.success) {
      const message = read.error.issues.map(issue => `${issue.path.join('.') || 'body'}: ${issue.message}`).join('; ');
      return reply.code(400).send({ error: { code: 'InvalidSettings', message } });
    }
    return Object.assign(current, read.data);
  });
}
