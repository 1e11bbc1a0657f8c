/**
 * What kinds of failure there are. The code goes with the error to the pipeline's timeline, so that a failure can be
 * searched for and counted; what to do about it is in the message.
 */
export const errorCodes = {
  GuardianFailed: 'The operation failed in a way that has no code of its own; the message says how.',
  GuardianInput: 'An input, a job file or a path that one of them names is missing or wrong.',
  GuardianConnection: 'The service connection cannot be used: a scheme or a field of it.',
  GuardianSignIn: 'Entra ID refused to sign in the service connection, or the service refused its token.',
  GuardianForbidden: 'The identity of the service connection lacks a role.',
  GuardianNotFound: 'A workspace, compute, job, model, environment or endpoint of this name is not there.',
  GuardianConflict: 'Somebody else changed or took the same thing at the same time.',
  GuardianThrottled: 'The service takes no more requests for now.',
  GuardianRefused: 'The service understood the request and refused it.',
  GuardianQuota: 'The subscription has no room for it: cores, deployments or endpoints.',
  GuardianService: 'The service failed (5xx).',
  GuardianUnreachable: 'A host cannot be reached, or its certificate is not trusted.',
  GuardianJobFailed: 'The training job ended, but did not complete.',
  GuardianGateFailed: 'A metric does not meet its gate, or cannot be judged by it.',
  GuardianTimeout: 'Something took longer than its limit.',
  GuardianCanceled: 'The pipeline cancelled the step.',
  GuardianDefect: 'The task broke off because of a defect of its own.',
} as const;

export type ErrorCode = keyof typeof errorCodes;

export interface TaskErrorOptions {
  readonly code?: ErrorCode;
  readonly cause?: unknown;
}

/**
 * A failure that is explained: its message says what was being done, to what, what came back and what to do next. It is
 * shown as it stands, without a stack; anything else that is thrown is a defect of ours and shown as one.
 */
export class TaskError extends Error {
  override readonly name = 'TaskError';
  readonly errorCode: ErrorCode;

  constructor(message: string, { code = 'GuardianFailed', cause }: TaskErrorOptions = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.errorCode = code;
  }
}
