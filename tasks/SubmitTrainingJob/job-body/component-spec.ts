import { pythonText, type CommandComponentSpec, type ComponentInput } from '../job-file/component';
import { isExpression, type DistributionSpec, type ResourcesSpec } from '../job-file/parts';
import type { Scalar } from '../../../lib/azureml/yaml-file';
import type { InlineStepSpec, StepInput } from '../job-file/pipeline-job';
import type { Component } from '../job-file/steps';
import { codeOf } from './command-body';
import { environmentId } from '../../../lib/azureml/environment-spec';
import { isData } from './inputs-outputs';
import type { JobAssets } from './job-assets';
import { literalType, stepBodies, typesOf } from './pipeline-body';
import { mapValues, present } from '../../../lib/azureml/present';
import type { Json } from './settings';

/** The types of a pipeline's inputs and outputs and of its steps' outputs, as far as the files tell. */
export interface PipelineTypes {
  input(name: string): string | undefined;
  output(step: string, name: string): string | undefined;
  parentOutput(name: string): { readonly type: string; readonly mode?: string } | undefined;
}

/** Where a step's component comes from, in the words that `az ml` tells the service. */
export function componentSource(component: Component): string {
  if (component.kind !== 'registered') return component.isInline ? 'YAML.JOB' : 'YAML.COMPONENT';
  return component.reference.startsWith('azureml://registries/') ? 'REMOTE.REGISTRY' : 'REMOTE.WORKSPACE.COMPONENT';
}

/** What `componentId` names: a registered component, or one that is made for this job from what a file says. */
export async function fileComponent(component: Component, assets: JobAssets): Promise<string> {
  if (component.kind === 'registered') return prefixed(await assets.asset('components', component.reference));
  const { spec, folder } = component;
  const common = {
    ...anonymous,
    ...present({
      $schema: spec.$schema,
      display_name: spec.display_name,
      description: spec.description,
      tags: spec.tags,
    }),
    type: component.kind,
    ...declared('inputs', mapValues(spec.inputs, textInput)),
    ...declared('outputs', spec.outputs),
    _source: componentSource(component),
  };
  const componentSpec: Json =
    component.kind === 'pipeline'
      ? { ...common, jobs: await stepBodies(component.steps, typesOf(component.spec, component.steps), assets) }
      : { ...common, ...(await commandParts(component.spec, folder, assets)) };
  return prefixed(
    await assets.component({ componentSpec, ...present({ description: spec.description }), tags: spec.tags ?? {} }),
  );
}

/** ARM id of the component that an inline step becomes; its inputs' types follow from their values. */
export async function inlineComponent(
  step: InlineStepSpec,
  folder: string,
  types: PipelineTypes,
  assets: JobAssets,
): Promise<string> {
  const inputs = Object.fromEntries(
    Object.entries(step.inputs).map(([name, input]) => [name, declarationOf(input, types)]),
  );
  const outputs = Object.fromEntries(
    Object.entries(step.outputs).map(([name, output]) => {
      if (typeof output === 'string') {
        const parent = /parent\.outputs\.([\w-]+)/.exec(output)?.[1];
        return [name, (parent === undefined ? undefined : types.parentOutput(parent)) ?? { type: 'uri_folder' }];
      }
      return [name, { type: output?.type ?? 'uri_folder', ...present({ mode: output?.mode }) }];
    }),
  );
  const componentSpec: Json = {
    ...anonymous,
    ...present({ description: step.description, tags: step.tags }),
    type: 'command',
    ...declared('inputs', inputs),
    ...declared('outputs', outputs),
    ...(await commandParts(step, folder, assets)),
    _source: 'YAML.JOB',
  };
  return assets.component({
    componentSpec,
    ...present({ description: step.description }),
    tags: step.tags ?? {},
  });
}

const anonymous = { name: 'azureml_anonymous', version: '1' };

function declarationOf(input: StepInput, types: PipelineTypes): Json {
  const [value, mode] = isData(input) ? [input.path, input.mode] : [input, undefined];
  if (isExpression(value)) {
    const parent = /parent\.inputs\.([\w.-]+)/.exec(value)?.[1];
    const [, step = '', output = ''] = /parent\.jobs\.([\w-]+)\.outputs\.([\w-]+)/.exec(value) ?? [];
    const known = parent === undefined ? types.output(step, output) : types.input(parent);
    return { type: known ?? (isData(input) ? input.type : 'uri_folder'), ...present({ mode }) };
  }
  if (isData(input)) return { type: input.type, ...present({ mode }) };
  return { type: literalType(input), default: pythonText(input) };
}

async function commandParts(
  spec: {
    command: string;
    code?: string | undefined;
    environment: CommandComponentSpec['environment'];
    distribution?: DistributionSpec | undefined;
    resources?: ResourcesSpec | undefined;
    is_deterministic?: boolean | undefined;
  },
  folder: string,
  assets: JobAssets,
): Promise<Json> {
  const code = await codeOf(spec.code, folder, assets);
  return {
    command: spec.command,
    is_deterministic: spec.is_deterministic ?? true,
    environment: prefixed(await environmentId(spec.environment, folder, assets)),
    ...present({
      code: code && prefixed(code),
      distribution: spec.distribution && componentDistribution(spec.distribution),
      resources: spec.resources,
    }),
  };
}

function declared(name: 'inputs' | 'outputs', values: Readonly<Record<string, unknown>>): Json {
  return Object.keys(values).length > 0 ? { [name]: values } : {};
}

/** An input as a component declares it to the service: numbers as text, those of type `number` as Python writes floats. */
function textInput(input: ComponentInput): Json {
  const text = (value: Scalar): string => {
    const plain = pythonText(value);
    if (input.type !== 'number' || plain.trim() === '' || Number.isNaN(Number(plain))) return plain;
    return Number.isInteger(Number(plain)) ? `${Number(plain)}.0` : String(Number(plain));
  };
  return {
    ...input,
    ...present({
      default: input.default === undefined ? undefined : text(input.default),
      min: input.min === undefined ? undefined : text(input.min),
      max: input.max === undefined ? undefined : text(input.max),
      enum: input.enum?.map(text),
    }),
  };
}

function componentDistribution(distribution: DistributionSpec): Json {
  return distribution.type === 'tensorflow' ? { parameter_server_count: 0, ...distribution } : distribution;
}

/** In a component's text an ARM id is told from a path by its prefix. */
function prefixed(id: string): string {
  return id.startsWith('/') ? `azureml:${id}` : id;
}
