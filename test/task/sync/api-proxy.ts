import { Agent, request as httpsRequest, createServer, type Server } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ensureCertificates } from '../../../local/certificates';

/** A write that went through, such as `PATCH configmaps/guardian-config`. */
export type WriteText = string;

/**
 * Stands between a task and the API server of any cluster: remembers the writes, and can cut the way as a network or a
 * dying agent would. Dry runs are no writes.
 */
export class ApiProxy {
  readonly writes: WriteText[] = [];
  /** Called after a write has been carried out, before the task learns of it. */
  afterWrite: (count: number, text: WriteText) => void | Promise<void> = () => undefined;
  #toRefuse = 0;

  private constructor(
    private readonly server: Server,
    /** PEM. */
    readonly ca: string,
  ) {}

  static async start(
    upstream: { url: string; ca: string | undefined; unchecked: boolean },
    folder: string,
  ): Promise<ApiProxy> {
    const certificate = await ensureCertificates(folder);
    const agent = new Agent({
      keepAlive: true,
      ...(upstream.ca ? { ca: upstream.ca } : {}),
      rejectUnauthorized: !upstream.unchecked,
    });
    const server = createServer({ cert: certificate.cert, key: certificate.key });
    const proxy = new ApiProxy(server, certificate.ca);
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      void proxy.#forward(request, response, upstream.url, agent);
    });
    await new Promise<void>(listening => server.listen(0, '127.0.0.1', listening));
    return proxy;
  }

  get url(): string {
    return `https://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** The next requests end in a broken connection, as with a server that restarts. */
  refuse(requests: number): void {
    this.#toRefuse = requests;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise(closed => this.server.close(closed));
  }

  async #forward(request: IncomingMessage, response: ServerResponse, upstream: string, agent: Agent): Promise<void> {
    if (this.#toRefuse > 0) {
      this.#toRefuse -= 1;
      request.socket.destroy();
      return;
    }
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const answer = await new Promise<{ message: IncomingMessage; body: Buffer } | undefined>(resolve => {
      const outgoing = httpsRequest(
        `${upstream}${request.url ?? ''}`,
        { method: request.method, headers: { ...request.headers, host: new URL(upstream).host }, agent },
        message => {
          const parts: Buffer[] = [];
          message.on('data', (part: Buffer) => parts.push(part));
          message.on('end', () => resolve({ message, body: Buffer.concat(parts) }));
        },
      );
      outgoing.on('error', () => resolve(undefined));
      outgoing.end(Buffer.concat(chunks));
    });
    if (!answer) {
      request.socket.destroy();
      return;
    }
    const status = answer.message.statusCode ?? 500;
    if (isWrite(request) && status < 300) {
      const text = `${request.method ?? ''} ${/namespaces\/[^/]+\/([^?]+)/.exec(request.url ?? '')?.[1] ?? ''}`;
      this.writes.push(text);
      await this.afterWrite(this.writes.length, text);
    }
    if (response.destroyed) return;
    response.writeHead(status, answer.message.headers);
    response.end(answer.body);
  }
}

function isWrite({ method = '', url = '' }: IncomingMessage): boolean {
  return !['GET', 'HEAD'].includes(method) && !url.includes('dryRun=All');
}
