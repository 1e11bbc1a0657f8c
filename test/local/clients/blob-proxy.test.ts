import assert from 'node:assert/strict';
import { request as httpsRequest } from 'node:https';
import { connect as tlsConnect } from 'node:tls';
import type { Duplex } from 'node:stream';
import { AzureFixture } from '../azure/azure-fixture';

describe('local Azure as the proxy to its own blob storage', () => {
  let fixture: AzureFixture;
  before(async () => (fixture = await AzureFixture.start()));
  after(() => fixture.end());

  /** What CONNECT is answered with, and the tunnel. */
  function tunnel(host: string): Promise<{ status: number; reason: string; socket: Duplex }> {
    const { hostname, port } = new URL(fixture.azure.description.arm);
    return new Promise((resolve, reject) => {
      const request = httpsRequest({
        hostname,
        port,
        method: 'CONNECT',
        path: host,
        ca: fixture.azure.certificate.ca,
        agent: false,
      });
      request.on('connect', (response, socket) =>
        resolve({ status: response.statusCode ?? 0, reason: String(response.headers['x-reason']), socket }),
      );
      request.on('error', reject);
      request.end();
    });
  }

  function blobHost(): string {
    return `${new URL(fixture.azure.description.blob).pathname.slice(1)}.blob.core.windows.net`;
  }

  it("gives a client that names the account's host in Azure the blob service of this machine", async () => {
    const host = blobHost();
    const { status, socket } = await tunnel(`${host}:443`);
    assert.equal(status, 200);
    // The client checks the certificate against the name that it asked for.
    const secure = tlsConnect({ socket, servername: host, ca: fixture.azure.certificate.ca });
    secure.write(`GET /?comp=list HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    let answer = '';
    for await (const chunk of secure) answer += String(chunk);
    assert.match(answer, /^HTTP\/1\.1 403/);
    assert.match(answer, /Azurite-Blob/);
  });

  it('refuses every other host', async () => {
    const { status, reason, socket } = await tunnel('pypi.org:443');
    socket.destroy();
    assert.equal(status, 403);
    assert.match(reason, /stands in for guardian\w+\.blob\.core\.windows\.net:443 only/);
  });

  it('stops while a tunnel is open', async () => {
    const { socket } = await tunnel(`${blobHost()}:443`);
    const closed = new Promise(resolve => socket.once('close', resolve));
    socket.on('error', () => undefined);
    socket.resume();
    await fixture.stop();
    await closed;
  });
});
