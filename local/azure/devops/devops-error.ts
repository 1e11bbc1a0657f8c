import type { FastifyReply, FastifyRequest } from 'fastify';

/** A refusal in the form of Azure DevOps; `typeKey` is the name of the exception that the service would have thrown. */
export class DevOpsError extends Error {
  constructor(
    /** HTTP status. */
    readonly status: number,
    /** For example `BuildNotFoundException`, `VssServiceException`. */
    readonly typeKey: string,
    message: string,
  ) {
    super(message);
    this.name = 'DevOpsError';
  }
}

/** 401 for a request without a good token: the client may sign in with any of these schemes. */
export function unauthorized(): DevOpsError {
  return new DevOpsError(
    401,
    'UnauthorizedRequestException',
    'TF400813: The user is not authorized to access this resource.',
  );
}

export function notFound(typeKey: string, message: string): DevOpsError {
  return new DevOpsError(404, typeKey, message);
}

export function badRequest(message: string, typeKey = 'VssPropertyValidationException'): DevOpsError {
  return new DevOpsError(400, typeKey, message);
}

/** Any thrown value as Azure DevOps' wrapped exception (`$id`, `typeName`, `typeKey`, `message`, `errorCode`, `eventId`). */
export function sendDevOpsError(
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  log: (line: string) => void,
): FastifyReply {
  const known = asDevOpsError(error);
  if (known.status >= 500)
    log(`${request.method} ${request.url}: ${error instanceof Error ? (error.stack ?? '') : ''}`);
  if (known.status === 401) reply.header('www-authenticate', ['Bearer', 'Basic realm="Azure DevOps"']);
  return reply.code(known.status).send({
    $id: '1',
    innerException: null,
    message: known.message,
    typeName: `Microsoft.VisualStudio.Services.Common.${known.typeKey}, Microsoft.VisualStudio.Services.Common`,
    typeKey: known.typeKey,
    errorCode: 0,
    eventId: 3000,
  });
}

function asDevOpsError(error: unknown): DevOpsError {
  if (error instanceof DevOpsError) return error;
  const { statusCode, message } = error as { statusCode?: number; message?: string };
  if (statusCode !== undefined && statusCode < 500)
    return new DevOpsError(statusCode, 'VssServiceException', message ?? 'Bad request.');
  return new DevOpsError(500, 'VssServiceException', message ?? 'An unexpected error occurred.');
}
