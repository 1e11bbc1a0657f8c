import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OperationError, Operations } from '../../../../local/azure/arm/operations';
import { Journal } from '../../../../local/journal';

describe('long-running operations', () => {
  let folder: string;
  let journal: Journal;
  let abort: AbortController;
  const open = async (): Promise<Operations> => {
    journal = await Journal.open(join(folder, 'journal'));
    abort = new AbortController();
    return new Operations(journal, {
      subscriptionId: 'sub',
      region: 'eastus',
      workspaceId: 'guid',
      baseUrl: () => 'https://127.0.0.1:1',
      signal: abort.signal,
      log: () => undefined,
    });
  };
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'guardian-operations-'));
  });
  afterEach(async () => {
    await journal.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const resource = '/subscriptions/sub/resource';

  it('are under way when the first answer goes out, and then keep their result', async () => {
    const operations = await open();
    const started = operations.start({
      kind: 'patch',
      resource,
      prefix: 'oeidp',
      run: () => Promise.resolve({ done: true }),
    });
    assert.equal(operations.get(started.id)?.status, 'InProgress');
    assert.match(started.id, /^oeidp:guid:[0-9a-f-]{36}$/);
    assert.ok(started.putHeaders['Azure-AsyncOperation']?.startsWith(`${started.statusUri}&t=`));
    assert.equal(started.putHeaders['Retry-After'], '1');
    assert.match(started.deleteHeaders.Location ?? '', /mfeOperationResults\/oeidp:guid:/);
    await started.ended;
    const record = operations.get(started.id);
    assert.deepEqual([record?.status, record?.percentComplete, record?.result], ['Succeeded', 100, { done: true }]);
  });

  it('fail with the code of the service', async () => {
    const operations = await open();
    const run = (): Promise<never> => Promise.reject(new OperationError('ResourceNotReady', 'The container crashed.'));
    const { id, ended } = operations.start({ kind: 'put', resource, prefix: 'odidp', run });
    await ended;
    assert.deepEqual(operations.get(id)?.error, { code: 'ResourceNotReady', message: 'The container crashed.' });
  });

  it('that a stop cut off are redone or failed by the next process', async () => {
    const first = await open();
    const untilStopped = (): Promise<never> =>
      new Promise((_resolve, reject) => abort.signal.addEventListener('abort', () => reject(new Error('stopped'))));
    const again = first.start({ kind: 'again', resource, prefix: 'odidp', run: untilStopped });
    const lost = first.start({ kind: 'lost', resource, prefix: 'odidp', run: untilStopped });
    await new Promise(resolve => setImmediate(resolve));
    await new Promise(resolve => setImmediate(resolve));
    abort.abort();
    await first.idle();
    await journal.close();

    const second = await open();
    second.onRestart('again', record => operation => Promise.resolve([record.resource, operation.id]));
    second.settleInterrupted();
    assert.equal(second.get(lost.id)?.status, 'Failed');
    await second.idle();
    assert.deepEqual(second.get(again.id)?.result, [resource, again.id]);
  });
});
