import type { Plane } from '../../requests/request-record';
import type { FaultEffect } from './fault-rule';

export interface FaultAnswer {
  status: number;
  headers: Record<string, string>;
  body: string;
}

/** The error answer of a fault in the form that its plane gives errors, so that clients read it as they would read a real one. */
export function faultAnswer(
  effect: FaultEffect & { type: 'status' | 'token' },
  plane: Plane,
  requestId: string,
): FaultAnswer {
  if (effect.type === 'token') {
    const code = effect.state === 'expired' ? 'ExpiredAuthenticationToken' : 'InvalidAuthenticationToken';
    const message =
      effect.state === 'expired'
        ? `The access token expiry UTC time is earlier than current UTC time '${new Date().toISOString()}'.`
        : 'The access token has been revoked.';
    return {
      ...errorBody(401, code, message, plane, requestId),
      ...withHeaders(plane, requestId, {
        'www-authenticate': `Bearer error="invalid_token", error_description="${message.replace(/"/g, "'")}"`,
      }),
    };
  }
  const code =
    effect.code ?? statusCodes[effect.status] ?? (effect.status < 500 ? 'BadRequest' : 'InternalServerError');
  const message = effect.message ?? `The request was answered with ${effect.status} on demand.`;
  const wait = effect.retryAfterSeconds;
  return {
    ...errorBody(effect.status, code, message, plane, requestId),
    ...withHeaders(plane, requestId, wait === undefined ? {} : { 'retry-after': String(wait) }),
  };
}

const statusCodes: Record<number, string> = {
  400: 'BadRequest',
  401: 'AuthenticationFailed',
  403: 'AuthorizationFailed',
  404: 'ResourceNotFound',
  408: 'RequestTimeout',
  409: 'Conflict',
  412: 'PreconditionFailed',
  429: 'TooManyRequests',
  500: 'InternalServerError',
  502: 'BadGateway',
  503: 'ServiceUnavailable',
  504: 'GatewayTimeout',
};

function withHeaders(plane: Plane, requestId: string, more: Record<string, string>): Pick<FaultAnswer, 'headers'> {
  const type =
    plane === 'blob' ? 'application/xml' : plane === 'scoring' ? 'text/plain' : 'application/json; charset=utf-8';
  return { headers: { 'content-type': type, 'x-ms-request-id': requestId, ...more } };
}

function errorBody(
  status: number,
  code: string,
  message: string,
  plane: Plane,
  requestId: string,
): Pick<FaultAnswer, 'status' | 'body'> {
  switch (plane) {
    case 'blob':
      return {
        status,
        body: `<?xml version="1.0" encoding="utf-8"?><Error><Code>${code}</Code><Message>${message}\nRequestId:${requestId}</Message></Error>`,
      };
    case 'scoring':
      return { status, body: message };
    case 'directory': {
      const number = status === 429 ? 90055 : 90033;
      const error = status === 429 || status >= 500 ? 'temporarily_unavailable' : 'invalid_request';
      const body = {
        error,
        error_description: `AADSTS${number}: ${message}`,
        error_codes: [number],
        trace_id: requestId,
      };
      return { status, body: JSON.stringify(body) };
    }
    case 'devops':
      return {
        status,
        body: JSON.stringify({
          $id: '1',
          innerException: null,
          message,
          typeKey: 'VssServiceException',
          typeName:
            'Microsoft.VisualStudio.Services.Common.VssServiceException, Microsoft.VisualStudio.Services.Common',
          errorCode: 0,
          eventId: 3000,
        }),
      };
    case 'mlflow':
      return { status, body: JSON.stringify({ error_code: mlflowCode(status), message }) };
    case 'kubernetes':
      return {
        status,
        body: JSON.stringify({
          kind: 'Status',
          apiVersion: 'v1',
          metadata: {},
          status: 'Failure',
          message,
          reason: kubernetesReason(status),
          code: status,
        }),
      };
    default:
      return { status, body: JSON.stringify({ error: { code, message } }) };
  }
}

function mlflowCode(status: number): string {
  const codes: Record<number, string> = {
    401: 'UNAUTHENTICATED',
    403: 'PERMISSION_DENIED',
    404: 'RESOURCE_DOES_NOT_EXIST',
    429: 'REQUEST_LIMIT_EXCEEDED',
    503: 'TEMPORARILY_UNAVAILABLE',
  };
  return codes[status] ?? (status < 500 ? 'BAD_REQUEST' : 'INTERNAL_ERROR');
}

function kubernetesReason(status: number): string {
  const reasons: Record<number, string> = {
    401: 'Unauthorized',
    403: 'Forbidden',
    404: 'NotFound',
    409: 'Conflict',
    429: 'TooManyRequests',
    503: 'ServiceUnavailable',
    504: 'Timeout',
  };
  return reasons[status] ?? (status < 500 ? 'BadRequest' : 'InternalError');
}
