import type { Journal } from '../../journal';
import type { EnvironmentProperties } from '../assets/environment-lookup';
import type { EnvironmentStore } from '../assets/environments';
import type { ModelProperties, ModelStore } from '../assets/models';
import { VersionStore } from '../assets/version-store';
import type { AzureContext, AzureIdentity } from '../context';

/** The registry that there is: assets in it are read from any workspace. As with workspaces, there is this one and no operation makes others. */
export const registryName = 'guardian-registry';

type RegistryPlace = Pick<AzureIdentity, 'subscriptionId' | 'resourceGroup'>;

/** What more than the registry's own routes reads. */
export interface Registry {
  models: ModelStore;
  environments: EnvironmentStore;
  /** What the routes of assets are given in place of the workspace's context: they cannot tell a registry from a workspace. */
  context: AzureContext;
}

/** Opens what the registry keeps in the journal. */
export function openRegistry(journal: Journal, context: () => AzureContext): Registry {
  const own: Pick<Journal, 'collection'> = { collection: name => journal.collection(`registry-${name}`) };
  let made: AzureContext | undefined;
  return {
    models: new VersionStore<ModelProperties>(own, 'models'),
    environments: new VersionStore<EnvironmentProperties>(own, 'environments'),
    get context() {
      // Not a copy: some of the context can be read only once the server listens.
      return (made ??= Object.create(context(), {
        // Ids of what lies in a registry have no subscription: any workspace of the tenant may name them.
        workspaceArmId: { value: `azureml://registries/${registryName}` },
        journal: { value: own },
      }) as AzureContext);
    },
  };
}

/** In the resource group of the workspace. */
export function registryArmId({ subscriptionId, resourceGroup }: RegistryPlace): string {
  return `/subscriptions/${subscriptionId}/resourceGroups/${resourceGroup}/providers/Microsoft.MachineLearningServices/registries/${registryName}`;
}
