import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { ArmError } from '../arm/arm-error';
import type { AzureContext } from '../context';
import { PlaneRefusal } from './workspace-plane';

type MlflowCode =
  | 'RESOURCE_DOES_NOT_EXIST'
  | 'RESOURCE_ALREADY_EXISTS'
  | 'INVALID_PARAMETER_VALUE'
  | 'ENDPOINT_NOT_FOUND'
  | 'UNAUTHENTICATED'
  | 'PERMISSION_DENIED'
  | 'INVALID_STATE'
  | 'INTERNAL_ERROR';

/** Status of each code. Source: mlflow/protos/databricks_pb2 and mlflow/exceptions.py of mlflow 3. */
const statuses: Record<MlflowCode, number> = {
  RESOURCE_DOES_NOT_EXIST: 404,
  RESOURCE_ALREADY_EXISTS: 400,
  INVALID_PARAMETER_VALUE: 400,
  ENDPOINT_NOT_FOUND: 404,
  UNAUTHENTICATED: 401,
  PERMISSION_DENIED: 403,
  INVALID_STATE: 500,
  INTERNAL_ERROR: 500,
};

/** An MLflow REST failure: `{error_code, message}`. */
export class MlflowError extends Error {
  constructor(
    readonly code: MlflowCode,
    message: string,
  ) {
    super(message);
    this.name = 'MlflowError';
  }
}

/** Gives any failure MLflow's form. */
export function sendMlflowError(
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
  context: AzureContext,
): FastifyReply {
  const known = toMlflowError(error);
  if (known.code === 'INTERNAL_ERROR') {
    context.log(
      `${request.method} ${request.url} failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
    );
  }
  return reply.code(statuses[known.code]).send({ error_code: known.code, message: known.message });
}

function toMlflowError(error: unknown): MlflowError {
  if (error instanceof MlflowError) return error;
  if (error instanceof PlaneRefusal) {
    const code = { 401: 'UNAUTHENTICATED', 403: 'PERMISSION_DENIED', 404: 'RESOURCE_DOES_NOT_EXIST' } as const;
    return new MlflowError(code[error.status], error.message);
  }
  if (error instanceof ArmError) {
    return new MlflowError(error.status === 404 ? 'RESOURCE_DOES_NOT_EXIST' : 'INVALID_PARAMETER_VALUE', error.message);
  }
  const { statusCode, message } = error as Partial<FastifyError>;
  if (statusCode !== undefined && statusCode < 500)
    return new MlflowError('INVALID_PARAMETER_VALUE', message ?? 'Bad request.');
  return new MlflowError('INTERNAL_ERROR', message ?? 'Internal error.');
}
