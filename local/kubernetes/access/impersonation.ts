import type { IncomingHttpHeaders } from 'node:http';
import { StatusError } from '../api/status-error';
import type { User } from './accounts';
import type { Authorization } from './authorization';

/**
 * Who a request is made as: the headers Impersonate-User and Impersonate-Group, which `kubectl --as` sends, name somebody
 * else whom the caller must be allowed to stand for.
 * @throws StatusError 403
 */
export function impersonated(user: User, headers: IncomingHttpHeaders, authorization: Authorization): User {
  const name = headers['impersonate-user'];
  if (typeof name !== 'string' || name === '') return user;
  const groups = [headers['impersonate-group'] ?? []].flat().flatMap(text => text.split(/,\s*/));
  const mustBeAllowed = (resource: string, whom: string, namespace?: string): void => {
    if (authorization.allows(user, { verb: 'impersonate', group: '', resource, name: whom, namespace })) return;
    const where = namespace ? `in the namespace "${namespace}"` : 'at the cluster scope';
    throw new StatusError(
      403,
      'Forbidden',
      `${resource} "${whom}" is forbidden: User "${user.name}" cannot impersonate resource "${resource}" in API group "" ${where}`,
      { name: whom, kind: resource },
    );
  };
  const [, namespace, account] = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(name) ?? [];
  if (namespace && account) mustBeAllowed('serviceaccounts', account, namespace);
  else mustBeAllowed('users', name);
  for (const group of groups) mustBeAllowed('groups', group);
  const own = namespace ? ['system:serviceaccounts', `system:serviceaccounts:${namespace}`] : [];
  // A service account is in its own groups unless others are named.
  const named = groups.length > 0 ? groups : own;
  return { name, groups: [...new Set([...named, 'system:authenticated'])] };
}
