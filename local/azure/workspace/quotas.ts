import type { FastifyInstance } from 'fastify';
import { sameName } from '../arm/arm-scope';
import type { AzureContext } from '../context';
import { invalid, requiredText, wholeNumber, type Body } from '../jobs/body-fields';
import { coresPerFamily, type CoreQuotas } from './core-quota';
import { requireRegion } from './usages';
import { families, familyName } from './vm-sizes';

interface Located {
  Params: { location: string };
  Body: { value?: unknown } | undefined;
}

const type = 'Microsoft.MachineLearningServices/workspaces/dedicatedCores/quotas';

/**
 * What the workspace may use of the subscription's cores: read and changed, each by VM family. `app` is the scope of the provider below the subscription.
 * https://learn.microsoft.com/rest/api/azureml/quotas
 */
export function registerQuotas(app: FastifyInstance, context: AzureContext, quotas: CoreQuotas): void {
  const { region } = context.identity;
  const show = (family: string): Record<string, unknown> => ({
    id: `${context.workspaceArmId}/quotas/${family}`,
    type,
    limit: quotas.limit(family),
    unit: 'Count',
  });
  app.get<Located>('/locations/:location/quotas', request => {
    requireRegion(request.params.location, region);
    return {
      value: families.map(family => ({
        ...show(family),
        amlWorkspaceLocation: region,
        name: { value: family, localizedValue: familyName(family) },
      })),
    };
  });
  app.post<Located>('/locations/:location/updateQuotas', request => {
    requireRegion(request.params.location, region);
    const { value } = request.body ?? {};
    if (!Array.isArray(value)) throw invalid('value', 'must be a list');
    return {
      value: (value as Body[]).map(given => {
        const id = requiredText(given, 'id', 'value.');
        const limit = wholeNumber(given, 'limit', -1, -1, 'value.');
        const [, workspace = '', name = ''] = /^(.*)\/quotas\/([^/]+)$/i.exec(id) ?? [];
        const family = families.find(known => sameName(known, name));
        if (family === undefined || !sameName(workspace, context.workspaceArmId))
          return { id, type, limit, unit: 'Count', status: 'InvalidVMFamilyName' };
        if (limit > coresPerFamily) return { ...show(family), status: 'InvalidQuotaExceedsSubscriptionLimit' };
        // -1 gives back what the subscription has.
        quotas.set(family, limit < 0 ? coresPerFamily : limit);
        return { ...show(family), status: 'Success' };
      }),
    };
  });
}
