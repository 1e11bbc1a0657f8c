import { qualifiedKind, qualifiedName, type Resource } from '../objects/resources';

export interface StatusCause {
  reason: string;
  message: string;
  field: string;
}

/** The `details` of a Status. */
export interface StatusDetails {
  name?: string;
  group?: string;
  kind?: string;
  uid?: string;
  causes?: StatusCause[];
  retryAfterSeconds?: number;
}

/** What the API answers when something is not done, as an error; `status()` is the body. */
export class StatusError extends Error {
  constructor(
    readonly code: number,
    /** Absent where the real server gives none (its own failures). */
    readonly reason: string | undefined,
    message: string,
    readonly details?: StatusDetails,
  ) {
    super(message);
    this.name = 'StatusError';
  }

  status(): Record<string, unknown> {
    return {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: this.message,
      ...(this.reason ? { reason: this.reason } : {}),
      ...(this.details ? { details: this.details } : {}),
      code: this.code,
    };
  }
}

type Named = Pick<Resource, 'group' | 'plural' | 'kind'>;

function named(resource: Named, name: string): StatusDetails {
  return { name, ...(resource.group ? { group: resource.group } : {}), kind: resource.plural };
}

export function notFound(resource: Named, name: string): StatusError {
  return new StatusError(404, 'NotFound', `${qualifiedName(resource)} "${name}" not found`, named(resource, name));
}

/** No such path, group or resource. */
export function unknownPath(): StatusError {
  return new StatusError(404, 'NotFound', 'the server could not find the requested resource', {});
}

export function alreadyExists(resource: Named, name: string): StatusError {
  const text = `${qualifiedName(resource)} "${name}" already exists`;
  return new StatusError(409, 'AlreadyExists', text, named(resource, name));
}

/** The stored object is not the one that the writer had read. It has no causes, which tells it from an apply conflict. */
export function staleWrite(resource: Named, name: string, because?: string): StatusError {
  const why = because ?? 'the object has been modified; please apply your changes to the latest version and try again';
  const text = `Operation cannot be fulfilled on ${qualifiedName(resource)} "${name}": ${why}`;
  return new StatusError(409, 'Conflict', text, named(resource, name));
}

export function badRequest(message: string): StatusError {
  return new StatusError(400, 'BadRequest', message);
}

export function unauthorized(): StatusError {
  return new StatusError(401, 'Unauthorized', 'Unauthorized');
}

/** A field that breaks a rule of its kind; see `invalid`. */
export interface FieldProblem extends StatusCause {
  reason:
    | 'FieldValueInvalid'
    | 'FieldValueRequired'
    | 'FieldValueForbidden'
    | 'FieldValueDuplicate'
    | 'FieldValueTooLong'
    | 'FieldValueNotSupported';
}

/** 422: all that is wrong with an object, in one answer. */
export function invalid(resource: Named, name: string, problems: readonly FieldProblem[]): StatusError {
  const texts = problems.map(({ field, message }) => `${field || '[]'}: ${message}`);
  const list = texts.length === 1 ? (texts[0] ?? '') : `[${texts.join(', ')}]`;
  return new StatusError(422, 'Invalid', `${qualifiedKind(resource)} "${name}" is invalid: ${list}`, {
    name,
    ...(resource.group ? { group: resource.group } : {}),
    kind: resource.kind,
    causes: [...problems],
  });
}

/** Texts of field problems, in the API server's words. Strings are quoted, everything else is shown as JSON. */
export const problem = {
  invalid: (field: string, value: unknown, detail: string): FieldProblem => ({
    reason: 'FieldValueInvalid',
    message: `Invalid value: ${JSON.stringify(value)}: ${detail}`,
    field,
  }),
  required: (field: string, detail = ''): FieldProblem => ({
    reason: 'FieldValueRequired',
    message: detail ? `Required value: ${detail}` : 'Required value',
    field,
  }),
  forbidden: (field: string, detail: string): FieldProblem => ({
    reason: 'FieldValueForbidden',
    message: `Forbidden: ${detail}`,
    field,
  }),
  duplicate: (field: string, value: unknown): FieldProblem => ({
    reason: 'FieldValueDuplicate',
    message: `Duplicate value: ${JSON.stringify(value)}`,
    field,
  }),
  tooLong: (field: string, bytes: number): FieldProblem => ({
    reason: 'FieldValueTooLong',
    message: `Too long: may not be more than ${bytes} bytes`,
    field,
  }),
  notSupported: (field: string, value: unknown, supported: readonly string[]): FieldProblem => ({
    reason: 'FieldValueNotSupported',
    message: `Unsupported value: ${JSON.stringify(value)}: supported values: ${supported.map(one => `"${one}"`).join(', ')}`,
    field,
  }),
};
