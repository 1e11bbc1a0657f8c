import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lockStateDir } from '../../../local/azure/state-lock';
import { Journal } from '../../../local/journal';

describe('the journal under bad conditions', () => {
  let folder: string;
  let file: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'guardian-journal-'));
    file = join(folder, 'state.journal');
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('gets smaller while it is open when much was overwritten', async () => {
    const journal = await Journal.open(file);
    const runs = journal.collection<string>('runs');
    runs.set('kept', 'as it is');
    const large = 'x'.repeat(1024 * 1024);
    for (let turn = 0; turn < 40; turn += 1) runs.set('overwritten', `${turn}${large}`);
    assert.ok(statSync(file).size < 20 * 1024 * 1024);
    runs.set('last', 'after it');
    await journal.close();
    const again = await Journal.open(file);
    const read = again.collection<string>('runs');
    assert.deepEqual(
      [read.get('kept'), read.get('overwritten')?.slice(0, 3), read.get('last')],
      ['as it is', '39x', 'after it'],
    );
    await again.close();
  });

  it('refuses a write for which there is no room, keeps the value of before, and is whole when opened again', async () => {
    // The file may grow to 8 blocks of 512 bytes (or 1024, depending on the shell).
    const program = `
      const { Journal } = require(${JSON.stringify(join(__dirname, '../../../local/journal.ts'))});
      void Journal.open(${JSON.stringify(file)}).then(journal => {
        const jobs = journal.collection('jobs');
        jobs.set('a', 'small');
        try { jobs.set('a', 'x'.repeat(100000)); } catch (error) { console.log(error.code, jobs.get('a')); }
        jobs.set('b', 'fits again');
      });`;
    const run = spawnSync(
      'sh',
      ['-c', 'trap "" XFSZ; ulimit -f 8; exec "$@"', 'sh', process.execPath, '--require', 'tsx/cjs', '--eval', program],
      { env: { PATH: process.env.PATH, TSX_DISABLE_CACHE: '1' }, encoding: 'utf8' },
    );
    assert.equal(run.stdout, 'EFBIG small\n', run.stderr);
    const journal = await Journal.open(file);
    assert.deepEqual(
      [...journal.collection('jobs').entries()],
      [
        ['a', 'small'],
        ['b', 'fits again'],
      ],
    );
    await journal.close();
  });

  it('takes over the lock of a process that is gone, also when another one has its number', function () {
    // Only Linux says when a process started.
    if (process.platform !== 'linux') this.skip();
    writeFileSync(join(folder, 'lock'), `${process.pid} 1\n`);
    const release = lockStateDir(folder);
    assert.throws(() => lockStateDir(folder), new RegExp(`in use by process ${process.pid}`));
    assert.match(readFileSync(join(folder, 'lock'), 'utf8'), new RegExp(`^${process.pid} `));
    release();
    writeFileSync(join(folder, 'lock'), '');
    lockStateDir(folder)();
  });
});
