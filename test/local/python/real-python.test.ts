import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { strToU8, zipSync } from 'fflate';
import { withLock } from '../../../local/python/build-lock';
import { preparePython, type PreparedPython } from '../../../local/python/python-environment';

/** A package of one line: a wheel is a zip file. */
function writeWheel(folder: string): void {
  const info = 'guardian_example-1.0.dist-info';
  const files = {
    'guardian_example.py': 'answer = 42\n',
    [`${info}/METADATA`]: 'Metadata-Version: 2.1\nName: guardian-example\nVersion: 1.0\n',
    [`${info}/WHEEL`]: 'Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n',
  };
  const record = [...Object.keys(files), `${info}/RECORD`].map(name => `${name},,\n`).join('');
  const entries = Object.entries({ ...files, [`${info}/RECORD`]: record });
  writeFileSync(
    join(folder, 'guardian_example-1.0-py3-none-any.whl'),
    zipSync(Object.fromEntries(entries.map(([name, text]) => [name, strToU8(text)]))),
  );
}

describe('a Python environment on this machine', function () {
  this.timeout(120_000);
  let folder: string;
  let env: NodeJS.ProcessEnv;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'guardian-python-'));
    mkdirSync(join(folder, 'wheels'));
    writeWheel(join(folder, 'wheels'));
    // No network: pip finds the package in a folder.
    env = { ...process.env, PIP_NO_INDEX: '1', PIP_FIND_LINKS: join(folder, 'wheels') };
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const prepare = (requirements: string[], log: string[] = []): Promise<PreparedPython> =>
    preparePython({ requirements, cacheDir: join(folder, 'cache'), log: line => log.push(line), env });
  const answer = (python: string): string =>
    execFileSync(python, ['-c', 'import guardian_example; print(guardian_example.answer)'], {
      encoding: 'utf8',
    }).trim();

  it('is made once for all that ask at the same time, and found later', async () => {
    const made = await Promise.all([prepare(['guardian-example']), prepare(['guardian-example'])]);
    assert.deepEqual(made.map(item => item.reused).sort(), [false, true]);
    assert.equal(made[0].python, made[1].python);
    assert.equal(answer(made[0].python), '42');
    assert.equal((await prepare(['guardian-example'])).reused, true);
    assert.deepEqual(
      readdirSync(join(folder, 'cache')).filter(name => name.endsWith('.lock')),
      [],
    );
  });

  it('is made again when it was left half done', async () => {
    const { python } = await prepare(['guardian-example']);
    unlinkSync(join(python, '../../complete.json'));
    unlinkSync(python);
    const again = await prepare(['guardian-example']);
    assert.equal(again.reused, false);
    assert.equal(answer(again.python), '42');
  });

  it("is not complete when pip fails: the error has pip's words", async () => {
    await assert.rejects(prepare(['guardian-missing']), /Could not install.*guardian-missing/s);
    await assert.rejects(prepare(['guardian-missing']), /Could not install.*guardian-missing/s);
  });

  it('stops being made when that is cancelled', async () => {
    const controller = new AbortController();
    const making = preparePython({
      requirements: ['guardian-example', 'guardian-example>=1'],
      cacheDir: join(folder, 'cache'),
      log: () => controller.abort(new Error('cancelled')),
      env,
      signal: controller.signal,
    });
    await assert.rejects(making, /cancelled|aborted/);
    assert.ok(!readdirSync(join(folder, 'cache')).some(name => name.endsWith('.lock')));
  });

  it('is the interpreter that is there when nothing is required', async () => {
    const { python, reused } = await prepare([]);
    assert.equal(reused, true);
    assert.ok(existsSync(python));
  });
});

describe('the lock of an environment', () => {
  let folder: string;
  before(() => (folder = mkdtempSync(join(tmpdir(), 'guardian-lock-'))));
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('lets one in at a time', async () => {
    const file = join(folder, 'one.lock');
    let inside = 0;
    let most = 0;
    const enter = (): Promise<void> =>
      withLock(file, { onWait: () => undefined }, async () => {
        most = Math.max(most, ++inside);
        await new Promise(resolve => setImmediate(resolve));
        inside--;
      });
    await Promise.all([enter(), enter(), enter()]);
    assert.equal(most, 1);
    assert.ok(!existsSync(file));
  });

  it('of a process that is gone is taken over', async () => {
    const file = join(folder, 'gone.lock');
    const { pid } = spawnSync(process.execPath, ['-e', '']);
    writeFileSync(file, String(pid));
    assert.equal(await withLock(file, { onWait: () => undefined }, () => Promise.resolve('in')), 'in');
    assert.deepEqual(readdirSync(folder), []);
  });

  it('is given back when the work fails', async () => {
    const file = join(folder, 'failed.lock');
    const failing = withLock(file, { onWait: () => undefined }, () => Promise.reject(new Error('no disk')));
    await assert.rejects(failing, /no disk/);
    assert.ok(!existsSync(file));
  });

  it('is not waited for once cancelled', async () => {
    const file = join(folder, 'held.lock');
    writeFileSync(file, String(process.pid));
    const controller = new AbortController();
    const waiting = withLock(file, { onWait: () => controller.abort(), signal: controller.signal }, () =>
      Promise.resolve(),
    );
    await assert.rejects(waiting, { name: 'AbortError' });
    rmSync(file);
  });
});
