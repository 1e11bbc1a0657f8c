/** What a role assignment on the resource group allows, in Azure's terms. */
export interface Role {
  /** Actions with `*` for any text, for example `Microsoft.MachineLearningServices/workspaces/*\/read`. Letter case does not count. */
  actions: string[];
  /** Taken away from `actions`. */
  notActions?: string[];
}

/** Azure's own role: everything but access management. */
export const contributor: Role = {
  actions: ['*'],
  notActions: ['Microsoft.Authorization/*/Delete', 'Microsoft.Authorization/*/Write'],
};

/** Whose tokens an application accepts in place of a secret; all three must be the same as in the token, also in letter case. */
export interface FederatedCredential {
  /** `pipelines` stands for the issuer of this cloud's Azure Pipelines, whose address differs from start to start. */
  issuer: string;
  subject: string;
  audience: string;
}

/** An application of the directory and its service principal, or a managed identity. */
export interface ServicePrincipal {
  clientId: string;
  objectId: string;
  /** Empty for a managed identity, which has none. */
  clientSecret: string;
  /** ISO 8601; the secret is good for ever unless given. */
  secretExpires?: string;
  displayName: string;
  /** Whether it has any role on the resource group. */
  hasAccess: boolean;
  /** Contributor unless given. Counts only with `hasAccess`. */
  role?: Role;
  /** PEM certificates whose keys may sign its assertions. */
  certificates?: string[];
  federated?: FederatedCredential[];
  /** ARM id, for a user-assigned managed identity. */
  resourceId?: string;
  /** Stands in its tokens; a higher one makes those given out before worthless. */
  generation?: number;
}

/** Whether a role allows an action, for example `Microsoft.MachineLearningServices/workspaces/jobs/write`. */
export function roleAllows(role: Role, action: string): boolean {
  return role.actions.some(p => matches(p, action)) && !(role.notActions ?? []).some(p => matches(p, action));
}

function matches(pattern: string, action: string): boolean {
  const expression = pattern
    .split('*')
    .map(part => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'))
    .join('.*');
  return new RegExp(`^${expression}$`, 'i').test(action);
}
