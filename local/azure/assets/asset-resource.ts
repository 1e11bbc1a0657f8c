import type { StoredContainer, StoredVersion } from './version-store';

/** A version as ARM shows it: id, name (the version), type, properties, systemData. `kind` is the plural in the path, for example `models`. */
export function versionResource<P extends object>(
  workspaceArmId: string,
  kind: string,
  stored: StoredVersion<P>,
  properties: object = stored.properties,
): Record<string, unknown> {
  return {
    id: `${workspaceArmId}/${kind}/${stored.name}/versions/${stored.version}`,
    name: stored.version,
    type: `Microsoft.MachineLearningServices/${homeKind(workspaceArmId)}/${kind}/versions`,
    properties,
    systemData: {
      createdAt: stored.createdAt,
      createdBy: stored.createdBy,
      createdByType: 'Application',
      lastModifiedAt: stored.lastModifiedAt,
      lastModifiedBy: stored.createdBy,
      lastModifiedByType: 'Application',
    },
  };
}

/** A container (all versions of a name) as ARM shows it. */
export function containerResource(
  workspaceArmId: string,
  kind: string,
  container: StoredContainer,
): Record<string, unknown> {
  return {
    id: `${workspaceArmId}/${kind}/${container.name}`,
    name: container.name,
    type: `Microsoft.MachineLearningServices/${homeKind(workspaceArmId)}/${kind}`,
    properties: {
      description: container.description,
      tags: container.tags,
      properties: container.properties,
      isArchived: container.isArchived,
      latestVersion: container.latestVersion,
      nextVersion: container.nextVersion,
      provisioningState: 'Succeeded',
    },
    systemData: {
      createdAt: container.createdAt,
      createdBy: container.createdBy,
      createdByType: 'Application',
      lastModifiedAt: container.createdAt,
    },
  };
}

/** `workspaces`, or `registries` for what lies in one. */
function homeKind(armId: string): string {
  return armId.split('/').at(-2) ?? '';
}
