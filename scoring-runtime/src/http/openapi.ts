import { version } from '../../package.json';
import type { ServedModel, ServedModels } from '../served-model';
import { datatypeOf } from '../tensor-types';
import { imageTypes } from './scoring-request';

type Schema = Readonly<Record<string, unknown>>;

const json = (schema: Schema) => ({ 'application/json': { schema } });
const reference = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` });
const answer = (description: string, schema: Schema) => ({ description, content: json(schema) });
const binary = { schema: { type: 'string', format: 'binary' } };
const list = (items: Schema): Schema => ({ type: 'array', items });
const text: Schema = { type: 'string' };
const object = (properties: Record<string, Schema>, required = Object.keys(properties)): Schema => ({
  type: 'object',
  required,
  properties,
});

/** OpenAPI 3.0 description of the routes, with the labels of these very models. */
export function openApi(models: ServedModels, maxBodyBytes: number): object {
  const { identity } = models.standard;
  const others = models.all.filter(model => model !== models.standard);
  const described = models.all.map(({ identity, manifest }) => {
    const answers = manifest.labels && !manifest.output.tensors ? manifest.labels.join(', ') : 'tensors';
    return `${identity.label}: ${answers}. Digest ${identity.digest}.`;
  });
  return {
    openapi: '3.0.3',
    info: { title: `${identity.name} scoring`, description: described.join('\n\n'), version: identity.version ?? '0' },
    paths: {
      '/score': { post: score(models.standard, 'Prediction', 'score', maxBodyBytes) },
      ...Object.fromEntries(
        others.map(model => {
          const { name } = model.identity;
          return [
            `/models/${encodeURIComponent(name)}/score`,
            { post: score(model, answerName(model), `score-${name}`, maxBodyBytes) },
          ];
        }),
      ),
      ...Object.fromEntries(models.all.flatMap(modelPaths)),
      '/v2': get(
        'serverMetadata',
        'Name and extensions of the server',
        object({ name: text, version: text, extensions: list(text) }),
      ),
      '/v2/health/live': get('serverLive', 'Liveness', object({ live: { type: 'boolean' } })),
      '/v2/health/ready': get('serverReady', 'Readiness', object({ ready: { type: 'boolean' } })),
      '/invocations': {
        post: {
          operationId: 'invocations',
          summary: "MLflow's scoring protocol",
          requestBody: { required: true, content: json({ type: 'object' }) },
          responses: { 200: answer('One prediction an image', object({ predictions: {} })), ...failures },
        },
      },
      '/live': get('live', 'Liveness; the body says where the model stands', { type: 'object' }),
      '/ready': get('ready', 'Readiness: 503 with the reason until the models are loaded, verified and warmed up', {
        type: 'object',
      }),
      '/metrics': {
        get: {
          operationId: 'metrics',
          summary: 'Metrics',
          responses: { 200: { description: 'For Prometheus, as text' } },
        },
      },
    },
    components: { schemas: schemas(models) },
    'x-guardian-runtime': version,
  };
}

const failure = (description: string) => answer(description, reference('Error'));

const failures = {
  400: failure('Not an image, or not the JSON that is expected'),
  413: failure('More bytes, pixels or images than this server accepts'),
  415: failure('A content type that this server does not read'),
  429: failure('Too many images at once; Retry-After says when to come back'),
  503: failure('The model is not ready or the answer took too long; Retry-After says when to come back'),
};

function get(operationId: string, summary: string, schema: Schema): object {
  return {
    get: { operationId, summary, responses: { 200: answer(summary, schema), 503: { description: 'Not ready' } } },
  };
}

function score(model: ServedModel, schema: string, operationId: string, maxBodyBytes: number): object {
  const one = reference(schema);
  return {
    operationId,
    summary: `${model.identity.label} looks at one image, or a list of images`,
    requestBody: {
      required: true,
      description: `At most ${maxBodyBytes} bytes.`,
      content: {
        ...Object.fromEntries([...imageTypes, 'application/octet-stream'].map(type => [type, binary])),
        'multipart/form-data': { schema: object({ images: list({ type: 'string', format: 'binary' }) }) },
        ...json({ oneOf: [reference('OneImage'), reference('ManyImages')] }),
      },
    },
    responses: {
      200: answer('The answer, or one for each image in the order of the list', {
        oneOf: [one, object({ predictions: list(one) })],
      }),
      ...failures,
    },
  };
}

/** The schema of the answers of a model that is not the default one. */
function answerName({ identity }: ServedModel): string {
  return `Prediction-${identity.name.replace(/[^\w.-]/g, '_')}`;
}

function modelPaths(model: ServedModel): [string, object][] {
  const { name } = model.identity;
  const path = `/v2/models/${encodeURIComponent(name)}`;
  return [
    [path, get(`metadata-${name}`, `Inputs and outputs of ${name}`, { type: 'object' })],
    [`${path}/ready`, get(`ready-${name}`, `Readiness of ${name}`, object({ name: text, ready: { type: 'boolean' } }))],
    [
      `${path}/infer`,
      {
        post: {
          operationId: `infer-${name}`,
          summary: 'Open Inference Protocol V2; with Inference-Header-Content-Length also binary tensors',
          requestBody: { required: true, content: { ...json({ type: 'object' }), 'application/octet-stream': binary } },
          responses: { 200: answer('The outputs', { type: 'object' }), ...failures },
        },
      },
    ],
  ];
}

function schemas(models: ServedModels): Record<string, Schema> {
  return {
    OneImage: object({ image: { type: 'string', description: 'base64, or a data URL' } }),
    ManyImages: object({ images: { ...list({ type: 'string', description: 'base64' }), minItems: 1 } }),
    Prediction: answerSchema(models.standard),
    ...Object.fromEntries(
      models.all.filter(model => model !== models.standard).map(model => [answerName(model), answerSchema(model)]),
    ),
    Error: object({ error: object({ code: text, message: text, requestId: text }) }),
  };
}

function answerSchema({ identity, manifest, signature, classifies }: ServedModel): Schema {
  const by = {
    model: { type: 'string', example: identity.label },
    digest: { type: 'string', example: identity.digest },
  };
  if (!classifies) {
    const tensor = (type: string) =>
      object({
        datatype: { type: 'string', enum: [datatypeOf(type)] },
        shape: list({ type: 'integer' }),
        data: list({}),
      });
    const outputs = signature.outputs.map(({ name, type }) => [name, tensor(type)] as const);
    return object({ ...by, outputs: object(Object.fromEntries(outputs)) });
  }
  const labels = manifest.labels ?? [];
  return object({
    ...by,
    label: { type: 'string', enum: labels },
    probability: { type: 'number', minimum: 0, maximum: 1 },
    probabilities: object(Object.fromEntries(labels.map(label => [label, { type: 'number' }]))),
  });
}
