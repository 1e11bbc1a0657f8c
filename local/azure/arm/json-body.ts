import type { FastifyInstance } from 'fastify';

/**
 * JSON bodies as Azure takes them: any `application/json` flavour, and none at all where the header announces one
 * (both SDKs send the header with an empty POST). Applies to `app` and what is registered in it, not to its neighbours.
 */
export function acceptJsonBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(/^application\/([\w.-]+\+)?json\b/i, { parseAs: 'string' }, (_request, body, done) => {
    const text = body.toString();
    if (text.trim() === '') {
      done(null, undefined);
      return;
    }
    try {
      done(null, JSON.parse(text) as unknown);
    } catch {
      done(
        Object.assign(new Error('The request body is not valid JSON.'), {
          statusCode: 400,
          code: 'InvalidRequestContent',
        }),
      );
    }
  });
  // A POST without a body may carry any content type, or the form type that some clients add by themselves.
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => {
    if (body.length === 0) done(null, undefined);
    else
      done(
        Object.assign(new Error('Only JSON bodies are accepted.'), { statusCode: 415, code: 'UnsupportedMediaType' }),
      );
  });
}
