import { userError } from '../arm/arm-error';
import { stringMap } from '../assets/asset-body';
import { duration, invalid, oneOf, record, requiredText, text, wholeNumber, type Body } from '../jobs/body-fields';
import type { ComputeRecord } from './compute-record';

const computeTypes = ['AmlCompute', 'ComputeInstance', 'Kubernetes'] as const;

/** What a PUT of a compute asks for. @throws ArmError 400 */
export function computeFromBody(name: string, given: Body, old: ComputeRecord | undefined): ComputeRecord {
  // Source: docs, how-to-create-attach-compute-cluster and -instance.
  if (!/^[a-zA-Z][a-zA-Z0-9-]{0,30}[a-zA-Z0-9]$/.test(name))
    throw userError(
      `The compute name '${name}' is not valid. It must have 2 to 32 characters, begin with a letter, and hold only letters, digits and dashes.`,
      { target: 'computeName' },
    );
  const properties = record(given, 'properties');
  const type = requiredText(properties, 'computeType', 'properties.');
  if (!computeTypes.some(known => known.toLowerCase() === type.toLowerCase()))
    throw userError(
      `Computes of type '${type}' are not supported by local Azure; supported: ${computeTypes.join(', ')}.`,
      {
        target: 'properties.computeType',
      },
    );
  const computeType = oneOf(properties, 'computeType', computeTypes, 'AmlCompute', 'properties.');
  if (old && old.computeType !== computeType)
    throw userError(`The compute ${name} is of type ${old.computeType}; the type cannot be changed.`, {
      target: 'properties.computeType',
    });
  const at = 'properties.properties.';
  const details = record(properties, 'properties', 'properties.');
  // An attached cluster brings its own machines.
  const isAttached = computeType === 'Kubernetes';
  const vmSize = isAttached ? '' : requiredText(details, 'vmSize', at);
  if (old && old.vmSize.toLowerCase() !== vmSize.toLowerCase())
    throw userError(`The vmSize of compute ${name} is ${old.vmSize}; it cannot be changed.`, { target: `${at}vmSize` });
  const now = new Date().toISOString();
  const scale = scaleFromBody(details, old);
  return {
    name,
    computeType,
    vmSize,
    vmPriority: oneOf(details, 'vmPriority', ['Dedicated', 'LowPriority'], 'Dedicated', at),
    ...scale,
    description: text(properties, 'description', 'properties.'),
    tags: stringMap(given.tags, 'tags'),
    location: text(given, 'location') ?? text(properties, 'computeLocation', 'properties.') ?? old?.location ?? '',
    provisioningState: old ? 'Updating' : 'Creating',
    ...(isAttached ? { resourceId: requiredText(properties, 'resourceId', 'properties.') } : {}),
    ...(computeType === 'ComputeInstance' ? { state: old?.state ?? 'Creating' } : {}),
    given: Object.fromEntries(Object.entries(details).filter(([key, value]) => value !== null && !notKept.has(key))),
    createdAt: old?.createdAt ?? now,
    modifiedAt: now,
  };
}

/** Has fields of its own, or is what clients send back of what they have read. */
const notKept = new Set([
  'vmSize',
  'vmPriority',
  'scaleSettings',
  'allocationState',
  'allocationStateTransitionTime',
  'currentNodeCount',
  'targetNodeCount',
  'nodeStateCounts',
  'errors',
  'state',
  'connectivityEndpoints',
  'applications',
  'createdBy',
  'lastOperation',
]);

/** `scaleSettings` of a PUT or PATCH; what is left out stays. */
export function scaleFromBody(
  details: Body,
  old: ComputeRecord | undefined,
): Pick<ComputeRecord, 'minNodes' | 'maxNodes' | 'idleTime'> {
  const at = 'scaleSettings.';
  const scale = record(details, 'scaleSettings');
  const minNodes = wholeNumber(scale, 'minNodeCount', 0, old?.minNodes ?? 0, at);
  const maxNodes = wholeNumber(scale, 'maxNodeCount', 0, old?.maxNodes ?? 1, at);
  if (minNodes > maxNodes)
    throw invalid('scaleSettings.minNodeCount', `is ${minNodes}, more than the maxNodeCount of ${maxNodes}`);
  return {
    minNodes,
    maxNodes,
    idleTime: duration(scale, 'nodeIdleTimeBeforeScaleDown', at) ?? old?.idleTime ?? 'PT2M',
  };
}
