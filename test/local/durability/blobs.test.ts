import assert from 'node:assert/strict';
import { mkdtemp, readFile, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { BlobServiceClient, type ContainerClient } from '@azure/storage-blob';
import type { ClientSecretCredential } from '@azure/identity';
import { AzureFixture } from '../azure/azure-fixture';

const container = 'durable';

describe('local Azure: blobs', () => {
  const clientOf = (
    fixture: AzureFixture,
    credential: ClientSecretCredential = fixture.credential(),
  ): ContainerClient => {
    const options = { tlsOptions: { ca: fixture.azure.certificate.ca }, retryOptions: { maxTries: 1 } };
    return new BlobServiceClient(fixture.azure.description.blob, credential, options).getContainerClient(container);
  };
  const pidOf = async (stateDir: string): Promise<number> =>
    Number(await readFile(join(stateDir, 'azurite', 'pid'), 'utf8'));

  it('are there after the blob service was killed at the very moment of its answer, several times over', async () => {
    const stateDir = await mkdtemp(join(tmpdir(), 'guardian-blobs-'));
    try {
      const expected = new Map<string, string>();
      for (let round = 0; round < 3; round += 1) {
        const fixture = await AzureFixture.start({ stateDir });
        const client = clientOf(fixture);
        await client.createIfNotExists();
        for (const [path, content] of expected) {
          assert.equal((await client.getBlobClient(path).downloadToBuffer()).toString(), content, path);
        }
        assert.equal(await client.getBlobClient('deleted').exists(), false);
        const put = async (path: string, content: string): Promise<void> => {
          await client.getBlockBlobClient(path).upload(content, Buffer.byteLength(content));
          expected.set(path, content);
        };
        await put(`block-${round}`, `written in round ${round}`);
        await put('overwritten', `round ${round}`);
        await put('deleted', 'soon');
        await client.getBlobClient('deleted').delete();
        expected.delete('deleted');
        const log = client.getAppendBlobClient('log.txt');
        await log.createIfNotExists();
        for (let line = 0; line < 20; line += 1) {
          const entry = `round ${round}, line ${line}\n`;
          await log.appendBlock(entry, Buffer.byteLength(entry));
          expected.set('log.txt', (expected.get('log.txt') ?? '') + entry);
        }
        process.kill(await pidOf(stateDir), 'SIGKILL');
        await fixture.stop();
      }
    } finally {
      await rm(stateDir, { recursive: true, force: true });
    }
  }).timeout(60_000);

  it('grow a log with many blocks without the journal growing with its square', async () => {
    const stateDir = await mkdtemp(join(tmpdir(), 'guardian-blobs-'));
    const fixture = await AzureFixture.start({ stateDir });
    try {
      const client = clientOf(fixture);
      await client.createIfNotExists();
      const log = client.getAppendBlobClient('long.txt');
      await log.create();
      for (let line = 0; line < 300; line += 1) await log.appendBlock('x\n', 2);
      let bytes = 0;
      for (const name of await readdir(join(stateDir, 'azurite'))) {
        if (name.startsWith('__azurite_db_blob__.json.log.'))
          bytes += (await stat(join(stateDir, 'azurite', name))).size;
      }
      // About 1.4 kB an append; whole documents would make 300 * 300 / 2 * 120 bytes, over 5 MB.
      assert.ok(bytes < 1_000_000, `${bytes} bytes`);
      process.kill(await pidOf(stateDir), 'SIGKILL');
      await fixture.stop();
      const again = await AzureFixture.start({ stateDir });
      try {
        assert.equal((await clientOf(again).getBlobClient('long.txt').downloadToBuffer()).length, 600);
      } finally {
        await again.stop();
      }
    } finally {
      await fixture.end();
    }
  }).timeout(60_000);

  it('are open to signed tokens for Storage with a role, and to no others', async () => {
    const fixture = await AzureFixture.start();
    try {
      const { directory, description, noAccess } = fixture.azure;
      const client = clientOf(fixture);
      await client.createIfNotExists();
      const upload = (from: ContainerClient): Promise<unknown> => from.getBlockBlobClient('a').upload('a', 1);
      await upload(client);
      const statusOf =
        (statusCode: number, code: string) => (error: Error & { statusCode?: number; code?: string }) => {
          assert.deepEqual([error.statusCode, error.code], [statusCode, code]);
          return true;
        };
      await assert.rejects(
        upload(clientOf(fixture, fixture.credential(noAccess))),
        statusOf(403, 'AuthorizationPermissionMismatch'),
      );
      const reader = directory.addPrincipal('blob-reader', { actions: ['Microsoft.Storage/*/read'] });
      const readOnly = clientOf(fixture, fixture.credential(reader));
      assert.equal((await readOnly.getBlobClient('a').downloadToBuffer()).toString(), 'a');
      await assert.rejects(upload(readOnly), statusOf(403, 'AuthorizationPermissionMismatch'));
      const call = async (token: string): Promise<number> =>
        (
          await fixture.call('GET', `${description.blob}/${container}/a`, {
            token,
            headers: { 'x-ms-version': '2023-11-03' },
          })
        ).status;
      assert.equal(await call((await fixture.credential().getToken('https://storage.azure.com/.default')).token), 200);
      assert.equal(await call(await fixture.token()), 401);
      directory.setLifetimes({ accessTokenSeconds: -10 });
      const old = await directory.accessToken(reader, 'https://storage.azure.com');
      assert.equal(await call(old), 401);
    } finally {
      await fixture.end();
    }
  });

  it("take faults on demand, which leave the cloud's own requests alone", async () => {
    const fixture = await AzureFixture.start();
    try {
      const client = clientOf(fixture);
      await client.createIfNotExists();
      const { faults } = fixture.azure;
      const blob = client.getBlockBlobClient('faulty');
      faults.add({
        plane: 'blob',
        method: 'PUT',
        path: `${container}/*`,
        first: 1,
        fault: { type: 'status', status: 503, code: 'ServerBusy' },
      });
      await assert.rejects(blob.upload('one', 3), (error: Error & { statusCode?: number; code?: string }) => {
        assert.deepEqual([error.statusCode, error.code], [503, 'ServerBusy']);
        return true;
      });
      assert.equal(await blob.exists(), false);
      faults.add({ plane: 'blob', method: 'PUT', first: 1, fault: { type: 'reset', handled: true } });
      await assert.rejects(blob.upload('two', 3), /ECONNRESET|socket hang up/);
      assert.equal((await blob.downloadToBuffer()).toString(), 'two');
      faults.add({ plane: 'blob', method: 'GET', first: 1, fault: { type: 'truncate', bytes: 1 } });
      const { readableStreamBody } = await blob.download(0, undefined, { maxRetryRequests: 0 });
      await assert.rejects(text(readableStreamBody as Readable), /aborted|ended|premature|Data corruption/i);
      assert.equal((await blob.downloadToBuffer()).toString(), 'two');
      faults.add({ plane: 'blob', fault: { type: 'reset' } });
      const job = await fixture.commandJob('echo done');
      await fixture.client().jobs.createOrUpdate(...fixture.names, 'unharmed', job);
      assert.equal((await fixture.endOf('unharmed')).status, 'Completed');
    } finally {
      await fixture.end();
    }
  });
});
