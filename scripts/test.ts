/**
 * `npm test [-- FILE-OR-FOLDER ...]`: style, types, then every test, from units to the whole story. The last line is
 * `N passed, N failed`, where each style and type check counts as one. With files or folders, only their tests run.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import Mocha from 'mocha';
import { packageExtension } from './package';
import { root } from './product';

/** Cheap first, so that a simple mistake is seen early; then the files that take minutes, so that neither of the two runners waits for the other at the end. */
const order = [
  'unit',
  'package',
  'story',
  'guardian-app',
  'task',
  'cli',
  'samples',
  'training',
  'scoring',
  'tab',
  'local',
];

/** Files that run at a time, each in a process of its own: most of what a test does is wait for processes that it started. */
const jobs = 2;

function suites(): string[] {
  const folders = readdirSync(join(root, 'test')).filter(name => !['support', 'fixtures'].includes(name));
  const unknown = folders.filter(name => !order.includes(name));
  if (unknown.length > 0)
    throw new Error(`test/${unknown.join(', test/')} has no place in the order of scripts/test.ts.`);
  return order.filter(name => folders.includes(name)).map(name => join(root, 'test', name));
}

function testFiles(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path, { recursive: true, encoding: 'utf8' })
    .filter(file => file.endsWith('.test.ts'))
    .sort()
    .map(file => join(path, file));
}

function check(what: string, command: string, args: string[]): boolean {
  console.log(`\n${what}`);
  const passed =
    spawnSync(process.execPath, [join(root, 'node_modules', command), ...args], { cwd: root, stdio: 'inherit' })
      .status === 0;
  console.log(passed ? '  passed' : '  failed');
  return passed;
}

function runMocha(files: string[]): Promise<{ passes: number; failures: number }> {
  const mocha = new Mocha({ timeout: 60_000, forbidOnly: true, parallel: true, jobs });
  files.forEach(file => mocha.addFile(file));
  return new Promise(done => {
    const runner = mocha.run(() => done({ passes: runner.stats?.passes ?? 0, failures: runner.stats?.failures ?? 1 }));
  });
}

async function main(): Promise<void> {
  const chosen = process.argv.slice(2);
  const checks =
    chosen.length > 0
      ? []
      : [
          check('Style: eslint', 'eslint/bin/eslint.js', ['.']),
          check('Style: prettier', 'prettier/bin/prettier.cjs', ['--check', '--log-level', 'warn', '.']),
          check('Spelling', 'cspell/bin.mjs', ['lint', '--no-progress', '--no-summary']),
          check('Types', 'typescript/bin/tsc', ['--noEmit']),
          check('Types of the tab', 'typescript/bin/tsc', ['--noEmit', '-p', 'tab']),
        ];
  await packageExtension();
  const paths = chosen.length > 0 ? chosen.map(path => resolve(path)) : suites();
  const { passes, failures } = await runMocha(paths.flatMap(testFiles));
  const passed = passes + checks.filter(Boolean).length;
  const failed = failures + checks.filter(ok => !ok).length;
  console.log(`${passed} passed, ${failed} failed`);
  // A test that leaves a handle open must not keep the run from ending, nor hide its result.
  process.exit(failed === 0 ? 0 : 1);
}

main().catch((error: unknown) => {
  console.error(error);
  console.log('0 passed, 1 failed');
  process.exit(1);
});
