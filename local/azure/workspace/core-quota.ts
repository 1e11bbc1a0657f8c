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
 * Cores in use, by family: nodes of clusters, and what is reserved for deployments that did not fail.
 * @param nodes of clusters, by VM size
 */
export function coresInUse(
  deployments: readonly DeploymentRecord[],
  nodes: ReadonlyMap<string, number>,
): Map<string, number> {
  const used = new Map<string, number>();
  const add = (size: VmSize | undefined, cores: number): void => {
    if (size) used.set(size.family, (used.get(size.family) ?? 0) + cores);
  };
  for (const deployment of deployments)
    if (deployment.provisioningState !== 'Failed') add(sizeOf(deployment), coresReserved(deployment));
  for (const [name, count] of nodes) add(vmSize(name), (vmSize(name)?.cores ?? 0) * count);
  return used;
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
  const others = deployments.filter(other => other.endpoint !== record.endpoint || other.name !== record.name);
  const used = coresInUse(others, nodes).get(family) ?? 0;
  const limit = quotas.limit(family);
  if (used + needed <= limit) return;
  throw new OperationError(
    'OutOfQuota',
    `Not enough quota available for ${instanceType(record.properties)} in SubscriptionId. Current usage/limit: ${used}/${limit}. Additional needed: ${needed}. Please see troubleshooting guide, available here: https://aka.ms/oe-tsg#error-outofquota`,
  );
}
