import { userError } from '../arm/arm-error';
import { stringMap } from '../assets/asset-body';
import {
  duration,
  invalid,
  oneOf,
  optionalRecord,
  record,
  requiredText,
  text,
  wholeNumber,
  type Body,
} from './body-fields';
import { jobInputs, jobOutputsOf, requirePlaceholders } from './data-body';
import type { CommandRequest, CommandSpec, Distribution, JobCommon, JobResources } from './job-request';

/** Reads what all kinds of jobs have. @throws ArmError 400 */
export function jobCommon(given: Body): JobCommon {
  return {
    experimentName: text(given, 'experimentName') ?? 'Default',
    description: text(given, 'description'),
    computeId: text(given, 'computeId'),
    componentId: text(given, 'componentId'),
    properties: stringMap(given.properties, 'properties'),
    inputs: jobInputs(record(given, 'inputs')),
    outputs: jobOutputsOf(record(given, 'outputs')),
    identity: optionalRecord(given, 'identity'),
    queueSettings: optionalRecord(given, 'queueSettings'),
    notificationSetting: optionalRecord(given, 'notificationSetting'),
    services: Object.fromEntries(
      Object.keys(record(given, 'services')).map(name => [name, record(record(given, 'services'), name, 'services.')]),
    ),
  };
}

/** Reads the properties of a command job. @throws ArmError 400 */
export function commandRequest(given: Body): CommandRequest {
  const common = jobCommon(given);
  const spec = commandSpec(given);
  requirePlaceholders(
    spec.command,
    { inputs: Object.keys(common.inputs), outputs: Object.keys(common.outputs) },
    'command',
  );
  return { jobType: 'Command', ...common, ...spec, limits: commandLimits(given) };
}

/** Reads what runs; `where` is `trial.` for a sweep. @throws ArmError 400 */
export function commandSpec(given: Body, where = ''): CommandSpec {
  const distribution = distributionOf(given, where);
  return {
    command: requiredText(given, 'command', where),
    environmentId: requiredText(given, 'environmentId', where),
    codeId: text(given, 'codeId', where),
    environmentVariables: stringMap(given.environmentVariables, `${where}environmentVariables`),
    resources: resourcesOf(record(given, 'resources', where), `${where}resources.`),
    distribution,
  };
}

export function commandLimits(given: Body, where = ''): CommandRequest['limits'] {
  const limits = optionalRecord(given, 'limits', where);
  return limits && { jobLimitsType: 'Command', timeout: duration(limits, 'timeout', `${where}limits.`) };
}

function resourcesOf(given: Body, where: string): JobResources {
  const dockerArgs = text(given, 'dockerArgs', where);
  if (dockerArgs !== null) {
    throw userError(`The job has dockerArgs '${dockerArgs}'; local compute runs jobs without a container.`, {
      target: `${where}dockerArgs`,
    });
  }
  return {
    instanceCount: wholeNumber(given, 'instanceCount', 1, 1, where),
    instanceType: text(given, 'instanceType', where),
    shmSize: text(given, 'shmSize', where),
    dockerArgs,
    properties: given.properties ?? {},
  };
}

function distributionOf(given: Body, where: string): Distribution | null {
  const distribution = optionalRecord(given, 'distribution', where);
  if (!distribution) return null;
  const at = `${where}distribution.`;
  requiredText(distribution, 'distributionType', at);
  const distributionType = oneOf(distribution, 'distributionType', ['PyTorch', 'TensorFlow', 'Mpi'], 'PyTorch', at);
  if (distributionType === 'TensorFlow') {
    const nodes = wholeNumber(record(given, 'resources', where), 'instanceCount', 1, 1, `${where}resources.`);
    const parameterServerCount = wholeNumber(distribution, 'parameterServerCount', 0, 0, at);
    // Without a number there is one worker a node. Source: swagger, TensorFlow.workerCount.
    return {
      distributionType,
      parameterServerCount,
      workerCount: wholeNumber(distribution, 'workerCount', 1, nodes, at),
    };
  }
  const processCountPerInstance = wholeNumber(distribution, 'processCountPerInstance', 1, 1, at);
  if (processCountPerInstance > 64) throw invalid(`${at}processCountPerInstance`, 'must be at most 64');
  return { distributionType, processCountPerInstance };
}
