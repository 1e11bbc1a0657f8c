/**
 * Bundles the server and its two kinds of thread into dist/. What is bundled is loaded in one read each, which is the
 * faster cold start; the two packages with native code stay outside and are the only ones that production installs.
 */
import { rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));

rmSync(join(here, 'dist'), { recursive: true, force: true });
await build({
  absWorkingDir: here,
  entryPoints: ['src/server.ts', 'src/image-thread.ts', 'src/model-thread.ts'],
  outdir: 'dist',
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node20',
  external: ['onnxruntime-node', 'sharp'],
  legalComments: 'none',
  // A stack in the log must be readable, and a smaller file does not start faster.
  minify: false,
  logLevel: 'warning',
});
