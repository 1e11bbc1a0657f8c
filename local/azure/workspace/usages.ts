import type { FastifyInstance } from 'fastify';
import { notFound } from '../arm/arm-error';
import { sameName } from '../arm/arm-scope';
import type { AzureContext } from '../context';
import { coresPerFamily, type CoreQuotas } from './core-quota';
import { families, familyName, vmSizes } from './vm-sizes';

/**
 * The sizes that there are and how many cores are in use. `app` is the scope of the provider below the subscription; `cores` counts those
 * in use by family.
 * https://learn.microsoft.com/rest/api/azureml/usages/list
 */
export function registerUsages(
  app: FastifyInstance,
  context: AzureContext,
  { quotas, cores }: { quotas: CoreQuotas; cores: () => Map<string, number> },
): void {
  const { region, subscriptionId } = context.identity;
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
    requireRegion(request.params.location, region);
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
    requireRegion(request.params.location, region);
    const used = cores();
    const total = [...used.values()].reduce((sum, cores) => sum + cores, 0);
    return {
      value: [
        usage('TotalDedicatedCores', 'Total Cluster Dedicated Regional vCPUs', total, coresPerFamily * families.length),
        ...families.map(family => usage(family, familyName(family), used.get(family) ?? 0, quotas.limit(family))),
      ],
    };
  });
}

/** @throws ArmError 404 for a region in which nothing is */
export function requireRegion(given: string, region: string): void {
  if (!sameName(given, region)) throw notFound(`There is no workspace in the location '${given}'.`);
}
