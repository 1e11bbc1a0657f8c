import type { FastifyReply, FastifyRequest } from 'fastify';
import { isRecord, type ApiObject } from '../objects/api-object';
import type { ObjectPath } from '../objects/registry';
import { mergePatch } from '../patches/merge-patch';
import type { ApiContext } from './context';
import { fieldManagerOf, isDryRun, isTrue, numberOf, queryOf } from './request-options';
import { badRequest } from './status-error';

/** A workload's number of replicas as autoscaling/v1 Scale. */
export function readScale(context: ApiContext, path: ObjectPath): Record<string, unknown> {
  return scaleOf(context.registry.read(path));
}

/** PUT or PATCH of a Scale: only its spec.replicas counts. @throws StatusError 400, 404, 409 */
export function writeScale(context: ApiContext, path: ObjectPath, request: FastifyRequest): Record<string, unknown> {
  const updated = context.registry.update(
    path,
    live => {
      const scale = request.method === 'PATCH' ? mergePatch(scaleOf(live), request.body) : request.body;
      const replicas = isRecord(scale) && isRecord(scale.spec) ? scale.spec.replicas : undefined;
      if (typeof replicas !== 'number') throw badRequest('a Scale needs a number as spec.replicas');
      const { resourceVersion } = isRecord(scale) && isRecord(scale.metadata) ? scale.metadata : {};
      const read =
        typeof resourceVersion === 'string' && resourceVersion ? resourceVersion : live.metadata.resourceVersion;
      return {
        ...live,
        metadata: { ...live.metadata, resourceVersion: read },
        spec: { ...(isRecord(live.spec) ? live.spec : {}), replicas },
      };
    },
    {
      writer: { manager: fieldManagerOf(request), operation: 'Update', subresource: 'scale' },
      dryRun: isDryRun(request),
    },
  );
  return scaleOf(updated);
}

function scaleOf(object: ApiObject): Record<string, unknown> {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const spec = isRecord(object.spec) ? object.spec : {};
  const status = isRecord(object.status) ? object.status : {};
  const labels = isRecord(spec.selector) && isRecord(spec.selector.matchLabels) ? spec.selector.matchLabels : {};
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, namespace, uid, resourceVersion, creationTimestamp },
    spec: { replicas: spec.replicas },
    status: {
      replicas: status.replicas ?? 0,
      selector: Object.entries(labels)
        .map(([key, value]) => `${key}=${String(value)}`)
        .join(','),
    },
  };
}

/** A TokenRequest for a service account: a token that ends. */
export async function issueToken(
  context: ApiContext,
  path: ObjectPath,
  request: FastifyRequest,
): Promise<Record<string, unknown>> {
  const account = context.registry.read(path);
  const spec = isRecord(request.body) && isRecord(request.body.spec) ? request.body.spec : {};
  const asked = typeof spec.expirationSeconds === 'number' ? spec.expirationSeconds : 3600;
  if (asked < 600) throw badRequest('may not specify a duration less than 10 minutes');
  const audiences = Array.isArray(spec.audiences) ? spec.audiences.map(String) : [];
  const { token, expirationTimestamp } = await context.accounts.issue(account, { lifetimeSeconds: asked, audiences });
  return {
    kind: 'TokenRequest',
    apiVersion: 'authentication.k8s.io/v1',
    metadata: { name: path.name, namespace: path.namespace, creationTimestamp: null },
    spec: { audiences, expirationSeconds: asked },
    status: { token, expirationTimestamp },
  };
}

/** The log of a pod's container as plain text. @throws StatusError 400, 404 */
export async function sendLog(
  context: ApiContext,
  path: ObjectPath,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const query = queryOf(request);
  const pod = context.registry.read(path);
  const tailLines = numberOf(query.tailLines, 'tailLines');
  const limitBytes = numberOf(query.limitBytes, 'limitBytes');
  const sinceSeconds = numberOf(query.sinceSeconds, 'sinceSeconds');
  const log = await context.podLogs.read(pod, {
    container: query.container,
    previous: isTrue(query.previous),
    follow: isTrue(query.follow),
    timestamps: isTrue(query.timestamps),
    ...(tailLines === undefined ? {} : { tailLines }),
    ...(limitBytes === undefined ? {} : { limitBytes }),
    ...(sinceSeconds === undefined ? {} : { sinceSeconds }),
  });
  return reply.type('text/plain').send(log);
}
