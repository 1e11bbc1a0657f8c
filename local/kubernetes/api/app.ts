import { createServer } from 'node:https';
import { fastify, type FastifyInstance } from 'fastify';
import { parse } from 'yaml';
import type { ServerCertificate } from '../../certificates';
import type { User } from '../access/accounts';
import { impersonated } from '../access/impersonation';
import type { ApiContext } from './context';
import { registerDiscovery } from './discovery';
import { readProtobuf } from './protobuf-body';
import { registerResources } from './resource-routes';
import { badRequest, StatusError, unknownPath } from './status-error';

declare module 'fastify' {
  interface FastifyRequest {
    /** Set before any handler runs. */
    kubernetesUser: User;
  }
}

/** The API server's own limit for a request's body. */
const bodyLimitBytes = 3 * 1024 * 1024;

const jsonTypes = [
  'application/json',
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
];
const protobufType = 'application/vnd.kubernetes.protobuf';
const yamlTypes = ['application/yaml', 'application/apply-patch+yaml'];

/** The https server of the API with all its paths, not yet listening. */
export function createApp(
  context: ApiContext,
  o: { certificate: ServerCertificate; watch?: (app: FastifyInstance) => void; log: (line: string) => void },
): FastifyInstance {
  const { certificate, log } = o;
  const app = fastify({
    serverFactory: handler => createServer({ cert: certificate.cert, key: certificate.key }, handler),
    bodyLimit: bodyLimitBytes,
    exposeHeadRoutes: false,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: 512, ignoreTrailingSlash: true },
  });
  o.watch?.(app);
  readBodies(app, context);
  app.decorateRequest('kubernetesUser');
  app.addHook('onRequest', async request => {
    const header = request.headers.authorization;
    const token = header === undefined ? undefined : (/^Bearer\s+(\S+)\s*$/i.exec(header)?.[1] ?? '');
    const user = await context.accounts.authenticate(token);
    // Before the check, so that a refusal of it is answered to somebody.
    request.kubernetesUser = user;
    request.kubernetesUser = impersonated(user, request.headers, context.authorization);
  });
  app.setErrorHandler((error, request, reply) => {
    const answer = asStatusError(error);
    if (answer.code >= 500 && answer !== error) {
      log(`${request.method} ${request.url}: ${error instanceof Error ? (error.stack ?? '') : String(error)}`);
    }
    return reply.code(answer.code).type('application/json').send(answer.status());
  });
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?')[0] ?? '';
    context.authorization.checkPath(request.kubernetesUser, request.method.toLowerCase(), path);
    const answer = unknownPath();
    return reply.code(answer.code).type('application/json').send(answer.status());
  });
  registerDiscovery(app, context);
  registerResources(app, context);
  return app;
}

function readBodies(app: FastifyInstance, context: ApiContext): void {
  app.removeAllContentTypeParsers();
  const reader =
    (read: (text: string) => unknown) =>
    (_request: unknown, body: string | Buffer): Promise<unknown> => {
      const text = body.toString();
      if (text.trim() === '') return Promise.resolve(undefined);
      try {
        return Promise.resolve(read(text));
      } catch (error) {
        return Promise.reject(
          badRequest(
            `error decoding the body of the request: ${error instanceof Error ? error.message : String(error)}`,
          ),
        );
      }
    };
  app.addContentTypeParser(
    jsonTypes,
    { parseAs: 'string' },
    reader(text => JSON.parse(text) as unknown),
  );
  app.addContentTypeParser(
    yamlTypes,
    { parseAs: 'string' },
    reader(text => parse(text) as unknown),
  );
  app.addContentTypeParser(protobufType, { parseAs: 'buffer' }, (_request: unknown, body: string | Buffer) =>
    Promise.resolve(body.length === 0 ? undefined : readProtobuf(context.schema, Buffer.from(body))),
  );
}

/** What a client sees of an error: ours as it is, the http library's in the API's form, anything else as 500. */
function asStatusError(error: unknown): StatusError {
  if (error instanceof StatusError) return error;
  const { statusCode, code } = error as { statusCode?: number; code?: string };
  const message = error instanceof Error ? error.message : String(error);
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
    return new StatusError(413, 'RequestEntityTooLarge', `Request entity too large: limit is ${bodyLimitBytes}`);
  }
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') {
    return new StatusError(
      415,
      'UnsupportedMediaType',
      `the body of the request was in an unknown format - accepted media types include: ${[...jsonTypes, ...yamlTypes, protobufType].join(', ')}`,
    );
  }
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500)
    return new StatusError(statusCode, 'BadRequest', message);
  return new StatusError(500, 'InternalError', `Internal error occurred: ${message}`);
}
