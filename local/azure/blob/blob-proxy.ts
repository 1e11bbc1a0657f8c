import { connect } from 'node:net';
import type { Server } from 'node:https';
import type { Duplex } from 'node:stream';

/** The storage suffix of the cloud that clients are told about; a client makes `{account}.blob.core.windows.net` of it. */
export const storageSuffix = 'core.windows.net';

/**
 * Answers CONNECT for the account's own blob host with a tunnel to the blob service of this machine, so that `HTTPS_PROXY` leads clients here that
 * insist on that host name (azure-ai-ml ignores the endpoint that a datastore names). Any other host is refused: nothing leaves this machine through it.
 * @returns what ends the tunnels
 */
export function serveBlobProxy(server: Server, account: string, blobPort: number): () => void {
  const tunnels = new Set<Duplex>();
  const blobHost = `${account}.blob.${storageSuffix}:443`;
  server.on('connect', (request, client) => {
    // A client that goes away is no fault of ours; without a listener it would end the process.
    client.on('error', () => client.destroy());
    if (request.url?.toLowerCase() !== blobHost) {
      client.end(`HTTP/1.1 403 Forbidden\r\nx-reason: local Azure stands in for ${blobHost} only\r\n\r\n`);
      return;
    }
    const blobs = connect(blobPort, '127.0.0.1', () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      client.pipe(blobs).pipe(client);
    });
    for (const [socket, other] of [
      [client, blobs],
      [blobs, client],
    ] as const) {
      tunnels.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        tunnels.delete(socket);
        other.destroy();
      });
    }
  });
  return () => {
    for (const socket of tunnels) socket.destroy();
  };
}
