import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { folderContent } from '../../../../lib/azureml/folder-content';

/** The same numbers for the same seed. https://en.wikipedia.org/wiki/Linear_congruential_generator */
function random(seed: number): (below: number) => number {
  let state = seed;
  return below => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return Math.floor((state / 2 ** 31) * below);
  };
}

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

function pick<T>(from: readonly T[], draw: (below: number) => number): T {
  return from[draw(from.length)]!;
}

/** Every file that git would add is uploaded, and no other: git itself is asked. */
describe('what an ignore file leaves out', () => {
  for (let seed = 1; seed <= 25; seed++) {
    it(`is what git leaves out: tree ${seed}`, async () => {
      const draw = random(seed);
      const folder = mkdtempSync(join(tmpdir(), 'guardian-ignore-'));
      try {
        for (let count = 0; count < 20; count++) {
          const path = Array.from({ length: 1 + draw(3) }, () => pick(names, draw)).join('/');
          try {
            mkdirSync(join(folder, dirname(path)), { recursive: true });
            writeFileSync(join(folder, path), path);
          } catch {
            // A file stands where this one wants a folder, or the other way round.
          }
        }
        const rules = Array.from({ length: 1 + draw(5) }, () => pick(patterns, draw));
        writeFileSync(join(folder, '.gitignore'), `${rules.join('\n')}\n`);
        const git = (...args: string[]): string =>
          execFileSync(
            'git',
            ['-c', 'core.excludesFile=/dev/null', '-c', 'core.ignoreCase=false', '-c', 'core.quotePath=false', ...args],
            { cwd: folder, encoding: 'utf8' },
          );
        git('init', '--quiet');
        const added = git('ls-files', '--others', '--exclude-standard', '-z').split('\0').filter(Boolean);
        const uploaded = (await folderContent(folder)).map(file => file.path);
        assert.deepEqual(
          uploaded.sort(),
          added.filter(path => path !== '.gitignore').sort(),
          `with the rules ${JSON.stringify(rules)}`,
        );
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    });
  }
});
