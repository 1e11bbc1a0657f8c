import type { FastifyInstance } from 'fastify';
import { version } from '../../package.json';
import { invalidRequest } from '../scoring-error';
import type { Caller, ServedModel } from '../served-model';
import type { OutputTensor } from '../model';
import type { AppParts, Get } from './app';
import { setProbeStatus } from './probe-status';
import { addScoringRoute, findModel } from './scoring-route';
import { type InferenceRequest, readInferenceRequest } from './v2-request';
import { inferenceResponse, modelMetadata, namedTensors } from './v2-response';

/** Says that the body holds binary tensors, and where they begin. */
export const headerLengthHeader = 'inference-header-content-length';

/** The REST routes of the Open Inference Protocol V2, with its binary tensor data extension. */
export function v2Routes(app: FastifyInstance, parts: AppParts, get: Get): void {
  const { readiness } = parts;
  get('/v2', () => ({ name: 'guardian-scoring-runtime', version, extensions: ['binary_tensor_data'] }));
  get('/v2/health/live', () => ({ live: true }));
  get('/v2/health/ready', (_request, reply) => {
    setProbeStatus(reply, readiness);
    return { ready: readiness.reason === undefined };
  });
  for (const model of ['/v2/models/:model', '/v2/models/:model/versions/:version']) {
    get(model, request => modelMetadata(findModel(readiness, request.params)));
    get(`${model}/ready`, (request, reply) => {
      const { identity } = findModel(readiness, request.params);
      setProbeStatus(reply, readiness);
      return { name: identity.name, ready: readiness.reason === undefined };
    });
    addScoringRoute(app, parts, {
      url: `${model}/infer`,
      name: '/v2/models/:model/infer',
      async answer({ body, headers }, reply, { model, caller, takePlaces }) {
        const header = headers[headerLengthHeader];
        const request = readInferenceRequest(body, typeof header === 'string' ? header : undefined, model.signature);
        requireOneByOne(model, request);
        takePlaces(request.rows.length);
        const rows = await runAll(model, request.rows, caller);
        const response = inferenceResponse(model, request, namedTensors(model, rows, request));
        if (response.headerLength !== undefined)
          reply.header(headerLengthHeader, String(response.headerLength)).type('application/octet-stream');
        return response.body;
      },
    });
  }
}

/** Lists over all images of a run cannot be put together to a batch. */
function requireOneByOne({ signature }: ServedModel, { rows }: InferenceRequest): void {
  const list = signature.outputs.find(({ perImage }) => !perImage);
  if (list && rows.length > 1)
    throw invalidRequest(`The output ${list.name} has no batch axis, so a request takes one image.`);
}

/** The model's outputs for each row. @throws ScoringError of the first row that has none */
export async function runAll(
  model: ServedModel,
  rows: InferenceRequest['rows'],
  caller: Caller,
): Promise<(readonly OutputTensor[])[]> {
  const results = await Promise.allSettled(
    rows.map(row => ('tensor' in row ? model.runTensor(row.tensor, caller) : model.runImage(row.image, caller))),
  );
  return results.map(result => {
    if (result.status === 'rejected') throw result.reason;
    return result.value;
  });
}
