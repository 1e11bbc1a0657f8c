import { userError } from '../arm/arm-error';
import { stringMap } from '../assets/asset-body';
import { isoDurationSeconds } from '../compute/iso-duration';
import type { JobInput, JobOutput, JobRequest } from './job-record';

const inputTypes = ['literal', 'uri_file', 'uri_folder', 'custom_model', 'mlflow_model', 'triton_model'];
const outputTypes = ['uri_file', 'uri_folder', 'custom_model', 'mlflow_model'];
/** Inputs are copied to the node whatever way of mounting is asked for: the command sees the same files. */
const inputModes = ['ReadOnlyMount', 'Download', 'ReadWriteMount'];

/** Reads the properties of a job PUT. What local Azure cannot do is refused here, by name, before anything runs. @throws ArmError 400 */
export function jobRequest(given: Record<string, unknown>): JobRequest {
  const type = text(given.jobType);
  if (type?.toLowerCase() !== 'command') {
    throw userError(
      `Jobs of jobType '${String(given.jobType)}' are not supported by local Azure; supported: Command.`,
      { target: 'jobType' },
    );
  }
  const command = text(given.command);
  if (command === null) throw userError('The job has no command.', { target: 'command' });
  const environmentId = text(given.environmentId);
  if (environmentId === null) throw userError('The job has no environmentId.', { target: 'environmentId' });
  const inputs = jobInputs(record(given.inputs, 'inputs'));
  const outputs = jobOutputs(record(given.outputs, 'outputs'));
  requirePlaceholders(command, inputs, outputs);
  return {
    command,
    environmentId,
    computeId: text(given.computeId),
    codeId: text(given.codeId),
    experimentName: text(given.experimentName) ?? 'Default',
    description: text(given.description),
    properties: stringMap(given.properties, 'properties'),
    inputs,
    outputs,
    environmentVariables: stringMap(given.environmentVariables, 'environmentVariables'),
    resources: jobResources(record(given.resources, 'resources')),
    limits: jobLimits(given.limits),
    distribution: jobDistribution(given.distribution),
    identity: typeof given.identity === 'object' ? (given.identity as Record<string, unknown> | null) : null,
    queueSettings:
      typeof given.queueSettings === 'object' ? (given.queueSettings as Record<string, unknown> | null) : null,
  };
}

function jobInputs(given: Record<string, unknown>): Record<string, JobInput> {
  const inputs: Record<string, JobInput> = {};
  for (const [name, value] of Object.entries(given)) {
    if (value === null) continue;
    const { jobInputType, value: literal, uri, mode } = value as Record<string, unknown>;
    const type = text(jobInputType)?.toLowerCase();
    if (type === undefined || !inputTypes.includes(type)) {
      throw userError(
        `Input ${name} has the jobInputType '${String(jobInputType)}'; supported: ${inputTypes.join(', ')}.`,
        {
          target: `inputs.${name}`,
        },
      );
    }
    if (type === 'literal') {
      if (typeof literal !== 'string')
        throw userError(`The literal input ${name} must have a string value.`, { target: `inputs.${name}` });
      inputs[name] = { jobInputType: type, value: literal };
      continue;
    }
    if (typeof uri !== 'string' || uri === '')
      throw userError(`Input ${name} has no uri.`, { target: `inputs.${name}` });
    const wanted = text(mode) ?? 'ReadOnlyMount';
    if (!inputModes.some(known => known.toLowerCase() === wanted.toLowerCase())) {
      throw userError(
        `Input ${name} has the mode '${wanted}', which local Azure does not support; supported: ${inputModes.join(', ')}.`,
      );
    }
    inputs[name] = { jobInputType: type, uri, mode: wanted };
  }
  return inputs;
}

function jobOutputs(given: Record<string, unknown>): Record<string, JobOutput> {
  const outputs: Record<string, JobOutput> = {};
  for (const [name, value] of Object.entries(given)) {
    if (value === null || name === 'default') continue;
    const { jobOutputType, mode, uri } = value as Record<string, unknown>;
    const type = text(jobOutputType)?.toLowerCase();
    if (type === undefined || !outputTypes.includes(type)) {
      throw userError(
        `Output ${name} has the jobOutputType '${String(jobOutputType)}'; supported: ${outputTypes.join(', ')}.`,
        {
          target: `outputs.${name}`,
        },
      );
    }
    const wanted = text(uri);
    outputs[name] = {
      jobOutputType: type,
      mode: text(mode) ?? 'ReadWriteMount',
      ...(wanted === null ? {} : { uri: wanted }),
    };
  }
  return outputs;
}

function requirePlaceholders(command: string, inputs: Record<string, unknown>, outputs: Record<string, unknown>): void {
  // Inside $[[ … ]] an input may be missing: the whole bracket is then left out.
  const required = command.replace(/\$\[\[.*?\]\]/gs, '');
  for (const [placeholder, kind = '', name = ''] of required.matchAll(/\$\{\{\s*(inputs|outputs)\.([\w-]+)\s*\}\}/g)) {
    const known = kind === 'inputs' ? inputs : outputs;
    if (!(name in known)) {
      throw userError(`The command refers to ${placeholder}, but the job has no ${kind.slice(0, -1)} of that name.`, {
        target: 'command',
      });
    }
  }
}

function jobResources(given: Record<string, unknown>): JobRequest['resources'] {
  const instanceCount = typeof given.instanceCount === 'number' ? given.instanceCount : 1;
  if (instanceCount !== 1) {
    throw userError(`The job asks for ${instanceCount} instances; local Azure runs jobs on one node only.`, {
      target: 'resources.instanceCount',
    });
  }
  const dockerArgs = text(given.dockerArgs);
  if (dockerArgs !== null) {
    throw userError(`The job has dockerArgs '${dockerArgs}'; local Azure runs jobs without a container.`, {
      target: 'resources.dockerArgs',
    });
  }
  return {
    instanceCount,
    instanceType: text(given.instanceType),
    shmSize: text(given.shmSize),
    dockerArgs,
    properties: given.properties ?? {},
  };
}

function jobLimits(given: unknown): JobRequest['limits'] {
  if (typeof given !== 'object' || given === null) return null;
  const timeout = text((given as { timeout?: unknown }).timeout);
  if (timeout !== null && isoDurationSeconds(timeout) === undefined) {
    throw userError(`limits.timeout '${timeout}' is not an ISO 8601 duration, for example PT1H30M.`, {
      target: 'limits.timeout',
    });
  }
  return { jobLimitsType: 'Command', timeout };
}

function jobDistribution(given: unknown): Record<string, unknown> | null {
  if (typeof given !== 'object' || given === null) return null;
  const { distributionType, processCountPerInstance } = given as {
    distributionType?: unknown;
    processCountPerInstance?: unknown;
  };
  throw userError(
    `The job has the distribution ${String(distributionType)} with ${typeof processCountPerInstance === 'number' ? processCountPerInstance : 1} processes per instance; local Azure runs jobs of a single process only. Leave distribution out.`,
    { target: 'distribution' },
  );
}

function record(given: unknown, what: string): Record<string, unknown> {
  if (given === undefined || given === null) return {};
  if (typeof given !== 'object' || Array.isArray(given))
    throw userError(`${what} must be an object.`, { target: what });
  return given as Record<string, unknown>;
}

function text(given: unknown): string | null {
  return typeof given === 'string' && given !== '' ? given : null;
}
