import { z } from 'zod';
import { dataType, distribution, resources } from './parts';
import { environment } from '../../../lib/azureml/environment-spec';
import { scalar, strings } from '../../../lib/azureml/yaml-file';

/** What the first versions called data of any kind. */
const legacyPath = z.literal('path');

/** An input that a component declares. */
const componentInput = z.strictObject({
  type: z.union([dataType, z.enum(['string', 'integer', 'number', 'boolean']), legacyPath]),
  description: z.string().optional(),
  optional: z.boolean().optional(),
  default: scalar.optional(),
  min: scalar.optional(),
  max: scalar.optional(),
  enum: z.array(scalar).optional(),
  mode: z.string().optional(),
});
export type ComponentInput = z.output<typeof componentInput>;

const componentOutput = z.strictObject({
  type: z.union([dataType, legacyPath]).default('uri_folder'),
  description: z.string().optional(),
  mode: z.string().optional(),
});

const about = {
  $schema: z.string().optional(),
  name: z.string().optional(),
  version: scalar.transform(String).optional(),
  display_name: z.string().optional(),
  description: z.string().optional(),
  tags: strings.optional(),
  is_deterministic: z.boolean().optional(),
  inputs: z.record(z.string(), componentInput).default({}),
  outputs: z
    .record(z.string(), z.union([componentOutput, z.null().transform(() => componentOutput.parse({}))]))
    .default({}),
};

/** https://learn.microsoft.com/azure/machine-learning/reference-yaml-component-command */
export const commandComponent = z.strictObject({
  ...about,
  type: z.literal('command').default('command'),
  command: z.string(),
  code: z.string().optional(),
  environment,
  distribution: distribution.optional(),
  resources: resources.optional(),
});
export type CommandComponentSpec = z.output<typeof commandComponent>;

/** https://learn.microsoft.com/azure/machine-learning/reference-yaml-component-pipeline; its steps are checked apart. */
export const pipelineComponent = z.strictObject({
  ...about,
  type: z.literal('pipeline'),
  jobs: z.record(z.string(), z.unknown()),
});
export type PipelineComponentSpec = z.output<typeof pipelineComponent>;

/** Booleans as Python writes them, which is how `az ml` sends them and how jobs read them. */
export function pythonText(value: z.output<typeof scalar>): string {
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  return String(value);
}
