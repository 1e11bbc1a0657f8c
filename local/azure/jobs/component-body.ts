import { userError } from '../arm/arm-error';
import { record, text, type Body } from './body-fields';
import type { FoundComponent } from './component-lookup';
import { jobOutput } from './data-body';
import type { JobInput, JobOutput } from './job-request';

/** A registered command component in the words of a command job. */
export interface ComponentBody {
  /** command, environmentId, codeId, resources, distribution and the rest of what runs. */
  body: Body;
  /** Input names, and whether they may be left out. */
  inputs: Record<string, boolean>;
  defaults: Record<string, JobInput>;
  outputs: Record<string, JobOutput>;
}

/** Names of distributions in the YAML schema, and in REST. */
const distributions: Record<string, string> = { pytorch: 'PyTorch', tensorflow: 'TensorFlow', mpi: 'Mpi' };

/** Reads a component's specification, which is in the names of the YAML schema. @throws ArmError 400 with `target` for another kind of component */
export function componentBody({ id, spec }: FoundComponent, target: string): ComponentBody {
  const type = text(spec, 'type') ?? 'command';
  if (type !== 'command')
    throw userError(`The component ${id} is of type '${type}'; local Azure runs command components.`, { target });
  const inputs = record(spec, 'inputs');
  const ports = Object.keys(inputs).map(name => [name, record(inputs, name, 'inputs.')] as const);
  const outputs = record(spec, 'outputs');
  const resources = record(spec, 'resources');
  const distribution = record(spec, 'distribution');
  const kind = text(distribution, 'type');
  return {
    body: {
      command: spec.command,
      environmentId: asId(text(spec, 'environment')),
      codeId: asId(text(spec, 'code')),
      environmentVariables: spec.environment_variables,
      resources: {
        instanceCount: resources.instance_count,
        instanceType: resources.instance_type,
        shmSize: resources.shm_size,
        properties: resources.properties,
      },
      ...(kind === null
        ? {}
        : {
            distribution: {
              distributionType: distributions[kind.toLowerCase()] ?? kind,
              processCountPerInstance: distribution.process_count_per_instance,
              workerCount: distribution.worker_count,
              parameterServerCount: distribution.parameter_server_count,
            },
          }),
    },
    inputs: Object.fromEntries(
      ports.map(([name, port]) => [name, port.optional === true || port.default !== undefined]),
    ),
    defaults: Object.fromEntries(
      ports.flatMap(([name, port]) =>
        typeof port.default === 'string' || typeof port.default === 'number' || typeof port.default === 'boolean'
          ? [[name, { jobInputType: 'literal', description: null, value: String(port.default) }]]
          : [],
      ),
    ),
    outputs: Object.fromEntries(
      Object.keys(outputs).map(name => {
        const { type: jobOutputType, description } = record(outputs, name, 'outputs.');
        return [name, jobOutput({ jobOutputType, description }, `outputs.${name}.`)];
      }),
    ),
  };
}

/** The specification refers to assets as `azureml:{ARM id}`. */
function asId(reference: string | null): string | null {
  return reference?.replace(/^azureml:(?=\/subscriptions\/)/i, '') ?? null;
}
