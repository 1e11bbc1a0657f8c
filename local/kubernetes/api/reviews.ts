import type { FastifyRequest } from 'fastify';
import { isRecord } from '../objects/api-object';
import { apiVersionOf, type Resource } from '../objects/resources';
import type { ApiContext } from './context';
import { badRequest, StatusError } from './status-error';

/** Answers the reviews that somebody makes about themselves: who am I, may I do this. @throws StatusError 400 */
export function answerReview(
  context: ApiContext,
  resource: Resource,
  request: FastifyRequest,
): Record<string, unknown> {
  const user = request.kubernetesUser;
  const review = { kind: resource.kind, apiVersion: apiVersionOf(resource), metadata: { creationTimestamp: null } };
  if (resource.kind === 'SelfSubjectReview') {
    return { ...review, status: { userInfo: { username: user.name, groups: user.groups } } };
  }
  const spec = isRecord(request.body) && isRecord(request.body.spec) ? request.body.spec : {};
  if (isRecord(spec.nonResourceAttributes)) {
    const { verb, path } = spec.nonResourceAttributes;
    return { ...review, spec, status: { allowed: pathAllowed(context, request, String(verb), String(path)) } };
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

function pathAllowed(context: ApiContext, request: FastifyRequest, verb: string, path: string): boolean {
  try {
    context.authorization.checkPath(request.kubernetesUser, verb, path);
    return true;
  } catch (error) {
    if (error instanceof StatusError) return false;
    throw error;
  }
}
