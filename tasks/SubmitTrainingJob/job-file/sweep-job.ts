import { z } from 'zod';
import {
  about,
  distribution,
  identity,
  jobInput,
  namedOutput,
  orExpression,
  positive,
  queueSettings,
  resources,
} from './parts';
import { environment } from '../../../lib/azureml/environment-spec';
import { scalar, strings } from '../../../lib/azureml/yaml-file';

const bound = orExpression(z.number());

/** How one hyperparameter is drawn, and in which order the service wants its numbers. */
const parameter = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('choice'), values: z.array(z.union([scalar, z.record(z.string(), z.unknown())])) }),
  z.strictObject({ type: z.literal('randint'), upper: positive }),
  z.strictObject({ type: z.enum(['uniform', 'loguniform']), min_value: bound, max_value: bound }),
  z.strictObject({ type: z.enum(['quniform', 'qloguniform']), min_value: bound, max_value: bound, q: positive }),
  z.strictObject({ type: z.enum(['normal', 'lognormal']), mu: bound, sigma: bound }),
  z.strictObject({ type: z.enum(['qnormal', 'qlognormal']), mu: bound, sigma: bound, q: positive }),
]);
export type SearchParameter = z.output<typeof parameter>;

const intervals = { evaluation_interval: positive.default(1), delay_evaluation: z.number().int().min(0).default(0) };

const earlyTermination = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('bandit'),
    ...intervals,
    slack_factor: z.number().min(0).default(0),
    slack_amount: z.number().min(0).default(0),
  }),
  z.strictObject({ type: z.literal('median_stopping'), ...intervals }),
  z.strictObject({
    type: z.literal('truncation_selection'),
    ...intervals,
    truncation_percentage: z.number().int().min(1).max(99).default(0),
    exclude_finished_jobs: z.boolean().optional(),
  }),
]);
export type EarlyTermination = z.output<typeof earlyTermination>;

const samplingAlgorithm = z.union(
  [
    z.enum(['random', 'grid', 'bayesian']),
    z.strictObject({
      type: z.enum(['random', 'grid', 'bayesian']),
      seed: z.number().int().optional(),
      rule: z.enum(['random', 'sobol']).optional(),
      logbase: z.union([z.number(), z.literal('e')]).optional(),
    }),
  ],
  'expected random, grid or bayesian',
);
export type SamplingAlgorithm = z.output<typeof samplingAlgorithm>;

/** What a sweep is, as a job of its own and as a step of a pipeline. */
export const sweepParts = {
  sampling_algorithm: samplingAlgorithm.default('random'),
  search_space: z.record(z.string(), parameter),
  objective: z.strictObject({
    goal: z
      .string()
      .transform(text => text.toLowerCase())
      .pipe(z.enum(['minimize', 'maximize'])),
    primary_metric: z.string(),
  }),
  early_termination: earlyTermination.optional(),
  /** Times in seconds. */
  limits: z
    .strictObject({
      max_total_trials: orExpression(positive).optional(),
      max_concurrent_trials: orExpression(positive).optional(),
      timeout: orExpression(positive).optional(),
      trial_timeout: orExpression(positive).optional(),
    })
    .optional(),
};

/** The sweep job of `az ml` v2: https://learn.microsoft.com/azure/machine-learning/reference-yaml-job-sweep */
export const sweepJob = z.strictObject({
  ...about,
  type: z.literal('sweep').default('sweep'),
  ...sweepParts,
  trial: z.strictObject({
    $schema: z.string().optional(),
    type: z.literal('command').optional(),
    command: z.string(),
    code: z.string().optional(),
    environment,
    environment_variables: strings.optional(),
    distribution: distribution.optional(),
    resources: resources.optional(),
  }),
  compute: z.string().optional(),
  inputs: z.record(z.string(), jobInput).default({}),
  outputs: z.record(z.string(), namedOutput).default({}),
  identity: identity.optional(),
  queue_settings: queueSettings.optional(),
  resources: resources.optional(),
});

export type SweepJobSpec = z.output<typeof sweepJob>;
