import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { TokenRefused, type Caller } from '../directory/directory-tokens';
import type { AzureContext } from '../context';
import { requireApiVersion } from './api-versions';
import { ArmError, addRequestHeaders, armErrorBody } from './arm-error';
import { acceptJsonBodies } from './json-body';

declare module 'fastify' {
  interface FastifyRequest {
    /** Who calls; set by the scope that authenticated the request. */
    caller: Caller | undefined;
  }
}

/** The part of a path that every workspace route has; `:workspace` and the rest match in any letter case, as in ARM. */
export const workspacePath =
  '/subscriptions/:subscriptionId/resourceGroups/:resourceGroup/providers/Microsoft.MachineLearningServices/workspaces/:workspace';

interface PlaceParams {
  subscriptionId?: string;
  resourceGroup?: string;
  workspace?: string;
}

/**
 * Makes `app` behave as Azure Resource Manager does before any resource provider is asked: JSON bodies, token (401), api-version (400),
 * subscription (404), permission (403), resource group and workspace (404); and gives every failure its envelope.
 */
export function useArmScope(app: FastifyInstance, context: AzureContext): void {
  acceptJsonBodies(app);
  app.decorateRequest('caller', undefined);
  app.addHook('onRequest', async request => {
    request.caller = await authenticate(request, context);
    requireApiVersion(pathOf(request), queryValue(request, 'api-version'), context.identity.region);
    requirePlace(request, context);
  });
  app.addHook('onSend', (request, reply, _payload, done) => {
    addRequestHeaders(request, reply, context.identity.region);
    done();
  });
  app.setErrorHandler((error, request, reply) => sendArmError(error, request, reply, context));
  app.setNotFoundHandler(request => {
    throw new ArmError(
      404,
      'NotFound',
      `Local Azure has no operation ${request.method} ${decodeURIComponent(pathOf(request))}.`,
    );
  });
}

/** Sends any thrown value as an ARM error; what we did not foresee is a 500 and goes into the log. */
export function sendArmError(
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  context: AzureContext,
): FastifyReply {
  const known = toArmError(error);
  if (known.status >= 500) {
    context.log(
      `${request.method} ${request.url} failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
    );
  }
  reply.headers(known.more.headers ?? {});
  return reply.code(known.status).send(armErrorBody(known, request, context.identity.region));
}

function toArmError(error: unknown): ArmError {
  if (error instanceof ArmError) return error;
  if (error instanceof TokenRefused) {
    return new ArmError(401, error.code, error.message, {
      headers: { 'www-authenticate': error.challenge },
    });
  }
  if ((error as { code?: string }).code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
    return new ArmError(413, 'RequestEntityTooLarge', 'The request content is larger than the service takes.');
  }
  const { statusCode, code, message } = error as { statusCode?: number; code?: string; message?: string };
  if (statusCode !== undefined && statusCode < 500)
    return new ArmError(statusCode, code ?? 'BadRequest', message ?? 'Bad request.');
  return new ArmError(500, 'InternalServerError', message ?? 'An internal error occurred.');
}

/** The bearer token of a request as its caller. @throws TokenRefused, in ARM's words */
async function authenticate(request: FastifyRequest, context: AzureContext): Promise<Caller> {
  const header = request.headers.authorization;
  if (header === undefined) {
    throw new TokenRefused('AuthenticationFailed', "Authentication failed. The 'Authorization' header is missing.");
  }
  const token = /^Bearer +(\S+)$/i.exec(header)?.[1];
  if (token === undefined) {
    throw new TokenRefused(
      'AuthenticationFailed',
      "Authentication failed. The 'Authorization' header is provided in an invalid format.",
    );
  }
  return context.directory.identify(token, 'arm');
}

function pathOf(request: FastifyRequest): string {
  return request.url.split('?')[0] ?? '';
}

function requirePlace(request: FastifyRequest, context: AzureContext): void {
  const { subscriptionId, resourceGroup, workspace } = request.params as PlaceParams;
  const { identity } = context;
  if (subscriptionId === undefined) return;
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(subscriptionId)) {
    throw new ArmError(
      400,
      'InvalidSubscriptionId',
      `The provided subscription identifier '${subscriptionId}' is malformed or invalid.`,
    );
  }
  if (!sameName(subscriptionId, identity.subscriptionId)) {
    throw new ArmError(404, 'SubscriptionNotFound', `The subscription '${subscriptionId}' could not be found.`);
  }
  if (request.caller?.allows(actionOf(request)) !== true) throw authorizationFailed(request);
  if (resourceGroup !== undefined && !sameName(resourceGroup, identity.resourceGroup)) {
    throw new ArmError(404, 'ResourceGroupNotFound', `Resource group '${resourceGroup}' could not be found.`);
  }
  if (workspace !== undefined && !sameName(workspace, identity.workspace)) {
    throw new ArmError(
      404,
      'ResourceNotFound',
      `The Resource 'Microsoft.MachineLearningServices/workspaces/${workspace}' under resource group '${identity.resourceGroup}' was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix`,
    );
  }
}

function authorizationFailed(request: FastifyRequest): ArmError {
  const scope = decodeURIComponent(request.url.split('?')[0] ?? '');
  return new ArmError(
    403,
    'AuthorizationFailed',
    `The client '${request.caller?.clientId ?? ''}' with object id '${request.caller?.objectId ?? ''}' does not have authorization to perform action '${actionOf(request)}' over scope '${scope}' or the scope is invalid. If access was recently granted, please refresh your credentials.`,
  );
}

/** The RBAC action of a request, for example `Microsoft.MachineLearningServices/workspaces/jobs/write`. */
function actionOf(request: FastifyRequest): string {
  const verb = { GET: 'read', HEAD: 'read', DELETE: 'delete', POST: 'action' }[request.method] ?? 'write';
  const path = (request.url.split('?')[0] ?? '').split('/').filter(Boolean).map(decodeURIComponent);
  const provider = path.findLastIndex(segment => segment.toLowerCase() === 'providers');
  if (provider < 0) return `Microsoft.Resources/subscriptions/${path.length > 2 ? 'resourceGroups/' : ''}${verb}`;
  // Behind the provider's name come types and names by turns; only the types belong to the action.
  const types = path.slice(provider + 2).filter((_segment, index) => index % 2 === 0);
  return [path[provider + 1], ...types, verb].join('/');
}

/** Whether two names of ARM's path are the same: letter case does not count there. */
export function sameName(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}

/** A query value by its name in any letter case (clients write `$orderBy` and `$orderby`). The first one when it is given twice. */
export function queryValue(request: FastifyRequest, name: string): string | undefined {
  const query = request.query as Record<string, string | string[]>;
  const wanted = name.toLowerCase();
  for (const [key, value] of Object.entries(query)) {
    if (key.toLowerCase() === wanted) return Array.isArray(value) ? value[0] : value;
  }
  return undefined;
}
