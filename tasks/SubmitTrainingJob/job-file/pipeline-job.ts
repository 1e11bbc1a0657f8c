import { z } from 'zod';
import {
  about,
  commandLimits,
  dataInput,
  dataType,
  distribution,
  identity,
  isExpression,
  jobInput,
  jobOutput,
  namedOutput,
  queueSettings,
  resources,
  services,
} from './parts';
import { environment } from '../../../lib/azureml/environment-spec';
import { scalar, strings } from '../../../lib/azureml/yaml-file';
import { sweepParts } from './sweep-job';

/** A file, a reference to a registered component, or the component itself; which one, and whether it is right, is seen when it is read. */
const componentSource = z.union([z.string(), z.record(z.string(), z.unknown())], 'name a component or write one out');

const stepInput = z.union([scalar, dataInput], 'an input is a value, an expression, or a map with type, path and mode');
const stepOutput = z.union(
  [
    z.string().refine(isExpression, 'expected an expression such as ${{parent.outputs.model}}'),
    jobOutput.extend({ type: dataType.optional() }),
    z.null(),
  ],
  'an output is an expression, or a map with type, path and mode',
);
export type StepInput = z.output<typeof stepInput>;
export type StepOutput = z.output<typeof stepOutput>;

const step = {
  name: z.string().optional(),
  display_name: z.string().optional(),
  description: z.string().optional(),
  comment: z.string().optional(),
  tags: strings.optional(),
  properties: strings.optional(),
  compute: z.string().optional(),
  inputs: z.record(z.string(), stepInput).default({}),
  outputs: z.record(z.string(), stepOutput).default({}),
};

const commandSettings = {
  environment_variables: strings.optional(),
  distribution: distribution.optional(),
  resources: resources.optional(),
  limits: commandLimits.optional(),
  identity: identity.optional(),
  services: services.optional(),
  queue_settings: queueSettings.optional(),
};

const type = z.literal('command').default('command');
export const inlineStep = z.strictObject({
  ...step,
  ...commandSettings,
  $schema: z.string().optional(),
  type,
  command: z.string(),
  code: z.string().optional(),
  environment,
});
export const componentStep = z.strictObject({ ...step, ...commandSettings, type, component: componentSource });
export const sweepStep = z.strictObject({
  ...step,
  ...sweepParts,
  type: z.literal('sweep'),
  trial: componentSource,
  queue_settings: queueSettings.optional(),
  resources: resources.optional(),
  identity: identity.optional(),
});
export const pipelineStep = z.strictObject({ ...step, type: z.literal('pipeline'), component: componentSource });

export type InlineStepSpec = z.output<typeof inlineStep>;
export type ComponentStepSpec = z.output<typeof componentStep>;
export type SweepStepSpec = z.output<typeof sweepStep>;
export type PipelineStepSpec = z.output<typeof pipelineStep>;

/** The pipeline job of `az ml` v2: https://learn.microsoft.com/azure/machine-learning/reference-yaml-job-pipeline; its steps are checked apart. */
export const pipelineJob = z.strictObject({
  ...about,
  type: z.literal('pipeline').default('pipeline'),
  compute: z.string().optional(),
  inputs: z.record(z.string(), jobInput).default({}),
  outputs: z.record(z.string(), z.union([namedOutput, z.string().refine(isExpression)])).default({}),
  settings: z
    .object({
      default_compute: z.string().optional(),
      default_datastore: z.string().optional(),
      continue_on_step_failure: z.boolean().optional(),
      continue_run_on_failed_optional_input: z.boolean().optional(),
      force_rerun: z.boolean().optional(),
    })
    // The service takes any setting, also ones that it does not know.
    .catchall(scalar)
    .default({}),
  identity: identity.optional(),
  /** In place of `jobs`: a pipeline that is a component. */
  component: componentSource.optional(),
  jobs: z.record(z.string(), z.unknown()).default({}),
});

export type PipelineJobSpec = z.output<typeof pipelineJob>;
