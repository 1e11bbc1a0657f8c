import { randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

/** Headers in which callers and Azure's front end name a request; each one is sent back as it came. */
export const requestIdHeaders = ['x-request-id', 'x-ms-client-request-id'] as const;

/** What a caller sends goes into the log and back on the wire, so only plain text of a sensible length is taken. */
const harmless = /^[\x21-\x7e]{1,128}$/;

export function givenRequestId(
  headers: IncomingHttpHeaders,
  name: (typeof requestIdHeaders)[number],
): string | undefined {
  const value = headers[name];
  return typeof value === 'string' && harmless.test(value) ? value : undefined;
}

/** The caller's id of the request, or a new one. */
export function requestId(headers: IncomingHttpHeaders): string {
  for (const name of requestIdHeaders) {
    const id = givenRequestId(headers, name);
    if (id !== undefined) return id;
  }
  return randomUUID();
}
