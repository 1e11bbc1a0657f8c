import { Agent } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { newRequestId } from '../arm/arm-error';
import type { AzureContext } from '../context';
import type { EndpointMeter } from '../monitor/endpoint-meter';
import { accessRefusal } from './endpoint-access';
import type { ScoringAnswer } from './ask-container';
import type { DeploymentRecord, EndpointRecord } from './endpoint-store';
import { DeploymentCaller, failure } from './deployment-caller';
import { choose } from './live-traffic';
import type { EndpointParts } from './open-endpoints';
import { RequestLimits } from './request-limits';

/**
 * The public side of the endpoints, `/inference/{endpoint}/…`: key or token, weights, the `azureml-model-deployment` header, mirroring,
 * limits and the status codes of
 * https://learn.microsoft.com/azure/machine-learning/how-to-troubleshoot-online-endpoints#http-status-codes
 * As there, it has no part in CORS: a preflight is a request without a key.
 */
export function registerScoringRouter(
  app: FastifyInstance,
  context: AzureContext,
  parts: EndpointParts,
  meter: EndpointMeter,
): void {
  const { store, fleet, random, live, tokens, settings } = parts;
  const agent = new Agent({ keepAlive: true });
  const limits = new RequestLimits();
  const caller = new DeploymentCaller(fleet, limits, agent);
  context.onStop(() => {
    agent.destroy();
    return Promise.resolve();
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  app.setErrorHandler((error, _request, reply) => {
    const { statusCode = 500, message } = error as { statusCode?: number; message: string };
    if (statusCode >= 500) context.log(`Scoring failed: ${message}`);
    const { headers, body } = failure(statusCode, statusCode === 413 ? 'The request is too large.' : message);
    return reply.code(statusCode).headers(headers).send(body);
  });

  const answer = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const began = performance.now();
    const { endpoint: name } = request.params as { endpoint: string };
    const requestId = newRequestId();
    reply.headers({ 'x-request-id': requestId, 'x-ms-request-id': requestId });
    const client = request.headers['x-ms-client-request-id'];
    if (typeof client === 'string') reply.header('x-ms-client-request-id', client.replace(/[^\w-]/g, '').slice(0, 40));

    const endpoint = store.endpoint(name);
    if (!endpoint) return send(reply, failure(404, `There is no endpoint ${name}.`));
    meter.connection(endpoint.name, request.raw.socket);
    const { result, deployment } = await respond(request, endpoint);
    meter.request({
      endpoint: endpoint.name,
      deployment: deployment?.name ?? '',
      status: result.status,
      modelStatus: result.headers['ms-azureml-model-error-statuscode'] ?? (result.status === 200 ? '200' : ''),
      milliseconds: performance.now() - began,
      bytes: bytesOf(request.body) + bytesOf(result.body),
    });
    if (deployment)
      reply.headers({
        'azureml-model-deployment': deployment.name,
        'azureml-model-session': sessionOf(deployment),
        'ms-azureml-model-time': String(Math.round(performance.now() - began)),
      });
    return send(reply, result);
  };

  const respond = async (
    request: FastifyRequest,
    endpoint: EndpointRecord,
  ): Promise<{ result: ScoringAnswer; deployment?: DeploymentRecord }> => {
    const refusal = await accessRefusal(request.headers.authorization, endpoint, tokens, context.directory);
    if (refusal)
      return {
        result: { status: refusal.status, headers: { 'content-type': 'text/plain' }, body: refusal.message },
      };
    if (!endpoint.compute && limits.exceedsRate(endpoint.name, settings.requestsPerSecond))
      return { result: failure(429, `More than ${settings.requestsPerSecond} requests a second.`) };
    const asked = request.headers['azureml-model-deployment'];
    const route = live.of(endpoint);
    const chosen = typeof asked === 'string' ? asked : choose(route.traffic, random());
    const deployment = chosen === undefined ? undefined : store.deployment(endpoint.name, chosen);
    if (!deployment) {
      const why =
        typeof asked === 'string'
          ? `There is no deployment ${asked}.`
          : 'No deployment of this endpoint takes traffic.';
      return { result: failure(404, why) };
    }
    const scoring = {
      method: request.method,
      path: pathBehind(request.url),
      headers: request.headers,
      body: Buffer.isBuffer(request.body) ? request.body : undefined,
    };
    // Requests that name a deployment are not mirrored.
    if (typeof asked !== 'string') {
      for (const [name, share] of Object.entries(route.mirrorTraffic)) {
        const shadow = store.deployment(endpoint.name, name);
        if (shadow && random() * 100 < share) void mirrored(endpoint, shadow, scoring);
      }
    }
    return { result: await caller.call(deployment, scoring), deployment };
  };

  /** Sends a copy to the deployment that shadows the live ones; nobody waits for its answer, but it is counted. */
  const mirrored = async (
    endpoint: EndpointRecord,
    shadow: DeploymentRecord,
    scoring: Parameters<DeploymentCaller['call']>[1],
  ): Promise<void> => {
    const began = performance.now();
    const result = await caller.call(shadow, scoring);
    meter.request({
      endpoint: endpoint.name,
      deployment: shadow.name,
      status: result.status,
      modelStatus: result.headers['ms-azureml-model-error-statuscode'] ?? (result.status === 200 ? '200' : ''),
      milliseconds: performance.now() - began,
      bytes: bytesOf(scoring.body) + bytesOf(result.body),
    });
  };

  app.all('/:endpoint', answer);
  app.all('/:endpoint/*', answer);
}

function send(reply: FastifyReply, { status, headers, body }: ScoringAnswer): FastifyReply {
  return reply.code(status).headers(headers).send(body);
}

/** What of the URL the container gets: everything behind the endpoint's name. */
function pathBehind(url: string): string {
  const [, behind = ''] = /^\/inference\/[^/?]+(.*)$/i.exec(url) ?? [];
  return behind === '' ? '/' : behind.startsWith('/') ? behind : `/${behind}`;
}

/** The service names a session of a deployment by its name and when it was made. */
function sessionOf({ name, createdAt }: DeploymentRecord): string {
  return `${name}-${createdAt.replace(/\D/g, '').slice(0, 14)}`;
}

function bytesOf(body: unknown): number {
  return Buffer.isBuffer(body) || typeof body === 'string' ? Buffer.byteLength(body) : 0;
}
