import type { Collection, Journal } from '../../journal';
import { OperationError } from '../arm/operations';
import type { DeploymentRecord } from '../online-endpoints/endpoint-store';
import { vmSize, type VmSize } from './vm-sizes';

/** Cores of a family that this subscription may use. This machine sets the real limit; the number is what a young subscription has. */
export const coresPerFamily = 100;

/** What the workspace may use of each family: as much as the subscription, unless somebody set less. */
export class CoreQuotas {
  readonly #limits: Collection<number>;

  constructor(journal: Pick<Journal, 'collection'>) {
    this.#limits = journal.collection('core-quotas');
  }

  /** In cores. */
  limit(family: string): number {
    return this.#limits.get(family) ?? coresPerFamily;
  }

  set(family: string, cores: number): void {
    this.#limits.set(family, cores);
  }
}

/** The machines of a deployment; undefined for one on Kubernetes, which counts for none, and for a size that is not known. */
function sizeOf({ properties }: Pick<DeploymentRecord, 'properties'>): VmSize | undefined {
  return properties.endpointComputeType === 'Managed' ? vmSize(instanceType(properties)) : undefined;
}

function instanceType(properties: DeploymentRecord['properties']): string {
  return properties.instanceType ?? 'Standard_DS3_v2';
}

/**
 * Cores that a deployment counts for: Azure ML keeps 20 % more instances than asked for, to upgrade them in turns.
 * https://learn.microsoft.com/azure/machine-learning/how-to-manage-quotas#virtual-machine-quota-allocation-for-deployment
 */
function coresReserved(record: DeploymentRecord): number {
  return Math.ceil(1.2 * record.capacity) * (sizeOf(record)?.cores ?? 0);
}

/**
 * Refuses a managed deployment for which the family has not enough cores.
 * @param quotas what the workspace may use
 * @param nodes of clusters, by VM size
 * @throws OperationError OutOfQuota
 */
export function requireCores(
  record: DeploymentRecord,
  quotas: Pick<CoreQuotas, 'limit'>,
  deployments: readonly DeploymentRecord[],
  nodes: ReadonlyMap<string, number>,
): void {
  const family = sizeOf(record)?.family;
  const needed = coresReserved(record);
  if (family === undefined || needed === 0) return;
  const others = deployments.filter(
    other =>
      (other.endpoint !== record.endpoint || other.name !== record.name) &&
      other.provisioningState !== 'Failed' &&
      sizeOf(other)?.family === family,
  );
  const deployed = others.reduce((sum, other) => sum + coresReserved(other), 0);
  const clustered = [...nodes].reduce((sum, [name, count]) => {
    const size = vmSize(name);
    return size?.family === family ? sum + size.cores * count : sum;
  }, 0);
  const used = deployed + clustered;
  const limit = quotas.limit(family);
  if (used + needed <= limit) return;
  throw new OperationError(
    'OutOfQuota',
    `Not enough quota available for ${instanceType(record.properties)} in SubscriptionId. Current usage/limit: ${used}/${limit}. Additional needed: ${needed}. Please see troubleshooting guide, available here: https://aka.ms/oe-tsg#error-outofquota`,
  );
}
