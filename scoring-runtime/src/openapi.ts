import type { ServedModel } from './served-model';

/** OpenAPI 3.0 description of the routes, with the labels of this very model. */
export function openApi({ manifest, identity }: ServedModel, maxBodyBytes: number): object {
  const json = (schema: object) => ({ 'application/json': { schema } });
  const answer = (description: string, schema: object) => ({ description, content: json(schema) });
  const reference = (name: string) => ({ $ref: `#/components/schemas/${name}` });
  const failure = (description: string) => answer(description, reference('Error'));
  const binary = { schema: { type: 'string', format: 'binary' } };
  const probe = (operationId: string, summary: string, responses: object) => ({
    get: { operationId, summary, responses },
  });
  return {
    openapi: '3.0.3',
    info: {
      title: `${identity.name} scoring`,
      description: `Image classifier ${identity.label}: ${manifest.labels.join(', ')}. Digest ${identity.digest}.`,
      version: identity.version ?? '0',
    },
    paths: {
      '/score': {
        post: {
          operationId: 'score',
          summary: 'Classifies one image, or a list of images',
          requestBody: {
            required: true,
            description: `At most ${maxBodyBytes} bytes.`,
            content: {
              'image/jpeg': binary,
              'image/png': binary,
              'image/webp': binary,
              'application/octet-stream': binary,
              ...json({ oneOf: [reference('OneImage'), reference('ManyImages')] }),
            },
          },
          responses: {
            200: answer('The prediction, or one for each image in the order of the list', {
              oneOf: [reference('Prediction'), reference('Predictions')],
            }),
            400: failure('Not an image, or not the JSON that is expected'),
            413: failure('More bytes or pixels than this server accepts'),
            415: failure('A content type that this server does not read'),
            429: failure('Too many images at once; Retry-After says when to come back'),
            503: failure('The model is not ready; Retry-After says when to come back'),
          },
        },
      },
      '/live': probe('live', 'Liveness', { 200: { description: 'The process answers' } }),
      '/ready': probe('ready', 'Readiness', {
        200: { description: 'The model is loaded, verified and warmed up' },
        503: { description: 'Not yet, or never; the body has the reason' },
      }),
      '/metrics': probe('metrics', 'Metrics for Prometheus', { 200: { description: 'Text format' } }),
    },
    components: {
      schemas: {
        OneImage: {
          type: 'object',
          required: ['image'],
          properties: { image: { type: 'string', description: 'base64, or a data URL' } },
        },
        ManyImages: {
          type: 'object',
          required: ['images'],
          properties: { images: { type: 'array', minItems: 1, items: { type: 'string', description: 'base64' } } },
        },
        Prediction: {
          type: 'object',
          required: ['model', 'label', 'probability', 'probabilities'],
          properties: {
            model: { type: 'string', example: identity.label },
            label: { type: 'string', enum: manifest.labels },
            probability: { type: 'number', minimum: 0, maximum: 1 },
            probabilities: {
              type: 'object',
              required: manifest.labels,
              properties: Object.fromEntries(manifest.labels.map(label => [label, { type: 'number' }])),
            },
          },
        },
        Predictions: {
          type: 'object',
          required: ['predictions'],
          properties: { predictions: { type: 'array', items: reference('Prediction') } },
        },
        Error: {
          type: 'object',
          required: ['error'],
          properties: {
            error: {
              type: 'object',
              required: ['code', 'message', 'requestId'],
              properties: {
                code: { type: 'string' },
                message: { type: 'string' },
                requestId: { type: 'string' },
              },
            },
          },
        },
      },
    },
  };
}
