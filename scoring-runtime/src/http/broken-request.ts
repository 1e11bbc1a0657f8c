import type { Socket } from 'node:net';
import { randomUUID } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import { type ErrorBody, ScoringError } from '../scoring-error';

/** Answers what Node.js could not even read as a request, in the same form as every other error, and hangs up. */
export function answerBrokenRequest(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const answer =
    error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
      ? new ScoringError('RequestTimeout', 'The request took too long to arrive.')
      : new ScoringError('InvalidRequest', 'This is not an HTTP request that can be read.');
  const body = JSON.stringify({
    error: { code: answer.code, message: answer.message, requestId: randomUUID() },
  } satisfies ErrorBody);
  socket.end(
    `HTTP/1.1 ${answer.status} ${STATUS_CODES[answer.status] ?? ''}\r\n` +
      `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}
