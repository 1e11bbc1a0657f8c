import { randomUUID } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';

type OAuthError =
  | 'invalid_request'
  | 'invalid_client'
  | 'unauthorized_client'
  | 'unsupported_grant_type'
  | 'invalid_scope'
  | 'invalid_resource'
  | 'temporarily_unavailable';

/** Why a sign-in fails; numbers and texts as Microsoft Entra words them (AADSTS…). */
export class SignInError extends Error {
  constructor(
    readonly status: number,
    readonly error: OAuthError,
    /** The number behind AADSTS. */
    readonly code: number,
    text: string,
  ) {
    super(text);
    this.name = 'SignInError';
  }
}

/** 401 for a client that did not prove who it is. */
export function invalidClient(code: number, text: string): SignInError {
  return new SignInError(401, 'invalid_client', code, text);
}

/** 400 for a request that cannot be understood. */
export function invalidRequest(code: number, text: string): SignInError {
  return new SignInError(400, 'invalid_request', code, text);
}

/** The error's body: OAuth's two fields and those by which support finds it. */
export function sendSignInError(error: SignInError, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const given = request.headers['client-request-id'];
  const correlationId = typeof given === 'string' ? given : randomUUID();
  const timestamp = new Date()
    .toISOString()
    .replace('T', ' ')
    .replace(/\.\d+Z$/, 'Z');
  return reply.code(error.status).send({
    error: error.error,
    error_description: `AADSTS${error.code}: ${error.message} Trace ID: ${request.id} Correlation ID: ${correlationId} Timestamp: ${timestamp}`,
    error_codes: [error.code],
    timestamp,
    trace_id: request.id,
    correlation_id: correlationId,
    error_uri: `https://login.microsoftonline.com/error?code=${error.code}`,
  });
}
