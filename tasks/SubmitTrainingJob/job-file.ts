import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { isMap, isNode, LineCounter, parseDocument, stringify, type Document } from 'yaml';
import { z } from 'zod';
import { TaskError } from '../../lib/task-error';
import type { InlineJob } from './inputs';

const scalar = z.union([z.string(), z.number(), z.boolean()]);
const strings = z.record(z.string(), scalar.transform(String));
const data = z.strictObject({
  type: z.enum(['uri_file', 'uri_folder', 'mltable', 'custom_model', 'mlflow_model', 'triton_model']),
  path: z.string().optional(),
  mode: z.string().optional(),
  name: z.string().optional(),
});

/**
 * The command job of `az ml` v2: https://learn.microsoft.com/azure/machine-learning/reference-yaml-job-command
 * Keys that are not listed are refused rather than lost.
 */
const commandJob = z.strictObject({
  $schema: z.string().optional(),
  type: z.literal('command').default('command'),
  name: z.string().optional(),
  display_name: z.string().optional(),
  description: z.string().optional(),
  experiment_name: z.string().optional(),
  tags: strings.default({}),
  properties: strings.default({}),
  command: z.string(),
  code: z.string().optional(),
  compute: z.string().optional(),
  environment: z.union([
    z.string(),
    z.strictObject({
      name: z.string().optional(),
      version: z.string().optional(),
      description: z.string().optional(),
      image: z.string().optional(),
      conda_file: z.union([z.string(), z.record(z.string(), z.unknown())]).optional(),
      build: z.strictObject({ path: z.string(), dockerfile_path: z.string().default('Dockerfile') }).optional(),
    }),
  ]),
  environment_variables: strings.default({}),
  inputs: z.record(z.string(), z.union([scalar, data])).default({}),
  outputs: z.record(z.string(), data).default({}),
  distribution: z
    .strictObject({
      type: z.enum(['pytorch', 'PyTorch', 'mpi', 'Mpi', 'tensorflow', 'TensorFlow']),
      process_count_per_instance: z.number().int().optional(),
      worker_count: z.number().int().optional(),
      parameter_server_count: z.number().int().optional(),
    })
    .optional(),
  resources: z
    .strictObject({
      instance_count: z.number().int().optional(),
      instance_type: z.string().optional(),
      shm_size: z.string().optional(),
      docker_args: z.string().optional(),
    })
    .optional(),
  limits: z.strictObject({ timeout: z.number().int() }).optional(),
});

export type JobSpec = z.output<typeof commandJob>;

/** A checked job and the folder that its relative paths start from. */
export interface JobFile {
  readonly spec: JobSpec;
  readonly folder: string;
}

/** Reads a job file and applies the overrides to it. Every problem is named with its line. */
export function readJobFile(file: string, set: Readonly<Record<string, string>>): JobFile {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new TaskError(
      `The job file ${file} cannot be read: ${error instanceof Error ? error.message : String(error)}. Is the repository checked out, and jobFile relative to its root?`,
      {
        cause: error,
      },
    );
  }
  return { spec: parseJob(text, file, set), folder: dirname(file) };
}

/** The job of the task's own inputs, through the same checks and overrides as a file. */
export function inlineJobFile(job: InlineJob, folder: string, set: Readonly<Record<string, string>>): JobFile {
  const image = /^azureml:/.test(job.environment) ? job.environment : { image: job.environment };
  return { spec: parseJob(stringify({ ...job, environment: image }), 'inputs', set), folder };
}

function parseJob(text: string, file: string, set: Readonly<Record<string, string>>): JobSpec {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const [syntax] = document.errors;
  if (syntax) throw new TaskError(`${file} is not valid YAML: ${syntax.message}`, { cause: syntax });
  if (!isMap(document.contents))
    throw new TaskError(`${file} holds no job: it must be a map with keys such as command and environment.`);
  const type = document.get('type');
  if (type !== undefined && type !== 'command') {
    throw new TaskError(`${file}: jobs of type ${JSON.stringify(type)} are not supported yet; only command jobs are.`);
  }
  for (const [path, value] of Object.entries(set)) applyOverride(document, path, value, file);
  const parsed = commandJob.safeParse(document.toJS());
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(issue => {
    const path = issue.code === 'unrecognized_keys' ? [...issue.path, issue.keys[0] ?? ''] : issue.path;
    return `line ${lineOf(document, path, lines)}: ${path.join('.')}: ${issue.message}`;
  });
  throw new TaskError(
    `${file} is not a command job as az ml knows it:\n${problems.map(text => `  - ${text}`).join('\n')}`,
  );
}

/** Maps whose keys the user makes up; anywhere else an override must name what the job has. */
const openMaps = new Set(['environment_variables', 'tags', 'properties']);
const openKeys = new Set(['compute', 'experiment_name', 'display_name', 'description', 'resources', 'limits']);

function applyOverride(document: Document, path: string, value: string, file: string): void {
  const keys = path.split('.');
  const [first = '', second] = keys;
  const known = document.hasIn(keys) || (second !== undefined && openMaps.has(first)) || openKeys.has(first);
  if (!known) {
    const parent: unknown = document.getIn(keys.slice(0, -1), true);
    const siblings = isMap(parent) ? parent.items.map(item => String(item.key)) : [];
    throw new TaskError(
      `set: the job ${file} has no ${path}. ${siblings.length > 0 ? `There ${siblings.length === 1 ? 'is' : 'are'} ${siblings.join(', ')}.` : ''}`.trim(),
    );
  }
  // As YAML reads it: `5` is a number, `true` a boolean, anything else text.
  document.setIn(keys, parseDocument(value).toJS() as unknown);
}

/** The line of the nearest node that the document has on the way to a path. */
function lineOf(document: Document, path: readonly PropertyKey[], lines: LineCounter): number {
  for (let length = path.length; length >= 0; length--) {
    const node: unknown = document.getIn(path.slice(0, length), true);
    if (isNode(node) && node.range) return lines.linePos(node.range[0]).line;
  }
  return 1;
}
