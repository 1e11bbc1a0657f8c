import { z } from 'zod';

const scalar = z.union([z.string(), z.number(), z.boolean()]);
const strings = z.record(z.string(), scalar.transform(String));
const dataType = z.enum(['uri_file', 'uri_folder', 'mltable', 'custom_model', 'mlflow_model', 'triton_model']);

const input = z.strictObject({
  type: dataType.default('uri_folder'),
  path: z.string(),
  mode: z.enum(['ro_mount', 'rw_mount', 'download', 'direct', 'eval_mount', 'eval_download']).optional(),
});

const output = z.strictObject({
  type: dataType.default('uri_folder'),
  path: z.string().optional(),
  mode: z.enum(['rw_mount', 'upload', 'direct']).optional(),
});

const environment = z.strictObject({
  $schema: z.string().optional(),
  name: z.string().optional(),
  version: scalar.transform(String).optional(),
  description: z.string().optional(),
  tags: strings.optional(),
  image: z.string().optional(),
  conda_file: z.union([z.string(), z.record(z.string(), z.unknown())]).optional(),
  build: z.strictObject({ path: z.string(), dockerfile_path: z.string().default('Dockerfile') }).optional(),
});

const positive = z.number().int().min(1);

/**
 * The command job of `az ml` v2: https://learn.microsoft.com/azure/machine-learning/reference-yaml-job-command
 * Keys that are not listed are refused rather than lost.
 */
export const commandJob = z.strictObject({
  $schema: z.string().optional(),
  type: z.literal('command').default('command'),
  /** Not used: names of jobs must be fresh for every try, so the task makes them. */
  name: z.string().optional(),
  display_name: z.string().optional(),
  description: z.string().optional(),
  experiment_name: z.string().optional(),
  tags: strings.default({}),
  properties: strings.default({}),
  command: z.string(),
  code: z.string().optional(),
  compute: z.string().optional(),
  environment: z.union(
    [z.string(), environment],
    'name an environment, as azureml:name:version or as a map with image or build',
  ),
  environment_variables: strings.default({}),
  inputs: z
    .record(z.string(), z.union([scalar, input], 'an input is a single value, or a map with type, path and mode'))
    .default({}),
  outputs: z.record(z.string(), output).default({}),
  distribution: z
    .strictObject({
      type: z
        .string()
        .transform(text => text.toLowerCase())
        .pipe(z.enum(['pytorch', 'mpi', 'tensorflow'])),
      process_count_per_instance: positive.optional(),
      worker_count: positive.optional(),
      parameter_server_count: z.number().int().min(0).optional(),
    })
    .optional(),
  resources: z
    .strictObject({
      instance_count: positive.optional(),
      instance_type: z.string().optional(),
      shm_size: z.string().optional(),
      docker_args: z.string().optional(),
      properties: z.record(z.string(), z.unknown()).optional(),
    })
    .optional(),
  /** Seconds. */
  limits: z.strictObject({ timeout: positive }).optional(),
  identity: z
    .strictObject({
      type: z.enum(['managed', 'managed_identity', 'user_identity', 'aml_token']),
      client_id: z.string().optional(),
      object_id: z.string().optional(),
      msi_resource_id: z.string().optional(),
    })
    .optional(),
});

export type JobSpec = z.output<typeof commandJob>;
