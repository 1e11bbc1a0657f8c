import { z } from 'zod';
import { scalar, strings } from '../../../lib/azureml/yaml-file';

/** What jobs and components of every kind are made of. Keys that are not listed are refused rather than lost. */

export const positive = z.number().int().min(1);

/** A whole value that is an expression, as pipeline jobs use them: `${{parent.inputs.epochs}}`. */
export function isExpression(text: unknown): text is string {
  return typeof text === 'string' && /^\s*\$\{\{.*\}\}\s*$/s.test(text);
}

/** A value, or in a pipeline's step an expression that the service puts in its place. */
export function orExpression<T extends z.ZodType>(type: T): z.ZodUnion<[T, z.ZodString]> {
  return z.union([type, z.string().refine(isExpression, 'expected a value or an expression ${{…}}')]);
}

export const dataType = z.enum(['uri_file', 'uri_folder', 'mltable', 'custom_model', 'mlflow_model', 'triton_model']);
const literalType = z.enum(['string', 'integer', 'number', 'boolean']);

const inputMode = z.enum(['ro_mount', 'rw_mount', 'download', 'direct', 'eval_mount', 'eval_download']);
const outputMode = z
  .enum(['rw_mount', 'upload', 'mount', 'direct'])
  .transform(mode => (mode === 'mount' ? 'rw_mount' : mode));

export const dataInput = z.strictObject({
  type: dataType.default('uri_folder'),
  path: z.string(),
  mode: inputMode.optional(),
  description: z.string().optional(),
});

/** `{type: number, default: 5}`: a literal with its type spelled out. */
const typedLiteral = z
  .strictObject({ type: literalType, default: scalar.optional(), value: scalar.optional() })
  .transform(({ default: initial, value }, context) => {
    const given = value ?? initial;
    if (given !== undefined) return given;
    context.addIssue({ code: 'custom', message: 'a literal input needs its value' });
    return z.NEVER;
  });

export const jobInput = z.union(
  [scalar, dataInput, typedLiteral],
  'an input is a single value, or a map with type, path and mode',
);
export type JobInput = z.output<typeof jobInput>;

export const jobOutput = z.strictObject({
  type: dataType.default('uri_folder'),
  path: z.string().optional(),
  mode: outputMode.optional(),
  description: z.string().optional(),
  /** Registers the output as an asset of this name when the job has completed. */
  name: z.string().optional(),
  version: scalar.transform(String).optional(),
});
export type JobOutput = z.output<typeof jobOutput>;

/** A job's output; with nothing behind its name it is a folder wherever the service likes. */
export const namedOutput = z.union([jobOutput, z.null().transform(() => jobOutput.parse({}))]);

export const distribution = z.strictObject({
  type: z
    .string()
    .transform(text => text.toLowerCase())
    .pipe(z.enum(['pytorch', 'mpi', 'tensorflow', 'ray'])),
  process_count_per_instance: orExpression(positive).optional(),
  worker_count: orExpression(positive).optional(),
  parameter_server_count: orExpression(z.number().int().min(0)).optional(),
  port: positive.optional(),
  address: z.string().optional(),
  include_dashboard: z.boolean().optional(),
  dashboard_port: positive.optional(),
  head_node_additional_args: z.string().optional(),
  worker_node_additional_args: z.string().optional(),
});
export type DistributionSpec = z.output<typeof distribution>;

export const resources = z.strictObject({
  instance_count: orExpression(positive).optional(),
  instance_type: z.string().optional(),
  shm_size: z.string().optional(),
  docker_args: z.string().optional(),
  properties: z.record(z.string(), z.unknown()).optional(),
});
export type ResourcesSpec = z.output<typeof resources>;

export const identity = z.strictObject({
  type: z.enum(['managed', 'managed_identity', 'user', 'user_identity', 'aml_token']),
  client_id: z.string().optional(),
  object_id: z.string().optional(),
  msi_resource_id: z.string().optional(),
});
export type IdentitySpec = z.output<typeof identity>;

export const queueSettings = z.strictObject({
  job_tier: z
    .string()
    .transform(text => text.toLowerCase())
    .pipe(z.enum(['spot', 'basic', 'standard', 'premium', 'null'])),
  priority: z
    .string()
    .transform(text => text.toLowerCase())
    .pipe(z.enum(['low', 'medium', 'high']))
    .optional(),
});
export type QueueSpec = z.output<typeof queueSettings>;

/** Programs to reach a running job by. https://learn.microsoft.com/azure/machine-learning/how-to-interactive-jobs */
export const services = z.record(
  z.string(),
  z.strictObject({
    type: z.enum(['jupyter_lab', 'ssh', 'tensor_board', 'vs_code', 'custom']).optional(),
    job_service_type: z.string().optional(),
    nodes: z.literal('all').optional(),
    port: positive.optional(),
    endpoint: z.string().optional(),
    ssh_public_keys: z.string().optional(),
    log_dir: z.string().optional(),
    properties: strings.optional(),
  }),
);
export type ServicesSpec = z.output<typeof services>;

/** Seconds. */
export const commandLimits = z.strictObject({ timeout: orExpression(positive) });

/** What every job says of itself. */
export const about = {
  $schema: z.string().optional(),
  /** Not used: names of jobs must be fresh for every try, so the task makes them. */
  name: z.string().optional(),
  display_name: z.string().optional(),
  description: z.string().optional(),
  experiment_name: z.string().optional(),
  tags: strings.default({}),
  properties: strings.default({}),
};
