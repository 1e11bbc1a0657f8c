import { userError } from '../arm/arm-error';
import { sameName } from '../arm/arm-scope';
import type { AzureContext } from '../context';
import type { StoredVersion, VersionStore } from './version-store';

/** An asset by version or by label. */
export type AssetReference = { name: string; version: string } | { name: string; label: string };

/** Where references are read: the workspace, or a registry. */
export type AssetHome = Pick<AzureContext, 'identity' | 'workspaceArmId'>;

/** Whether a reference says that the asset is in a registry. */
export function isInRegistry(reference: string): boolean {
  return /^(azureml:)?(\/\/|\/)?registries\/|\/Microsoft\.MachineLearningServices\/registries\//i.test(reference);
}

/** Looks a reference up where it says that it is: each of the two ways knows one place only. */
export function orInRegistry<T>(
  inWorkspace: (reference: string) => T,
  inRegistry: ((reference: string) => T) | undefined,
): (reference: string) => T {
  return reference => (inRegistry && isInRegistry(reference) ? inRegistry : inWorkspace)(reference);
}

/**
 * The version of an asset of `home` that a reference means; undefined when there is none.
 * @throws ArmError 400 as `parseAssetReference`
 */
export function findVersion<P extends { isArchived: boolean }>(
  store: VersionStore<P>,
  reference: string,
  home: AssetHome,
): StoredVersion<P> | undefined {
  const parsed = parseAssetReference(reference, store.kind, home);
  return store.resolve(parsed.name, parsed, ({ isArchived }) => isArchived);
}

/**
 * Reads a reference to an asset of `home`: `{home}/{kind}/{name}/versions/{version}` (also with `azureml:` before it),
 * `…/labels/{label}`, `azureml:{name}:{version}`, `azureml:{name}@{label}`, `azureml://…/{kind}/{name}/versions/{version}`,
 * `azureml://locations/{region}/workspaces/{guid}/{kind}/{name}/versions/{version}`,
 * `azureml://registries/{registry}/{kind}/{name}/versions/{version}`.
 * @throws ArmError 400 naming the reference when it has another form or points to another workspace or registry
 */
export function parseAssetReference(reference: string, kind: string, home: AssetHome): AssetReference {
  const { identity } = home;
  if (isInRegistry(reference)) return registryReference(reference, kind, home);
  const bare = reference
    .replace(/^azureml:(?=\/|[^/])/i, '')
    .replace(/^\/\/(?=subscriptions|locations)/i, '/')
    .replace(
      new RegExp(`^/locations/[^/]+/workspaces/${identity.workspaceId}/`, 'i'),
      `/subscriptions/${identity.subscriptionId}/resourceGroups/${identity.resourceGroup}/workspaces/${identity.workspace}/`,
    );
  const armId =
    /^\/subscriptions\/([^/]+)\/resourceGroups\/([^/]+)\/(?:providers\/Microsoft\.MachineLearningServices\/)?workspaces\/([^/]+)\/([^/]+)\/([^/]+)\/(versions|labels)\/([^/]+)$/i.exec(
      bare,
    );
  if (armId) {
    const [, subscription = '', group = '', workspace = '', foundKind = '', name = '', how = '', value = ''] = armId;
    if (!sameName(foundKind, kind)) throw userError(`The reference ${reference} is not one of ${kind}.`);
    if (
      !sameName(subscription, identity.subscriptionId) ||
      !sameName(group, identity.resourceGroup) ||
      !sameName(workspace, identity.workspace)
    ) {
      throw userError(`The reference ${reference} points outside the workspace ${identity.workspace}.`);
    }
    return sameName(how, 'versions') ? { name, version: value } : { name, label: value };
  }
  const short = /^([^/:@]+)(?::([^/:@]+)|@([^/:@]+))$/.exec(bare);
  if (short && !reference.startsWith('azureml://')) {
    const [, name = '', version, label = ''] = short;
    return version === undefined ? { name, label } : { name, version };
  }
  throw userError(`The reference ${reference} is not an id of ${kind} of this workspace.`);
}

function registryReference(reference: string, kind: string, home: AssetHome): AssetReference {
  const [, registry = '', foundKind = '', name = '', how = '', value = ''] =
    /registries\/([^/]+)\/([^/]+)\/([^/]+)\/(versions|labels)\/([^/]+)$/i.exec(reference) ?? [];
  if (!sameName(foundKind, kind)) throw userError(`The reference ${reference} is not one of ${kind}.`);
  if (!home.workspaceArmId.toLowerCase().endsWith(`/registries/${registry.toLowerCase()}`))
    throw userError(`The registry ${registry}, named by ${reference}, was not found.`, { innerCode: 'NotFoundError' });
  return sameName(how, 'versions') ? { name, version: value } : { name, label: value };
}
