import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Journal } from '../../../local/journal';

describe('journal', () => {
  let folder: string;
  let file: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'guardian-journal-'));
    file = join(folder, 'state.journal');
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('gives back after a restart what was set, and not what was deleted', async () => {
    const first = await Journal.open(file);
    const jobs = first.collection<{ status: string }>('jobs');
    jobs.set('a', { status: 'Queued' });
    jobs.set('a', { status: 'Running' });
    jobs.set('b', { status: 'Queued' });
    jobs.delete('b');
    first.collection<number>('other').set('a', 1);
    await first.close();
    const second = await Journal.open(file);
    assert.deepEqual([...second.collection('jobs').entries()], [['a', { status: 'Running' }]]);
    assert.equal(second.collection('other').get('a'), 1);
    await second.close();
  });

  it('has a set on disk when it returns', async () => {
    const journal = await Journal.open(file);
    journal.collection('jobs').set('a', 1);
    assert.equal(readFileSync(file, 'utf8'), '["jobs","a",1]\n');
    await journal.close();
  });

  it('forgets what was overwritten when it is opened again', async () => {
    const first = await Journal.open(file);
    for (let count = 0; count < 100; count += 1) first.collection('jobs').set('a', count);
    await first.close();
    await (await Journal.open(file)).close();
    assert.equal(readFileSync(file, 'utf8'), '["jobs","a",99]\n');
  });

  it('drops a last line that a crash cut off, and refuses damage anywhere else', async () => {
    writeFileSync(file, '["jobs","a",1]\n["jobs","b"');
    const journal = await Journal.open(file);
    assert.deepEqual([...journal.collection('jobs').entries()], [['a', 1]]);
    await journal.close();
    appendFileSync(file, 'damage\n["jobs","c",3]\n');
    await assert.rejects(Journal.open(file), /is damaged at line 2/);
  });

  it('finds keys by their start, sorted, also while keys come and go', async () => {
    const journal = await Journal.open(file);
    const models = journal.collection<number>('models');
    for (const key of ['nsfw/2', 'nsfw/10', 'other/1', 'nsfw/1']) models.set(key, 0);
    assert.deepEqual(models.keysWithPrefix('nsfw/'), ['nsfw/1', 'nsfw/10', 'nsfw/2']);
    models.delete('nsfw/10');
    models.set('nsfw/3', 0);
    models.set('a', 0);
    assert.deepEqual(models.keysWithPrefix('nsfw/'), ['nsfw/1', 'nsfw/2', 'nsfw/3']);
    assert.deepEqual(models.keysWithPrefix('z'), []);
    assert.deepEqual(models.keysWithPrefix(''), ['a', 'nsfw/1', 'nsfw/2', 'nsfw/3', 'other/1']);
    await journal.close();
  });

  it('refuses to write once it is closed', async () => {
    const journal = await Journal.open(file);
    await journal.close();
    assert.throws(() => journal.collection('jobs').set('a', 1), /is closed/);
  });
});
