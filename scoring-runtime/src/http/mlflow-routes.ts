import type { FastifyInstance } from 'fastify';
import { version } from '../../package.json';
import type { OutputTensor } from '../model';
import { ScoringError } from '../scoring-error';
import type { ServedModel } from '../served-model';
import { datatypeOf, jsonValues } from '../tensor-types';
import type { AppParts, Get } from './app';
import { readInvocation } from './mlflow-request';
import { setProbeStatus } from './probe-status';
import { scoreImages } from './score-route';
import { addScoringRoute } from './scoring-route';
import { runAll } from './v2-routes';

/** The routes of MLflow's scoring server, which SageMaker's contract shares. https://mlflow.org/docs/latest/ml/deployment/deploy-model-locally/ */
export function mlflowRoutes(app: FastifyInstance, parts: AppParts, get: Get): void {
  for (const url of ['/ping', '/health']) {
    get(url, (_request, reply) => {
      setProbeStatus(reply, parts.readiness);
      return reply.type('application/json').send('\n');
    });
  }
  get('/version', (_request, reply) => reply.type('text/plain').send(version));
  addScoringRoute(app, parts, {
    url: '/invocations',
    name: '/invocations',
    async answer(request, _reply, { model, caller, takePlaces }) {
      const { images, tensors, listName } = readInvocation(request.body, model.signature.input);
      takePlaces(images.length + tensors.length);
      if (images.length > 0)
        return { predictions: await scoreImages(parts, model, images, caller, request.id, listName) };
      const rows = await runAll(model, tensors, caller);
      return { predictions: Object.fromEntries(model.signature.outputs.map((_, index) => column(model, rows, index))) };
    },
  });
}

/** An output for all rows as nested lists, the form of MLflow's flavour onnx. */
function column(model: ServedModel, rows: readonly (readonly OutputTensor[])[], index: number): [string, unknown] {
  const output = model.signature.outputs[index];
  if (!output) throw new ScoringError('InternalError', 'The model has no such output.');
  const lists = rows.flatMap(row => {
    const tensor = row[index];
    return tensor ? [nested(jsonValues(tensor.data, datatypeOf(output.type)), tensor.shape)] : [];
  });
  return [output.name, output.perImage ? lists : lists[0]];
}

function nested(values: readonly unknown[], shape: readonly number[]): unknown {
  const [size, ...rest] = shape;
  if (size === undefined) return values[0];
  if (rest.length === 0) return values;
  const width = values.length / size;
  return Array.from({ length: size }, (_, index) => nested(values.slice(index * width, (index + 1) * width), rest));
}
