import { StatusError } from '../api/status-error';
import { isRecord, type ApiObject } from '../objects/api-object';
import type { ObjectStore } from '../objects/object-store';
import { qualifiedName, resourceNamed, type Resource } from '../objects/resources';
import type { User } from './accounts';

/** What somebody wants to do, in the terms of RBAC. */
export interface ResourceAction {
  verb: string;
  group: string;
  /** `configmaps`, or `pods/log` with a subresource. */
  resource: string;
  /** Absent for cluster-scoped objects and for requests over all namespaces. */
  namespace?: string | undefined;
  name?: string | undefined;
}

/**
 * RBAC over the stored Roles, RoleBindings, ClusterRoles and ClusterRoleBindings. The group system:masters may do
 * everything; everybody who is signed in may ask what they may do.
 */
export class Authorization {
  constructor(private readonly store: ObjectStore) {}

  allows(user: User, action: ResourceAction): boolean {
    if (user.groups.includes('system:masters')) return true;
    if (user.groups.includes('system:authenticated') && isSelfReview(action)) return true;
    return this.#rulesFor(user, action.namespace).some(rule => ruleAllows(rule, action));
  }

  /** Everything that somebody may do in a namespace, as RBAC's rules. */
  rulesOf(user: User, namespace: string): Rule[] {
    const everything = { verbs: ['*'], apiGroups: ['*'], resources: ['*'] };
    return [
      ...(user.groups.includes('system:masters') ? [everything] : []),
      ...(user.groups.includes('system:authenticated') ? selfReviews : []),
      ...this.#rulesFor(user, namespace),
    ];
  }

  /** @throws StatusError 403 */
  check(user: User, action: ResourceAction, resource: Resource): void {
    if (this.allows(user, action)) return;
    const { name, namespace, verb, group } = action;
    const where = namespace ? `in the namespace "${namespace}"` : 'at the cluster scope';
    const what = `${qualifiedName(resource)}${name ? ` "${name}"` : ''}`;
    throw new StatusError(
      403,
      'Forbidden',
      `${what} is forbidden: User "${user.name}" cannot ${verb} resource "${action.resource}" in API group "${group}" ${where}`,
      { ...(name ? { name } : {}), ...(group ? { group } : {}), kind: resource.plural },
    );
  }

  /** Paths that are no resources: everybody may ask for version and health, who is signed in also for what the API has. @throws StatusError 403 */
  checkPath(user: User, verb: string, path: string): void {
    if (/^\/(version|healthz|livez|readyz)\/?$/.test(path)) return;
    if (user.groups.includes('system:masters')) return;
    if (user.groups.includes('system:authenticated') && /^\/(api|apis|openapi)(\/|$)/.test(path)) return;
    throw new StatusError(403, 'Forbidden', `forbidden: User "${user.name}" cannot ${verb} path "${path}"`, {});
  }

  #rulesFor(user: User, namespace: string | undefined): Rule[] {
    const bindings = [
      ...this.store.list(resourceNamed('clusterrolebindings')),
      ...(namespace ? this.store.list(resourceNamed('rolebindings'), namespace) : []),
    ];
    return bindings.filter(binding => bindsUser(binding, user)).flatMap(binding => this.#rulesOf(binding));
  }

  #rulesOf(binding: ApiObject): Rule[] {
    if (!isRecord(binding.roleRef)) return [];
    const { kind, name } = binding.roleRef;
    const role =
      kind === 'Role'
        ? this.store.get(resourceNamed('roles'), binding.metadata.namespace, String(name))
        : this.store.get(resourceNamed('clusterroles'), undefined, String(name));
    return Array.isArray(role?.rules) ? (role.rules as Rule[]) : [];
  }
}

/** A rule of a Role. */
export interface Rule {
  apiGroups?: string[];
  resources?: string[];
  resourceNames?: string[];
  verbs: string[];
}

const selfReviews: readonly Rule[] = [
  { group: 'authorization.k8s.io', resources: ['selfsubjectaccessreviews', 'selfsubjectrulesreviews'] },
  { group: 'authentication.k8s.io', resources: ['selfsubjectreviews'] },
].map(({ group, resources }) => ({ verbs: ['create'], apiGroups: [group], resources }));

function isSelfReview({ verb, resource }: ResourceAction): boolean {
  return verb === 'create' && selfReviews.some(rule => rule.resources?.includes(resource));
}

function bindsUser(binding: ApiObject, user: User): boolean {
  const subjects = Array.isArray(binding.subjects) ? binding.subjects.filter(isRecord) : [];
  return subjects.some(({ kind, name, namespace }) => {
    switch (kind) {
      case 'ServiceAccount':
        return (
          user.name ===
          `system:serviceaccount:${typeof namespace === 'string' ? namespace : (binding.metadata.namespace ?? '')}:${String(name)}`
        );
      case 'Group':
        return user.groups.includes(String(name));
      case 'User':
        return user.name === name;
      default:
        return false;
    }
  });
}

function ruleAllows(rule: Rule, { verb, group, resource, name }: ResourceAction): boolean {
  const covers = (list: string[] | undefined, value: string): boolean =>
    list !== undefined && (list.includes('*') || list.includes(value));
  const [, subresource] = resource.split('/');
  return (
    covers(rule.verbs, verb) &&
    covers(rule.apiGroups, group) &&
    (covers(rule.resources, resource) || (subresource !== undefined && covers(rule.resources, `*/${subresource}`))) &&
    (!rule.resourceNames?.length || (name !== undefined && rule.resourceNames.includes(name)))
  );
}
