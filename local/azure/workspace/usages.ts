import type { FastifyInstance } from 'fastify';
import { notFound } from '../arm/arm-error';
import { sameName } from '../arm/arm-scope';
import type { AzureContext } from '../context';
import { coresPerFamily } from './core-quota';
import { vmSize, vmSizes } from './vm-sizes';

/**
 * The sizes that there are and how many cores are in use. `app` is the scope of the provider below the subscription; `instances` counts
 * machines by size: nodes of clusters and instances of deployments.
 * https://learn.microsoft.com/rest/api/azureml/usages/list
 */
export function registerUsages(
  app: FastifyInstance,
  context: AzureContext,
  instances: () => Map<string, number>,
): void {
  const { region, subscriptionId } = context.identity;
  const requireRegion = (given: string): void => {
    if (!sameName(given, region)) throw notFound(`There is no workspace in the location '${given}'.`);
  };
  const usage = (value: string, localizedValue: string, currentValue: number, limit: number): unknown => ({
    id: `/subscriptions/${subscriptionId}/providers/Microsoft.MachineLearningServices/locations/${region}/usages/${value}`,
    type: 'Microsoft.MachineLearningServices/usages',
    amlWorkspaceLocation: region,
    unit: 'Count',
    currentValue,
    limit,
    name: { value, localizedValue },
  });
  app.get<{ Params: { location: string } }>('/locations/:location/vmSizes', request => {
    requireRegion(request.params.location);
    return {
      value: vmSizes.map(({ name, family, cores, memoryGb, gpus, diskMb }) => ({
        name,
        family,
        vCPUs: cores,
        gpus,
        osVhdSizeMB: 1_047_552,
        maxResourceVolumeMB: diskMb,
        memoryGB: memoryGb,
        lowPriorityCapable: true,
        premiumIO: true,
        supportedComputeTypes: ['AmlCompute', 'ComputeInstance'],
      })),
    };
  });
  app.get<{ Params: { location: string } }>('/locations/:location/usages', request => {
    requireRegion(request.params.location);
    const families = [...new Set(vmSizes.map(({ family }) => family))];
    const used = new Map<string, number>();
    for (const [name, count] of instances()) {
      const known = vmSize(name);
      if (known) used.set(known.family, (used.get(known.family) ?? 0) + count * known.cores);
    }
    const total = [...used.values()].reduce((sum, cores) => sum + cores, 0);
    return {
      value: [
        usage('TotalDedicatedCores', 'Total Cluster Dedicated Regional vCPUs', total, coresPerFamily * families.length),
        ...families.map(family =>
          usage(
            family,
            `${family.replace(/^s/, 'S').replace(/Family$/, '')} Family Cluster Dedicated vCPUs`,
            used.get(family) ?? 0,
            coresPerFamily,
          ),
        ),
      ],
    };
  });
}
