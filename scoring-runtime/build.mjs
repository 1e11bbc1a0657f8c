/**
 * Bundles the server and its two kinds of thread into dist/. What is bundled is loaded in one read each, which is the
 * faster cold start; the packages with native code stay outside and are the only ones that production installs.
 */
import { cpSync, existsSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
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
  external: ['onnxruntime-node', 'sharp', 'koffi'],
  legalComments: 'none',
  // A stack in the log must be readable, and a smaller file does not start faster.
  minify: false,
  logLevel: 'warning',
});

layJpegLibrary();

/**
 * Beside the server: libjpeg-turbo, out of a package that brings it for Linux. Of that package nothing else is used, so
 * production need not install it. Elsewhere libvips decodes JPEGs too.
 */
function layJpegLibrary() {
  const { header } = process.report.getReport();
  const system = `${process.platform}-${process.arch}${'glibcVersionRuntime' in header ? '' : '-musl'}`;
  const { resolve } = createRequire(import.meta.url);
  try {
    const library = join(dirname(resolve('@julusian/jpeg-turbo')), `prebuilds/jpeg-turbo-${system}/libturbojpeg.so.0`);
    if (existsSync(library) && resolve('koffi')) cpSync(library, join(here, 'dist/libturbojpeg.so.0'));
  } catch (error) {
    if (error.code !== 'MODULE_NOT_FOUND') throw error;
    console.warn(`Without libjpeg-turbo, which decodes JPEGs three times as fast: ${error.message.split('\n')[0]}`);
  }
}
