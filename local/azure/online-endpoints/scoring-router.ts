import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import { timingSafeEqual } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { newRequestId } from '../arm/arm-error';
import { isoDurationSeconds } from '../compute/iso-duration';
import type { AzureContext } from '../context';
import type { DeploymentRecord, EndpointRecord } from './endpoint-store';
import type { Instance } from './instance';
import type { EndpointParts } from './open-endpoints';

/** Headers that belong to one connection, or that the router sets itself. */
const ownHeaders = new Set([
  'connection',
  'keep-alive',
  'transfer-encoding',
  'host',
  'authorization',
  'content-length',
  'azureml-model-deployment',
  'expect',
  'upgrade',
  'te',
  'trailer',
]);

interface Answer {
  status: number;
  headers: Record<string, string>;
  body: Buffer | string;
}

/**
 * The public side of the endpoints, `/inference/{endpoint}/…`: key, weights, the `azureml-model-deployment` header,
 * limits and the status codes of
 * https://learn.microsoft.com/azure/machine-learning/how-to-troubleshoot-online-endpoints#http-status-codes
 */
export function registerScoringRouter(app: FastifyInstance, context: AzureContext, parts: EndpointParts): void {
  const { store, fleet, random } = parts;
  const agent = new Agent({ keepAlive: true });
  const pending = new Map<string, number>();
  context.onStop(() => {
    agent.destroy();
    return Promise.resolve();
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));

  const answer = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const { endpoint: name } = request.params as { endpoint: string };
    const client = request.headers['x-ms-client-request-id'];
    reply.header('x-request-id', newRequestId());
    if (typeof client === 'string') reply.header('x-ms-client-request-id', client.replace(/[^\w-]/g, '').slice(0, 40));

    const endpoint = store.endpoint(name);
    if (!endpoint) return refuse(reply, 404, `There is no endpoint ${name}.`);
    if (!isAuthorized(request, endpoint)) return refuse(reply, 401, 'Key or token is missing or wrong.');
    const asked = request.headers['azureml-model-deployment'];
    const chosen = typeof asked === 'string' ? asked : choose(endpoint.traffic, random());
    const deployment = chosen === undefined ? undefined : store.deployment(endpoint.name, chosen);
    if (!deployment) {
      return refuse(
        reply,
        404,
        typeof asked === 'string'
          ? `There is no deployment ${asked}.`
          : 'No deployment of this endpoint takes traffic.',
      );
    }
    const path =
      request.url.slice(
        request.url.toLowerCase().indexOf(`/inference/${name.toLowerCase()}`) + `/inference/${name}`.length,
      ) || '/';
    if (typeof asked !== 'string') mirror(endpoint, request, path);
    const result = await forward(deployment, request, path);
    return reply
      .code(result.status)
      .headers({ ...result.headers, 'azureml-model-deployment': deployment.name })
      .send(result.body);
  };

  const forward = async (deployment: DeploymentRecord, request: FastifyRequest, path: string): Promise<Answer> => {
    const { requestTimeout, maxConcurrentRequestsPerInstance } = deployment.properties.requestSettings;
    const instances = fleet.instances(deployment.endpoint, deployment.name);
    const instance = leastBusy(instances);
    if (!instance) return failure(503, 'No instance of the deployment is ready.');
    const key = `${deployment.endpoint}/${deployment.name}`;
    const waiting = pending.get(key) ?? 0;
    if (waiting >= 2 * maxConcurrentRequestsPerInstance * instances.length)
      return failure(429, 'Too many requests are pending on this deployment.');
    pending.set(key, waiting + 1);
    instance.pending++;
    try {
      const result = await ask(instance, request, path, (isoDurationSeconds(requestTimeout) ?? 5) * 1000, agent);
      if (result.status === 200) return result;
      const reason = result.body
        .toString()
        .slice(0, 1000)
        .replace(/[^\x20-\x7e]/g, ' ');
      // Whatever the container answers but 200 is the model's failure to a caller.
      return {
        ...result,
        status: 424,
        headers: {
          ...result.headers,
          'ms-azureml-model-error-statuscode': String(result.status),
          'ms-azureml-model-error-reason': reason,
        },
      };
    } catch (error) {
      return (error as Error).name === 'TimeoutError'
        ? failure(408, `The deployment did not answer within ${requestTimeout}.`)
        : failure(502, 'The container closed the connection.');
    } finally {
      instance.pending--;
      pending.set(key, (pending.get(key) ?? 1) - 1);
    }
  };

  /** Sends a copy to the deployment that shadows the live ones; nobody waits for it. */
  const mirror = (endpoint: EndpointRecord, request: FastifyRequest, path: string): void => {
    for (const [name, share] of Object.entries(endpoint.mirrorTraffic)) {
      const deployment = store.deployment(endpoint.name, name);
      if (deployment && random() * 100 < share) void forward(deployment, request, path);
    }
  };

  app.all('/:endpoint', answer);
  app.all('/:endpoint/*', answer);
}

/** The deployment that a number from 0 to 1 falls on; undefined when none has a share. */
export function choose(traffic: Readonly<Record<string, number>>, random: number): string | undefined {
  const shares = Object.entries(traffic).filter(([, share]) => share > 0);
  const total = shares.reduce((sum, [, share]) => sum + share, 0);
  let rest = random * total;
  for (const [name, share] of shares) {
    rest -= share;
    if (rest < 0) return name;
  }
  return shares.at(-1)?.[0];
}

function leastBusy(instances: readonly Instance[]): Instance | undefined {
  return instances.reduce<Instance | undefined>(
    (best, item) => (best === undefined || item.pending < best.pending ? item : best),
    undefined,
  );
}

function isAuthorized(request: FastifyRequest, { keys }: EndpointRecord): boolean {
  const given = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
  if (given === undefined) return false;
  return Object.values(keys).some(
    key => key.length === given.length && timingSafeEqual(Buffer.from(key), Buffer.from(given)),
  );
}

function ask(
  instance: Instance,
  request: FastifyRequest,
  path: string,
  timeoutMilliseconds: number,
  agent: Agent,
): Promise<Answer> {
  const body = Buffer.isBuffer(request.body) ? request.body : undefined;
  const headers = Object.fromEntries(Object.entries(request.headers).filter(([name]) => !ownHeaders.has(name)));
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest(
      {
        host: '127.0.0.1',
        port: instance.port,
        path,
        method: request.method,
        agent,
        headers: { ...headers, ...(body ? { 'content-length': body.length } : {}) },
        signal: AbortSignal.timeout(timeoutMilliseconds),
      },
      incoming => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.once('error', reject);
        incoming.once('end', () =>
          resolve({ status: incoming.statusCode ?? 500, headers: passed(incoming), body: Buffer.concat(chunks) }),
        );
      },
    );
    outgoing.once('error', error =>
      reject(error.name === 'AbortError' && error.cause instanceof Error ? error.cause : error),
    );
    outgoing.end(body);
  });
}

function passed({ headers }: IncomingMessage): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      typeof value === 'string' && !ownHeaders.has(name) && name !== 'x-request-id' ? [[name, value]] : [],
    ),
  );
}

function failure(status: number, message: string): Answer {
  return {
    status,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ error: { code: String(status), message } }),
  };
}

function refuse(reply: FastifyReply, status: number, message: string): FastifyReply {
  const { headers, body } = failure(status, message);
  return reply.code(status).headers(headers).send(body);
}
