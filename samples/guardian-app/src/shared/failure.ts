import type { z } from 'zod';

/** Something that the work needs does not answer now: the message waits and is tried again, however often. */
export class Unavailable extends Error {
  override readonly name = 'Unavailable';
}

/** The message or its video can never be processed: it goes to the dead-letter queue with this reason. */
export class Poison extends Error {
  override readonly name = 'Poison';
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** What is wrong with a value, a line for each part of it. */
export function problemsOf({ issues }: z.ZodError): string[] {
  return issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
}

/** Whether an AWS client, or Node.js, says that the service could not be reached or was busy. */
export function isOutage(error: unknown): boolean {
  const { name, code, $metadata, $retryable } = error as {
    name?: string;
    code?: string;
    $metadata?: { httpStatusCode?: number };
    $retryable?: unknown;
  };
  return (
    $retryable !== undefined ||
    ($metadata?.httpStatusCode ?? 0) >= 500 ||
    ['TimeoutError', 'ThrottlingException', 'ProvisionedThroughputExceededException'].includes(name ?? '') ||
    ['ECONNREFUSED', 'ECONNRESET', 'ENOTFOUND', 'ETIMEDOUT', 'EPIPE'].includes(code ?? '')
  );
}
