import { userError } from '../arm/arm-error';
import { stringMap } from '../assets/asset-body';
import { invalid, record, text, type Body } from './body-fields';
import { commandLimits, commandSpec, jobCommon } from './command-body';
import { componentBody } from './component-body';
import type { ComponentLookup } from './component-lookup';
import { jobInputs, jobOutput, requirePlaceholders } from './data-body';
import type { JobInput, JobOutput, PipelineRequest, PipelineStep } from './job-request';

const stepBinding = /^\$\{\{\s*parent\.jobs\.([\w-]+)\.outputs\.([\w-]+)\s*\}\}$/;
const inputBinding = /^\$\{\{\s*parent\.inputs\.([\w-]+)\s*\}\}$/;
const outputBinding = /^\$\{\{\s*parent\.outputs\.([\w-]+)\s*\}\}$/;

/** What a step's input is bound to; undefined for a value of its own. */
export function bindingOf(input: JobInput): { input: string } | { step: string; output: string } | undefined {
  const value = input.value ?? input.uri ?? '';
  const [, step, output] = stepBinding.exec(value) ?? [];
  if (step !== undefined && output !== undefined) return { step, output };
  const [, name] = inputBinding.exec(value) ?? [];
  return name === undefined ? undefined : { input: name };
}

/**
 * Reads the properties of a pipeline job of command steps. Steps come in the names of the YAML schema (`job_input_type`) from azure-ai-ml and in
 * those of REST (`jobInputType`) from others: both are taken. @throws ArmError 400
 */
export function pipelineRequest(given: Body, components: ComponentLookup): PipelineRequest {
  const common = jobCommon(given);
  if (common.componentId !== null)
    throw userError('Pipeline components are not supported by local Azure; give the steps in jobs.', {
      target: 'componentId',
    });
  const settings = record(given, 'settings');
  const read = camelKeys(settings);
  const jobs = record(given, 'jobs');
  if (Object.keys(jobs).length === 0) throw userError('The pipeline has no jobs.', { target: 'jobs' });
  const defaultCompute = text(read, 'defaultCompute', 'settings.') ?? common.computeId;
  const steps = Object.fromEntries(
    Object.keys(jobs).map(name => [
      name,
      stepOf(record(jobs, name, 'jobs.'), `jobs.${name}.`, defaultCompute, components),
    ]),
  );
  const request: PipelineRequest = {
    jobType: 'Pipeline',
    ...common,
    steps,
    jobs: jobs as PipelineRequest['jobs'],
    settings,
    continueOnStepFailure: (read.continueOnStepFailure ?? read.continueRunOnStepFailure) === true,
  };
  requireBindings(request);
  return request;
}

function stepOf(given: Body, where: string, defaultCompute: string | null, components: ComponentLookup): PipelineStep {
  const step = camelKeys(given);
  const type = text(step, 'type', where) ?? text(step, 'jobType', where) ?? 'command';
  if (type.toLowerCase() !== 'command')
    throw userError(`Steps of type '${type}' are not supported by local Azure; supported: command.`, {
      target: `${where}type`,
    });
  const componentId = text(step, 'componentId', where);
  const component = componentId === null ? undefined : components(componentId);
  if (componentId !== null && !component)
    throw userError(`The component ${componentId} was not found.`, {
      innerCode: 'NotFoundError',
      target: `${where}componentId`,
    });
  const registered = component && componentBody(component, `${where}componentId`);
  // What the step says of itself comes before what its component says.
  const own = Object.fromEntries(Object.entries(step).filter(([, value]) => value !== null && value !== undefined));
  const body: Body = { ...registered?.body, ...own };
  const spec = commandSpec(body, where);
  const inputs = {
    ...registered?.defaults,
    ...jobInputs(entries(step, 'inputs', where, 'jobInputType'), `${where}inputs.`),
  };
  for (const [name, optional] of Object.entries(registered?.inputs ?? {}))
    if (!optional && !(name in inputs))
      throw userError(`The required input '${name}' has no value.`, { target: `${where}inputs.${name}` });
  const outputs = outputsOf(entries(step, 'outputs', where, 'jobOutputType'), registered?.outputs ?? {}, where);
  requirePlaceholders(spec.command, { inputs: Object.keys(inputs), outputs: Object.keys(outputs) }, `${where}command`);
  return {
    displayName: text(step, 'displayName', where),
    computeId: text(step, 'computeId', where) ?? defaultCompute,
    componentId: component?.id ?? null,
    spec,
    limits: commandLimits(body, where),
    inputs,
    outputs,
    tags: stringMap(step.tags, `${where}tags`),
    properties: stringMap(step.properties, `${where}properties`),
  };
}

function outputsOf(given: Body, ofComponent: Record<string, JobOutput>, where: string): PipelineStep['outputs'] {
  const outputs: PipelineStep['outputs'] = { ...ofComponent };
  for (const [name, value] of Object.entries(given)) {
    const target = `${where}outputs.${name}`;
    const output = value as Body;
    const bound = text(output, 'value', `${target}.`) ?? text(output, 'uri', `${target}.`);
    const [, binding] = outputBinding.exec(bound ?? '') ?? [];
    // A bound output carries type "literal"; what it is, its component says.
    const { jobOutputType, uri, ...rest } = output;
    const read = jobOutput(
      {
        ...ofComponent[name],
        ...rest,
        ...(jobOutputType === 'literal' ? {} : { jobOutputType }),
        ...(binding === undefined ? { uri } : {}),
      },
      `${target}.`,
    );
    outputs[name] = binding === undefined ? read : { ...read, binding };
  }
  return outputs;
}

/** Checks that every binding names something, and that the steps do not wait for each other in a ring. */
function requireBindings({ steps, inputs, outputs }: PipelineRequest): void {
  for (const [name, step] of Object.entries(steps)) {
    for (const [key, input] of Object.entries(step.inputs)) {
      const target = `jobs.${name}.inputs.${key}`;
      const binding = bindingOf(input);
      if (!binding) {
        if (input.value?.includes('${{parent.') === true)
          throw invalid(target, `is '${input.value}', which local Azure cannot resolve`);
      } else if ('input' in binding) {
        if (!(binding.input in inputs))
          throw userError(`The pipeline has no input '${binding.input}', which step ${name} refers to.`, { target });
      } else if (!(binding.output in (steps[binding.step]?.outputs ?? {})))
        throw userError(
          `The pipeline has no step '${binding.step}' with the output '${binding.output}', which step ${name} refers to.`,
          { target },
        );
    }
    for (const [key, { binding }] of Object.entries(step.outputs))
      if (binding !== undefined && !(binding in outputs))
        throw userError(`The pipeline has no output '${binding}', which step ${name} refers to.`, {
          target: `jobs.${name}.outputs.${key}`,
        });
  }
  const settled = new Set<string>();
  for (;;) {
    const open = Object.keys(steps).filter(name => !settled.has(name));
    if (open.length === 0) return;
    const ready = open.filter(name => upstreamOf(steps[name]).every(step => settled.has(step)));
    if (ready.length === 0)
      throw userError(`The steps ${open.join(', ')} wait for each other's outputs.`, {
        target: `jobs.${open[0] ?? ''}`,
      });
    for (const name of ready) settled.add(name);
  }
}

/** The steps whose outputs a step needs. */
export function upstreamOf(step: PipelineStep | undefined): string[] {
  return Object.values(step?.inputs ?? {}).flatMap(input => {
    const binding = bindingOf(input);
    return binding && 'step' in binding ? [binding.step] : [];
  });
}

/** `inputs` or `outputs` of a step, each entry in REST's names, with its type; a plain value is a literal. */
function entries(step: Body, key: string, where: string, type: 'jobInputType' | 'jobOutputType'): Body {
  return Object.fromEntries(
    Object.entries(record(step, key, where)).flatMap(([name, value]) => {
      if (value === null) return [];
      if (typeof value !== 'object') return [[name, { [type]: 'literal', value: literalText(value) }]];
      const read = camelKeys(value as Body);
      const { type: short, path, ...rest } = read;
      return [
        [
          name,
          {
            [type]: short,
            ...(path === undefined ? {} : { uri: path }),
            ...rest,
            ...(rest.value === undefined ? {} : { value: literalText(rest.value) }),
          },
        ],
      ];
    }),
  );
}

function literalText(value: unknown): unknown {
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : value;
}

/** Keys in camel case; `resources`, `limits` and `distribution` with what is in them. Maps with names of the client's own stay as they are. */
export function camelKeys(given: Body): Body {
  const structures = new Set(['resources', 'limits', 'distribution']);
  return Object.fromEntries(
    Object.entries(given).map(([key, value]) => {
      const name = key.replace(/(?<=[a-z])_([a-z])/g, (_all, letter: string) => letter.toUpperCase());
      const isStructure = structures.has(name) && typeof value === 'object' && value !== null;
      return [name, isStructure ? camelKeys(value as Body) : value];
    }),
  );
}
