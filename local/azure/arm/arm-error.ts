import { randomUUID } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';

/** What goes beside code and message into an ARM error; see `armErrorBody`. */
export interface ArmErrorDetail {
  target?: string;
  /** The causes below the outer code, as the Azure ML front end lists them. */
  details?: { code: string; message: string }[];
  /** Code of the InnerError that the front end puts into `additionalInfo`. */
  innerCode?: string;
  headers?: Record<string, string>;
}

/** An answer that is not a success, in the words of Azure Resource Manager or of Azure ML behind it. Throw it from any ARM route. */
export class ArmError extends Error {
  constructor(
    /** HTTP status. */
    readonly status: number,
    /** For example `ResourceNotFound`, `UserError`, `BadRequest`. */
    readonly code: string,
    message: string,
    readonly more: ArmErrorDetail = {},
  ) {
    super(message);
    this.name = 'ArmError';
  }
}

/** 400 as the Azure ML front end sends it for a request that it understood but cannot accept. */
export function userError(message: string, more: ArmErrorDetail = {}): ArmError {
  return new ArmError(400, 'UserError', message, { innerCode: 'BadArgument', ...more });
}

/** 404 of the Azure ML front end for a thing inside the workspace; the message names it. */
export function notFound(message: string): ArmError {
  return new ArmError(404, 'ResourceNotFound', message, { innerCode: 'NotFoundError' });
}

/** The envelope of the front end: `{error: {code, message, details, additionalInfo}}`. */
export function armErrorBody(error: ArmError, request: FastifyRequest, region: string): Record<string, unknown> {
  const information = [
    { type: 'ComponentName', info: { value: 'managementfrontend' } },
    { type: 'Correlation', info: { value: { operation: correlationId(request), request: request.id } } },
    { type: 'Environment', info: { value: region } },
    { type: 'Location', info: { value: region } },
    { type: 'Time', info: { value: new Date().toISOString() } },
    ...(error.more.innerCode === undefined
      ? []
      : [{ type: 'InnerError', info: { value: { code: error.more.innerCode, innerError: null } } }]),
  ];
  return {
    error: {
      code: error.code,
      message: error.message,
      ...(error.more.target === undefined ? {} : { target: error.more.target }),
      details: error.more.details ?? [],
      additionalInfo: information,
    },
  };
}

/** Headers that Azure puts on every answer and that people quote in support cases. */
export function addRequestHeaders(request: FastifyRequest, reply: FastifyReply, region: string): void {
  const correlation = correlationId(request);
  const kind =
    request.method === 'GET' || request.method === 'HEAD'
      ? 'reads'
      : request.method === 'DELETE'
        ? 'deletes'
        : 'writes';
  reply.headers({
    'x-ms-request-id': request.id,
    'x-ms-correlation-request-id': correlation,
    'x-ms-routing-request-id': `${region.toUpperCase()}:${new Date().toISOString().replace(/[-:]|\.\d+/g, '')}:${correlation}`,
    [`x-ms-ratelimit-remaining-subscription-${kind}`]: '11999',
    'x-request-time': (reply.elapsedTime / 1000).toFixed(3),
    'cache-control': 'no-cache',
  });
  const clientRequestId = request.headers['x-ms-client-request-id'];
  if (typeof clientRequestId === 'string') reply.header('x-ms-client-request-id', clientRequestId);
}

function correlationId(request: FastifyRequest): string {
  const given = request.headers['x-ms-correlation-request-id'];
  return typeof given === 'string' ? given : request.id;
}

/** Ids of requests are GUIDs, as in Azure. */
export function newRequestId(): string {
  return randomUUID();
}
