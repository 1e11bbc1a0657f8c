import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { preparePython } from '../../local/python/python-environment';
import { root } from '../../scripts/product';
import { pythonWith } from '../support/python-packages';

const samples = join(root, 'samples/training');

interface CondaFile {
  dependencies: (string | { pip: string[] })[];
}

describe('the training samples', function () {
  // The first run on a machine installs PyTorch.
  this.timeout(15 * 60_000);

  it("pass their own tests in the environment of their jobs' conda file", async () => {
    const conda = parse(readFileSync(join(samples, 'environment/conda.yml'), 'utf8')) as CondaFile;
    const requirements = conda.dependencies.flatMap(item => (typeof item === 'string' ? [] : item.pip));
    const log: string[] = [];
    const { python } = await preparePython({
      requirements,
      // Where local Azure keeps it too.
      cacheDir: join(root, '.local/cache'),
      log: line => log.push(line),
    });
    const { status, stderr } = spawnSync(python, ['-m', 'unittest', 'discover', '-s', 'tests', '-t', '.'], {
      cwd: samples,
      encoding: 'utf8',
      env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' },
    });
    assert.equal(status, 0, [...log, stderr].join('\n'));
    const ran = /Ran (\d+) tests/.exec(stderr)?.[1];
    assert.ok(Number(ran) >= 25, `only ${ran ?? 'no'} tests ran`);
    assert.match(stderr, /^OK$/m, 'tests were skipped');
  });

  it('have the same environment as an image', () => {
    const conda = parse(readFileSync(join(samples, 'environment/conda.yml'), 'utf8')) as CondaFile;
    const lines = readFileSync(join(samples, 'environment/requirements.txt'), 'utf8').trim().split('\n');
    assert.deepEqual(
      lines.filter(line => !line.startsWith('#')),
      conda.dependencies.flatMap(item => (typeof item === 'string' ? [] : item.pip)),
    );
  });

  it('have an INT8 form that is checked before it is kept', async () => {
    const python = await pythonWith(join(samples, 'environment/quantize.txt'));
    const { status, stderr } = spawnSync(python, ['-m', 'unittest', 'tests.quantize_checks'], {
      cwd: samples,
      encoding: 'utf8',
      env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' },
    });
    assert.equal(status, 0, stderr);
    assert.match(stderr, /^Ran 2 tests[^]*^OK$/m);
  });
});
