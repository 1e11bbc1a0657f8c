import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { folderContent } from '../../../../lib/azureml/folder-content';

const names = ['a', 'b', 'data', 'model.onnx', 'train.py', 'notes.txt', 'Data', 'x y.csv', '.hidden', 'ä.txt'];
const patterns = [
  '*.txt',
  '/data',
  'data/',
  '**/b',
  'a/*',
  '!a/train.py',
  '*',
  '!*/',
  '!*.py',
  'b/**',
  '/*.onnx',
  'da?a',
  '[ab]',
  '#x',
  '\\#x',
  'x\\ y.csv',
  'Data',
  '.*',
  '!.hidden',
  'a/**/train.py',
];

const tree = fc.array(fc.array(fc.constantFrom(...names), { minLength: 1, maxLength: 3 }), { maxLength: 20 });
const rules = fc.array(fc.constantFrom(...patterns), { minLength: 1, maxLength: 5 });

/** Every file that git would add is uploaded, and no other: git itself is asked. */
describe('what an ignore file leaves out', () => {
  it('is what git leaves out', async function () {
    this.timeout(60_000);
    await fc.assert(fc.asyncProperty(tree, rules, sameAsGit), { numRuns: 40 });
  });
});

async function sameAsGit(paths: string[][], lines: string[]): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'guardian-ignore-'));
  try {
    for (const path of paths.map(parts => join(folder, ...parts))) {
      try {
        mkdirSync(dirname(path), { recursive: true });
        writeFileSync(path, path);
      } catch {
        // A file stands where this one wants a folder, or the other way round.
      }
    }
    writeFileSync(join(folder, '.gitignore'), `${lines.join('\n')}\n`);
    const git = (...args: string[]): string =>
      execFileSync(
        'git',
        ['-c', 'core.excludesFile=/dev/null', '-c', 'core.ignoreCase=false', '-c', 'core.quotePath=false', ...args],
        { cwd: folder, encoding: 'utf8' },
      );
    git('init', '--quiet');
    const added = git('ls-files', '--others', '--exclude-standard', '-z').split('\0').filter(Boolean);
    const uploaded = (await folderContent(folder)).map(file => file.path);
    assert.deepEqual(uploaded.sort(), added.filter(path => path !== '.gitignore').sort());
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
