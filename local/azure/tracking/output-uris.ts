import type { FastifyInstance } from 'fastify';
import { datastoreUri, type JobOutputs } from '../assets/data-uri';
import { workspacePath } from '../arm/arm-scope';
import type { AzureContext } from '../context';
import { PlaneRefusal } from './workspace-plane';

const modelTypes: Record<string, string> = {
  custom_model: 'CustomModel',
  mlflow_model: 'MLFlowModel',
  triton_model: 'TritonModel',
};

/** How run history names a job's output: every output is an asset of its own, registered by the service without being asked. */
export function outputAsset(
  context: AzureContext,
  job: string,
  output: string,
  type: string,
): { assetId: string; type: string } {
  const { region, workspaceId } = context.identity;
  const kind = type in modelTypes ? 'model' : 'data';
  const folder = kind === 'model' ? 'models' : 'data';
  return {
    assetId: `azureml://locations/${region}/workspaces/${workspaceId}/${folder}/azureml_${job}_output_${kind}_${output}/versions/1`,
    type: modelTypes[type] ?? type,
  };
}

/** The two calls with which azure-ai-ml turns the asset ids of a job's outputs into URIs; they have hosts' roots of their own, beside run history. */
export const outputUriPaths = {
  data: `/data/v1.0${workspacePath}/dataversion`,
  models: `/modelregistry/v1.0${workspacePath}/models`,
};

/** POST batchGetResolvedUris; `app` is the scope of one of `outputUriPaths`. */
export function registerOutputUris(
  app: FastifyInstance,
  context: AzureContext,
  outputs: JobOutputs,
  key: 'uri' | 'path',
): void {
  app.post<{ Body: { values?: unknown } | undefined }>('/batchGetResolvedUris', request => {
    const values: unknown[] = Array.isArray(request.body?.values) ? request.body.values : [];
    return {
      values: Object.fromEntries(
        values.map(id => [String(id), { [key]: uriOf(String(id), context, outputs), type: null }]),
      ),
    };
  });
}

function uriOf(assetId: string, context: AzureContext, outputs: JobOutputs): string {
  const [, job = '', output = ''] = /\/azureml_(.+)_output_(?:data|model)_(.+)\/versions\/1$/.exec(assetId) ?? [];
  const place = outputs(job)?.outputs[output];
  if (!place) throw new PlaneRefusal(404, `The asset ${assetId} was not found.`);
  return datastoreUri(context, place);
}
