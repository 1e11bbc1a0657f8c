import { Agent, request as httpsRequest } from 'node:https';
import type { FastifyInstance } from 'fastify';
import { storageSuffix } from '../blob/blob-proxy';
import type { AzureContext } from '../context';

/** First segment of the links' path. */
function segment(context: AzureContext): string {
  return `${context.blobs.account.name}.blob.${storageSuffix}`;
}

/**
 * A link to a blob as run history hands it out. azureml-mlflow follows a link only where the text `.blob.core.windows.net/` stands in it, and
 * an address on this machine has no such host: so the links lead through this server, with that text at the start of their path.
 */
export function contentLink(
  context: AzureContext,
  container: string,
  path: string,
  permissions: string,
  hours: number,
): string {
  const direct = context.blobs.sasUrl(container, path, permissions, hours);
  return direct.replace(context.blobs.url, `${context.baseUrl}/${segment(context)}`);
}

/** Passes what comes over those links on to the blob service, which checks their signature. */
export async function registerContentLinks(app: FastifyInstance, context: AzureContext): Promise<void> {
  const agent = new Agent({ keepAlive: true, ca: context.certificate.ca });
  context.onStop(() => {
    agent.destroy();
    return Promise.resolve();
  });
  await app.register((scope, _options, done) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', (_request, _payload, parsed) => parsed(null));
    scope.route({
      method: ['GET', 'HEAD', 'PUT'],
      url: `/${segment(context)}/*`,
      bodyLimit: Number.MAX_SAFE_INTEGER,
      handler: (request, reply) => {
        const target = new URL(context.blobs.url + request.url.slice(1 + segment(context).length));
        const onward = httpsRequest(
          target,
          { method: request.method, agent, headers: { ...request.headers, host: target.host } },
          answer => {
            reply.raw.writeHead(answer.statusCode ?? 502, answer.headers);
            answer.pipe(reply.raw);
          },
        );
        onward.on('error', error => reply.raw.destroy(error));
        reply.hijack();
        reply.raw.on('close', () => onward.destroy());
        request.raw.pipe(onward);
      },
    });
    done();
  });
}
