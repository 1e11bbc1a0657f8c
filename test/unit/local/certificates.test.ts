import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, get } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureCertificates } from '../../../local/certificates';

describe('certificates', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'guardian-certificates-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('serve https on 127.0.0.1 and localhost to a client that trusts the CA', async () => {
    const { ca, cert, key } = await ensureCertificates(folder);
    const server = createServer({ cert, key }, (_request, response) => response.end('hello'));
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    try {
      for (const servername of ['127.0.0.1', 'localhost']) {
        const status = await new Promise((resolve, reject) => {
          get(
            {
              host: '127.0.0.1',
              port,
              ca,
              agent: false,
              headers: { host: servername },
              servername: servername === 'localhost' ? servername : '',
            },
            response => {
              response.resume();
              resolve(response.statusCode);
            },
          ).on('error', reject);
        });
        assert.equal(status, 200);
      }
    } finally {
      server.close();
    }
    const leaf = new X509Certificate(cert);
    assert.match(leaf.subjectAltName ?? '', /DNS:localhost.*IP Address:127\.0\.0\.1/);
    assert.equal(leaf.ca, false);
    assert.equal(new X509Certificate(ca).ca, true);
  });

  it('stay the same over restarts, with keys that only the owner reads', async () => {
    const first = await ensureCertificates(folder);
    const second = await ensureCertificates(folder);
    assert.deepEqual(second, first);
    for (const name of ['ca-key.pem', 'server-key.pem']) assert.equal(statSync(join(folder, name)).mode & 0o777, 0o600);
  });

  it('are made anew when a file is damaged, under the same CA when that is whole', async () => {
    const first = await ensureCertificates(folder);
    writeFileSync(join(folder, 'server.pem'), 'cut off');
    const second = await ensureCertificates(folder);
    assert.equal(second.ca, first.ca);
    assert.ok(new X509Certificate(second.cert).verify(new X509Certificate(second.ca).publicKey));
    writeFileSync(join(folder, 'ca-key.pem'), '');
    const third = await ensureCertificates(folder);
    assert.notEqual(third.ca, first.ca);
    assert.ok(new X509Certificate(third.cert).verify(new X509Certificate(third.ca).publicKey));
  });
});
