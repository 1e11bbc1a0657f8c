import { TaskError } from '../task-error';
import { nearNames } from './near-names';
import { listed, type Workspace } from './workspace';

const apiVersion = '2023-10-01';

/**
 * Cores that instances of a managed online endpoint count for: Azure ML keeps 20 % more than asked for, to upgrade them in turns.
 * https://learn.microsoft.com/azure/machine-learning/how-to-manage-quotas#virtual-machine-quota-allocation-for-deployment
 */
function coresReserved(instances: number, coresEach: number): number {
  return Math.ceil(1.2 * instances) * coresEach;
}

/**
 * Whether the subscription's quota in the workspace's region has room for more instances of a VM size.
 * @param instances how many there are to be, and how many of them there are now
 * @returns undefined when there is room
 * @throws TaskError when the region has no such size, or the connection may not read sizes and usages
 */
export async function coresMissing(
  workspace: Workspace,
  vmSize: string,
  { wanted, now }: { wanted: number; now: number },
): Promise<TaskError | undefined> {
  const [sizes, usages] = await Promise.all([
    inRegion<VmSize>(workspace, 'vmSizes', `list the VM sizes of ${workspace.location}`),
    inRegion<Usage>(workspace, 'usages', `read the core quota of ${workspace.location}`),
  ]);
  const size = sizes.find(({ name }) => name.toLowerCase() === vmSize.toLowerCase());
  if (!size)
    return new TaskError(
      `The region ${workspace.location} has no VM size '${vmSize}' (instanceType). ${nearNames(
        vmSize,
        sizes.map(({ name }) => name),
      )}`,
      { code: 'GuardianNotFound' },
    );
  const usage = usages.find(({ name }) => name.value.toLowerCase() === size.family.toLowerCase());
  if (!usage) return undefined;
  const needed = coresReserved(wanted, size.vCPUs) - coresReserved(now, size.vCPUs);
  const free = usage.limit - usage.currentValue;
  if (needed <= free) return undefined;
  return new TaskError(
    `${wanted} instances of ${vmSize} need ${needed} more cores of ${size.family} (${size.vCPUs} each, and Azure keeps 20 % more instances for upgrades), but of ${usage.limit} in ${workspace.location} only ${Math.max(0, free)} are free. Ask for more quota in the studio, take fewer or smaller instances, remove a deployment that nobody needs, or set checkQuota: false if Azure knows better.`,
    { code: 'GuardianQuota' },
  );
}

interface VmSize {
  readonly name: string;
  readonly family: string;
  readonly vCPUs: number;
}

interface Usage {
  readonly name: { readonly value: string };
  /** In cores, as `limit`. */
  readonly currentValue: number;
  readonly limit: number;
}

async function inRegion<T>(workspace: Workspace, list: 'vmSizes' | 'usages', doing: string): Promise<T[]> {
  const { connection, subscriptionId, location } = workspace;
  const url = `${connection.endpoint}/subscriptions/${subscriptionId}/providers/Microsoft.MachineLearningServices/locations/${location}/${list}?api-version=${apiVersion}`;
  const items: T[] = [];
  for await (const item of listed<T>(workspace, { path: url, apiVersion, doing })) items.push(item);
  return items;
}
