import { userError } from '../arm/arm-error';
import { sameName } from '../arm/arm-scope';
import type { AzureIdentity } from '../context';

/** An asset by version or by label. */
export type AssetReference = { name: string; version: string } | { name: string; label: string };

/**
 * Reads a reference to an asset of this workspace: `{workspace}/{kind}/{name}/versions/{version}` (also with `azureml:` before it),
 * `…/labels/{label}`, `azureml:{name}:{version}`, `azureml:{name}@{label}`, `azureml://…/{kind}/{name}/versions/{version}`.
 * @throws ArmError 400 naming the reference when it has another form or points to a registry, 404-like 400 when to another workspace.
 */
export function parseAssetReference(reference: string, kind: string, identity: AzureIdentity): AssetReference {
  const bare = reference
    .replace(/^azureml:(?=\/|[^/])/i, '')
    .replace(/^\/\/(?=subscriptions|registries|locations)/i, '/');
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
  if (/^(\/registries\/|azureml:\/\/registries\/)/i.test(bare) || /^azureml:\/\/registries\//i.test(reference)) {
    throw userError(`The reference ${reference} points to a registry; local Azure has no registries.`);
  }
  throw userError(`The reference ${reference} is not an id of ${kind} of this workspace.`);
}
