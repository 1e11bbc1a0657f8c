import type { FastifyRequest } from 'fastify';
import type { User } from '../access/accounts';
import { isRecord } from '../objects/api-object';
import { apiVersionOf, type Resource } from '../objects/resources';
import type { ApiContext } from './context';
import { badRequest, StatusError } from './status-error';

/** Answers reviews: who am I, what may I do, may I or may somebody else do this. @throws StatusError 400 */
export function answerReview(
  context: ApiContext,
  resource: Resource,
  request: FastifyRequest,
): Record<string, unknown> {
  const caller = request.kubernetesUser;
  const review = { kind: resource.kind, apiVersion: apiVersionOf(resource), metadata: { creationTimestamp: null } };
  if (resource.kind === 'SelfSubjectReview') {
    return { ...review, status: { userInfo: { username: caller.name, groups: caller.groups } } };
  }
  const spec = isRecord(request.body) && isRecord(request.body.spec) ? request.body.spec : {};
  if (resource.kind === 'SelfSubjectRulesReview') {
    if (typeof spec.namespace !== 'string' || spec.namespace === '') throw badRequest('no namespace on request');
    const resourceRules = context.authorization.rulesOf(caller, spec.namespace);
    return { ...review, spec, status: { resourceRules, nonResourceRules: [], incomplete: false } };
  }
  const user = resource.kind === 'SubjectAccessReview' ? subjectOf(spec) : caller;
  if (isRecord(spec.nonResourceAttributes)) {
    const { verb, path } = spec.nonResourceAttributes;
    return { ...review, spec, status: { allowed: pathAllowed(context, user, String(verb), String(path)) } };
  }
  if (!isRecord(spec.resourceAttributes)) {
    throw badRequest('exactly one of nonResourceAttributes or resourceAttributes must be specified');
  }
  const field = (name: string): string => {
    const value = isRecord(spec.resourceAttributes) ? spec.resourceAttributes[name] : undefined;
    return typeof value === 'string' ? value : '';
  };
  const allowed = context.authorization.allows(user, {
    verb: field('verb'),
    group: field('group'),
    resource: [field('resource'), field('subresource')].filter(Boolean).join('/'),
    namespace: field('namespace') || undefined,
    name: field('name') || undefined,
  });
  return { ...review, spec, status: { allowed, ...(allowed ? { reason: 'RBAC: allowed' } : {}) } };
}

function subjectOf({ user, groups }: Record<string, unknown>): User {
  if (typeof user !== 'string' && !Array.isArray(groups))
    throw badRequest('at least one of user or group must be specified');
  return { name: typeof user === 'string' ? user : '', groups: Array.isArray(groups) ? groups.map(String) : [] };
}

function pathAllowed(context: ApiContext, user: User, verb: string, path: string): boolean {
  try {
    context.authorization.checkPath(user, verb, path);
    return true;
  } catch (error) {
    if (error instanceof StatusError) return false;
    throw error;
  }
}
