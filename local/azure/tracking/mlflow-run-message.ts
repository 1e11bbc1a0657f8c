import type { ArtifactAddresses } from './artifact-addresses';
import { asPairs, protoNumber } from './mlflow-fields';
import type { Metric, Run } from './run-store';

/** The `info` of a run in MLflow's answers. */
export function runInfo(run: Run, addresses: ArtifactAddresses): Record<string, unknown> {
  return {
    run_id: run.id,
    run_uuid: run.id,
    run_name: run.name,
    experiment_id: run.experimentId,
    user_id: run.userId,
    status: run.status,
    start_time: run.startTime,
    ...(run.endTime === undefined ? {} : { end_time: run.endTime }),
    artifact_uri: addresses.ofRun(run),
    lifecycle_stage: run.hidden ? 'deleted' : 'active',
  };
}

/** A whole run in MLflow's answers; `metrics` are the latest values. */
export function runMessage(run: Run, metrics: Metric[], addresses: ArtifactAddresses): Record<string, unknown> {
  return {
    info: runInfo(run, addresses),
    data: {
      metrics: metrics.map(metricMessage),
      params: asPairs(run.params),
      tags: asPairs({ ...run.tags, 'mlflow.runName': run.name }),
    },
    inputs: { dataset_inputs: [], model_inputs: [] },
    outputs: { model_outputs: (run.modelOutputs ?? []).map(({ modelId, step }) => ({ model_id: modelId, step })) },
  };
}

export function metricMessage(metric: Metric): Record<string, unknown> {
  return { key: metric.key, value: protoNumber(metric.value), timestamp: metric.timestamp, step: metric.step };
}
