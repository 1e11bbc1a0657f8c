import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** One service's way to AWS. A test can hold the next call of an operation: the service is then known to be right before it. */
export class HoldingProxy {
  private held: { operation: string; seen: () => void } | undefined;
  private letGo: (() => void)[] = [];

  private constructor(
    private readonly server: Server,
    readonly url: string,
  ) {}

  static async start(target: string): Promise<HoldingProxy> {
    const server = createServer();
    await new Promise<void>(done => server.listen(0, '127.0.0.1', done));
    const proxy = new HoldingProxy(server, `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    server.on('request', (incoming, outgoing) => {
      const pass = (): void => {
        // With its Host header: by it SQS makes the queues' URLs, where the client sends what follows.
        const { method, headers } = incoming;
        const onward = request(`${target}${incoming.url ?? ''}`, { method, headers }, answer => {
          outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
          answer.pipe(outgoing);
        });
        onward.on('error', () => outgoing.destroy());
        incoming.pipe(onward);
      };
      const operation = String(incoming.headers['x-amz-target'] ?? '').split('.')[1];
      if (proxy.held === undefined || proxy.held.operation !== operation) return pass();
      const { seen } = proxy.held;
      proxy.held = undefined;
      // Never sent: the service is killed while it waits.
      proxy.letGo.push(() => outgoing.destroy());
      seen();
    });
    return proxy;
  }

  /** Resolves when the service has called the operation; the call does not reach AWS. */
  hold(operation: string): Promise<void> {
    return new Promise(seen => (this.held = { operation, seen }));
  }

  release(): void {
    this.held = undefined;
    for (const letGo of this.letGo.splice(0)) letGo();
  }

  async stop(): Promise<void> {
    this.release();
    const closed = new Promise(done => this.server.close(done));
    this.server.closeAllConnections();
    await closed;
  }
}
