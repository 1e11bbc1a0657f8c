import { request as httpRequest, type Agent, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';

export interface ScoringRequest {
  method: string;
  /** Path and query, as the container gets it. */
  path: string;
  headers: IncomingHttpHeaders;
  body: Buffer | undefined;
}

export interface ScoringAnswer {
  status: number;
  headers: Record<string, string>;
  body: Buffer | string;
}

/** Headers that belong to one connection, or that the router sets itself. */
const ownHeaders = new Set([
  'connection',
  'keep-alive',
  'transfer-encoding',
  'host',
  'authorization',
  'content-length',
  'azureml-model-deployment',
  'expect',
  'upgrade',
  'te',
  'trailer',
]);

/** Sends a request on to the container behind a port. @throws TimeoutError after that time; other errors when there was no answer */
export async function askContainer(
  port: number,
  request: ScoringRequest,
  timeoutMilliseconds: number,
  agent: Agent,
): Promise<ScoringAnswer> {
  const signal = AbortSignal.timeout(timeoutMilliseconds);
  try {
    return await ask(port, request, signal, agent);
  } catch (error) {
    // The container had closed the connection that was kept; it has not seen the request.
    if (error instanceof StaleConnection) return ask(port, request, signal, agent);
    throw error;
  }
}

class StaleConnection extends Error {}

function ask(port: number, request: ScoringRequest, signal: AbortSignal, agent: Agent): Promise<ScoringAnswer> {
  const { method, path, body } = request;
  const headers = Object.fromEntries(Object.entries(request.headers).filter(([name]) => !ownHeaders.has(name)));
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest(
      {
        host: '127.0.0.1',
        port,
        path,
        method,
        agent,
        headers: { ...headers, ...(body ? { 'content-length': body.length } : {}) },
        signal,
      },
      incoming => {
        const chunks: Buffer[] = [];
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
        incoming.once('error', error => reject(reasonOf(error)));
        incoming.once('end', () =>
          resolve({ status: incoming.statusCode ?? 500, headers: passed(incoming), body: Buffer.concat(chunks) }),
        );
      },
    );
    outgoing.once('error', error => {
      const { code } = error as NodeJS.ErrnoException;
      reject(
        outgoing.reusedSocket && (code === 'ECONNRESET' || code === 'EPIPE') ? new StaleConnection() : reasonOf(error),
      );
    });
    outgoing.end(body);
  });
}

function reasonOf(error: Error): Error {
  return error.name === 'AbortError' && error.cause instanceof Error ? error.cause : error;
}

function passed({ headers }: IncomingMessage): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      typeof value === 'string' && !ownHeaders.has(name) && name !== 'x-request-id' ? [[name, value]] : [],
    ),
  );
}
