import type { EarlyTermination, SamplingAlgorithm, SearchParameter, SweepJobSpec } from '../job-file/sweep-job';
import { codeOf, computeOf } from './command-body';
import { environmentId } from '../../../lib/azureml/environment-spec';
import { inputsOf, outputOf } from './inputs-outputs';
import type { JobAssets } from './job-assets';
import { mapValues, present } from '../../../lib/azureml/present';
import { distributionOf, durationOf, identityOf, queueOf, resourcesOf, type Json } from './settings';

/** The REST body of a sweep job. */
export async function sweepBody(spec: SweepJobSpec, folder: string, assets: JobAssets): Promise<Json> {
  const { trial, limits, objective } = spec;
  const compute = await computeOf(
    spec.compute,
    trial.resources?.instance_count ?? spec.resources?.instance_count,
    assets,
  );
  const resources = trial.resources ?? spec.resources;
  return {
    jobType: 'Sweep',
    searchSpace: mapValues(spec.search_space, searchOf),
    samplingAlgorithm: samplingOf(spec.sampling_algorithm),
    objective: {
      goal: objective.goal === 'maximize' ? 'Maximize' : 'Minimize',
      primaryMetric: objective.primary_metric,
    },
    trial: {
      command: trial.command,
      environmentId: await environmentId(trial.environment, folder, assets),
      environmentVariables: trial.environment_variables ?? {},
      ...present({
        codeId: await codeOf(trial.code, folder, assets),
        distribution: trial.distribution && distributionOf(trial.distribution),
        resources: resources && resourcesOf(resources),
      }),
    },
    ...present({
      computeId: compute,
      earlyTermination: spec.early_termination && earlyTerminationOf(spec.early_termination),
      limits: limits && {
        jobLimitsType: 'Sweep',
        ...present({
          maxTotalTrials: limits.max_total_trials,
          maxConcurrentTrials: limits.max_concurrent_trials,
          timeout: limits.timeout && durationOf(limits.timeout),
          trialTimeout: limits.trial_timeout && durationOf(limits.trial_timeout),
        }),
      },
      identity: spec.identity && identityOf(spec.identity),
      queueSettings: spec.queue_settings && queueOf(spec.queue_settings),
    }),
    inputs: await inputsOf(spec.inputs, folder, assets),
    outputs: mapValues(spec.outputs, outputOf),
  };
}

/** A distribution's name and its arguments, in the order that the service wants. */
function searchOf(parameter: SearchParameter): [string, unknown[]] {
  switch (parameter.type) {
    case 'choice':
      return ['choice', [parameter.values]];
    case 'randint':
      return ['randint', [parameter.upper]];
    case 'uniform':
    case 'loguniform':
      return [parameter.type, [parameter.min_value, parameter.max_value]];
    case 'quniform':
    case 'qloguniform':
      return [parameter.type, [parameter.min_value, parameter.max_value, parameter.q]];
    case 'normal':
    case 'lognormal':
      return [parameter.type, [parameter.mu, parameter.sigma]];
    case 'qnormal':
    case 'qlognormal':
      return [parameter.type, [parameter.mu, parameter.sigma, parameter.q]];
  }
}

const samplingTypes = { random: 'Random', grid: 'Grid', bayesian: 'Bayesian' } as const;

function samplingOf(algorithm: SamplingAlgorithm): Json {
  if (typeof algorithm === 'string') return { samplingAlgorithmType: samplingTypes[algorithm] };
  const { type, seed, rule, logbase } = algorithm;
  return {
    samplingAlgorithmType: samplingTypes[type],
    ...(type === 'random'
      ? present({ seed, rule: rule === 'sobol' ? 'Sobol' : rule && 'Random', logbase: logbase?.toString() })
      : {}),
  };
}

const policyTypes = {
  bandit: 'Bandit',
  median_stopping: 'MedianStopping',
  truncation_selection: 'TruncationSelection',
} as const;

export function earlyTerminationOf(policy: EarlyTermination): Json {
  const common = {
    policyType: policyTypes[policy.type],
    evaluationInterval: policy.evaluation_interval,
    delayEvaluation: policy.delay_evaluation,
  };
  switch (policy.type) {
    case 'bandit':
      return { ...common, slackFactor: policy.slack_factor, slackAmount: policy.slack_amount };
    case 'median_stopping':
      return common;
    case 'truncation_selection':
      return { ...common, truncationPercentage: policy.truncation_percentage };
  }
}
