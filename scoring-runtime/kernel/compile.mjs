/** `npm run kernel`: compiles resample.ts beside this file into src/resample-kernel.ts. Needs a package registry. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'kernel-'));
const wasm = join(folder, 'resample.wasm');
const options = '--runtime stub --enable simd --importMemory --optimizeLevel 3 --shrinkLevel 0 --noAssert';
// The compiler is ten times the size of the runtime and its result of 1 KB hardly ever changes, so it is no dependency.
const { status } = spawnSync(
  'npx',
  ['--yes', '--package', 'assemblyscript@0.28.20', 'asc', 'resample.ts', '--outFile', wasm, ...options.split(' ')],
  { cwd: here, stdio: 'inherit' },
);
if (status !== 0) process.exit(1);
const lines = readFileSync(wasm)
  .toString('base64')
  .match(/.{1,110}/g);
writeFileSync(
  join(here, '../src/resample-kernel.ts'),
  `/** Compiled from kernel/resample.ts by \`npm run kernel\`: a WebAssembly module, base64. */\nexport const kernel = [\n${lines
    .map(line => `  '${line}',`)
    .join('\n')}\n].join('');\n`,
);
rmSync(folder, { recursive: true });
