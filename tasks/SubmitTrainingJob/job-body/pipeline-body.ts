import { isExpression, jobOutput } from '../job-file/parts';
import type {
  ComponentStepSpec,
  InlineStepSpec,
  PipelineJobSpec,
  StepInput,
  StepOutput,
  SweepStepSpec,
} from '../job-file/pipeline-job';
import { pythonText } from '../job-file/component';
import type { Component, Step } from '../job-file/steps';
import { computeOf } from './command-body';
import { componentSource, fileComponent, inlineComponent, type PipelineTypes } from './component-spec';
import { inputsOf, isData, modes, outputOf, uriOf } from './inputs-outputs';
import type { JobAssets } from './job-assets';
import { mapValues, present } from '../../../lib/azureml/present';
import { commandLimitsOf, distributionOf, identityOf, queueOf, resourcesOf, servicesOf, type Json } from './settings';
import { earlyTerminationOf } from './sweep-body';

/** The REST body of a pipeline job. Each step that is no registered component becomes a component of this job alone. */
export async function pipelineBody(
  spec: PipelineJobSpec,
  steps: readonly Step[],
  component: Component | undefined,
  folder: string,
  assets: JobAssets,
): Promise<Json> {
  const { settings } = spec;
  const compute = await computeOf(spec.compute, 1, assets);
  return {
    jobType: 'Pipeline',
    ...present({
      computeId: compute,
      componentId: component && (await fileComponent(component, assets)),
      identity: spec.identity && identityOf(spec.identity),
    }),
    settings: {
      ...present({
        ...settings,
        default_compute: settings.default_compute && (await assets.compute(settings.default_compute, 1)),
        default_datastore: settings.default_datastore && assets.datastore(settings.default_datastore),
      }),
      // The service tells by it what made the pipeline.
      _source: component ? 'REMOTE.WORKSPACE.JOB' : 'YAML.JOB',
    },
    inputs: await inputsOf(spec.inputs, folder, assets),
    outputs: mapValues(spec.outputs, output => outputOf(typeof output === 'string' ? jobOutput.parse({}) : output)),
    jobs: await stepBodies(steps, typesOf(spec, steps), assets),
  };
}

/** The `jobs` of a pipeline job or component: the service takes their keys as the file writes them, not in camel case. */
export async function stepBodies(
  steps: readonly Step[],
  types: PipelineTypes,
  assets: JobAssets,
): Promise<Record<string, Json>> {
  const bodies: Record<string, Json> = {};
  for (const step of steps) bodies[step.name] = await stepBody(step, types, assets);
  return bodies;
}

async function stepBody(step: Step, types: PipelineTypes, assets: JobAssets): Promise<Json> {
  const { spec, folder, name } = step;
  const nodes = 'resources' in spec ? spec.resources?.instance_count : undefined;
  const compute = isExpression(spec.compute) ? spec.compute : await computeOf(spec.compute, nodes, assets);
  const about = {
    name,
    type: step.kind === 'inline' ? 'command' : step.kind,
    ...present({
      display_name: spec.display_name,
      tags: spec.tags,
      properties: spec.properties,
      comment: spec.comment,
      computeId: compute,
    }),
    ...(await stepInputs(spec.inputs, folder, assets)),
    ...stepOutputs(spec.outputs, step, types),
  };
  switch (step.kind) {
    case 'inline':
      return {
        ...about,
        ...commandSettings(step.spec),
        _source: 'YAML.JOB',
        componentId: `azureml:${await inlineComponent(step.spec, folder, types, assets)}`,
      };
    case 'command':
      return {
        ...about,
        ...commandSettings(step.spec),
        _source: componentSource(step.component),
        componentId: await fileComponent(step.component, assets),
      };
    case 'pipeline':
      return {
        ...about,
        _source: componentSource(step.component),
        componentId: await fileComponent(step.component, assets),
      };
    case 'sweep':
      return {
        ...about,
        ...sweepSettings(step.spec),
        _source: componentSource(step.component),
        trial: { componentId: await fileComponent(step.component, assets) },
      };
  }
}

async function stepInputs(
  inputs: Readonly<Record<string, StepInput>>,
  folder: string,
  assets: JobAssets,
): Promise<{ inputs?: Json }> {
  const body: Record<string, Json> = {};
  for (const [name, input] of Object.entries(inputs)) {
    if (!isData(input)) {
      body[name] = { job_input_type: 'literal', value: pythonText(input) };
      continue;
    }
    const { type, path, mode } = input;
    const how = mode === undefined ? {} : { mode: modes[mode] };
    body[name] = isExpression(path)
      ? { job_input_type: 'literal', value: path, ...how }
      : { job_input_type: type, uri: await uriOf(type, path, folder, assets), ...how };
  }
  return Object.keys(body).length > 0 ? { inputs: body } : {};
}

function stepOutputs(
  outputs: Readonly<Record<string, StepOutput>>,
  step: Step,
  types: PipelineTypes,
): { outputs?: Json } {
  const body = Object.fromEntries(
    Object.entries(outputs).flatMap(([name, output]): [string, Json][] => {
      // Only declared, for steps that come after: the service puts it where it likes.
      if (output === null) return [];
      if (typeof output === 'string') return [[name, { type: 'literal', value: output }]];
      const given = jobOutput.partial().parse(output);
      const how = present({ mode: given.mode && modes[given.mode], name: given.name, version: given.version });
      if (isExpression(given.path)) return [[name, { type: 'literal', value: given.path, ...how }]];
      const type = output.type ?? declaredOutput(step, name) ?? types.output(step.name, name);
      return [[name, { job_output_type: type ?? 'uri_folder', ...present({ uri: given.path }), ...how }]];
    }),
  );
  return Object.keys(body).length > 0 ? { outputs: body } : {};
}

/** What kind of data the step's component says that the output is. */
function declaredOutput(step: Step, name: string): string | undefined {
  if (step.kind === 'inline' || step.component.kind === 'registered') return undefined;
  return step.component.spec.outputs[name]?.type;
}

function commandSettings(spec: InlineStepSpec | ComponentStepSpec): Json {
  return present({
    environment_variables: spec.environment_variables,
    distribution: spec.distribution && snakeKeys(distributionOf(spec.distribution)),
    resources: spec.resources && snakeKeys(resourcesOf(spec.resources)),
    limits: spec.limits && snakeKeys(commandLimitsOf(spec.limits)),
    identity: spec.identity && snakeKeys(identityOf(spec.identity)),
    services: spec.services && mapValues(servicesOf(spec.services), snakeKeys),
    queue_settings: spec.queue_settings && snakeKeys(queueOf(spec.queue_settings)),
  });
}

function sweepSettings(spec: SweepStepSpec): Json {
  const { sampling_algorithm, search_space, objective, early_termination, limits } = spec;
  return present({
    sampling_algorithm,
    search_space,
    objective,
    early_termination: early_termination && snakeKeys(earlyTerminationOf(early_termination)),
    limits,
    resources: spec.resources && snakeKeys(resourcesOf(spec.resources)),
    queue_settings: spec.queue_settings && snakeKeys(queueOf(spec.queue_settings)),
    identity: spec.identity && snakeKeys(identityOf(spec.identity)),
  });
}

/** Keys as steps write them: `instanceCount` is `instance_count`. */
function snakeKeys(body: Json): Json {
  return Object.fromEntries(
    Object.entries(body).map(([key, value]) => [
      key.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`),
      key === 'nodes' ? snakeKeys(value as Json) : value,
    ]),
  );
}

/** What is known of the types of a pipeline's inputs, outputs and steps: an inline step's own inputs take theirs from it. */
export function typesOf(
  { inputs, outputs }: { inputs: Readonly<Record<string, unknown>>; outputs: Readonly<Record<string, unknown>> },
  steps: readonly Step[],
): PipelineTypes {
  const ofParent = (values: Readonly<Record<string, unknown>>, name: string): string | undefined => {
    const value = values[name];
    if (typeof value === 'object' && value !== null && 'type' in value) return String(value.type);
    return value === undefined || isExpression(value) ? undefined : literalType(value);
  };
  const output = (stepName: string, name: string): string | undefined => {
    const step = steps.find(other => other.name === stepName);
    const given = step?.spec.outputs[name];
    if (typeof given === 'object' && given?.type !== undefined) return given.type;
    if (typeof given === 'string') {
      const parent = /parent\.outputs\.([\w-]+)/.exec(given)?.[1];
      return parent === undefined ? undefined : ofParent(outputs, parent);
    }
    return step && declaredOutput(step, name);
  };
  return {
    input: name => ofParent(inputs, name),
    output,
    parentOutput: name => {
      const type = ofParent(outputs, name);
      const { mode } = (outputs[name] ?? {}) as { mode?: string };
      return type === undefined ? undefined : { type, ...present({ mode }) };
    },
  };
}

/** The type of a literal as the file wrote it. */
export function literalType(value: unknown): 'boolean' | 'integer' | 'number' | 'string' {
  if (typeof value === 'boolean') return 'boolean';
  if (typeof value === 'object' && value !== null && 'isInteger' in value)
    return value.isInteger ? 'integer' : 'number';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  return 'string';
}
