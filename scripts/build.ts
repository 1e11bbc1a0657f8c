/** `npm run build`: bundles each task into dist/tasks/<Name>/, exactly the tree that tfx packs and that the tests launch, and the command line into dist/cli/. */
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build, type Metafile } from 'esbuild';
import { coldStartMilliseconds } from './cold-start';
import { readManifest, readPackageJson, root, stage, taskNames } from './product';
import { checkSingleCopies, packagesIn, thirdPartyNotices } from './third-party';

const version = readPackageJson().version;

async function bundle(entry: string, outfile: string, firstLine = ''): Promise<Metafile> {
  const result = await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    metafile: true,
    legalComments: 'none',
    // A stack in a user's log must be readable, and a smaller file does not start faster.
    minify: false,
    // ES modules among the packages locate themselves by import.meta.url, which a CommonJS bundle lacks.
    define: { 'import.meta.url': 'importMetaUrl' },
    banner: { js: `${firstLine}const importMetaUrl = require('node:url').pathToFileURL(__filename).href;` },
    logLevel: 'warning',
  });
  return result.metafile;
}

async function bundleTask(name: string): Promise<Metafile> {
  const source = join(root, 'tasks', name);
  const target = join(stage, 'tasks', name);
  mkdirSync(target, { recursive: true });
  const metafile = await bundle(join(source, 'index.ts'), join(target, 'index.js'));
  const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number);
  const manifest = { ...readManifest(source), version: { Major: major, Minor: minor, Patch: patch } };
  writeFileSync(join(target, 'task.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  cpSync(join(source, 'icon.png'), join(target, 'icon.png'));
  return metafile;
}

/** The command line, which launches the tasks' bundles beside it. */
async function bundleCommandLine(): Promise<Metafile> {
  const outfile = join(stage, 'cli', 'guardian.js');
  const metafile = await bundle(join(root, 'cli', 'guardian.ts'), outfile, '#!/usr/bin/env node\n');
  chmodSync(outfile, 0o755);
  return metafile;
}

/** The scoring runtime travels inside the task that deploys it: its folder is the build context of the container. */
function stageScoringRuntime(): void {
  const run = spawnSync(process.execPath, [join(root, 'scoring-runtime/build.mjs')], { stdio: 'inherit' });
  if (run.status !== 0) throw new Error('The scoring runtime does not build; see above.');
  cpSync(join(root, 'scoring-runtime'), join(stage, 'tasks/DeployOnlineEndpoint/scoring-runtime'), {
    recursive: true,
    filter: path => !/scoring-runtime\/(node_modules|dist)(\/|$)/.test(path.replaceAll('\\', '/')),
  });
}

/** The tab of a build's results: a page, its style and one script for browsers. */
async function bundleTab(): Promise<Metafile> {
  const result = await build({
    entryPoints: [join(root, 'tab', 'main.ts')],
    outfile: join(stage, 'tab', 'tab.js'),
    bundle: true,
    platform: 'browser',
    format: 'iife',
    target: 'es2022',
    metafile: true,
    legalComments: 'none',
    minify: true,
    logLevel: 'warning',
  });
  for (const file of ['index.html', 'tab.css']) cpSync(join(root, 'tab', file), join(stage, 'tab', file));
  return result.metafile;
}

export async function buildProduct(): Promise<void> {
  rmSync(stage, { recursive: true, force: true });
  const metafiles = await Promise.all([...taskNames.map(bundleTask), bundleCommandLine(), bundleTab()]);
  const packages = metafiles.flatMap(packagesIn);
  checkSingleCopies(packages);
  writeFileSync(join(stage, 'THIRD_PARTY_NOTICES.md'), thirdPartyNotices(packages));
  stageScoringRuntime();
}

/** One line a bundle: its size, and what a pipeline waits for it at each step. */
export async function printBundles(): Promise<void> {
  for (const name of taskNames) {
    const bundle = join(stage, 'tasks', name, 'index.js');
    const kilobytes = Math.round(statSync(bundle).size / 1024);
    const start = await coldStartMilliseconds(bundle);
    console.log(`  ${name.padEnd(22)} ${String(kilobytes).padStart(5)} KB, cold start ${start} ms`);
  }
}

if (require.main === module) {
  buildProduct()
    .then(printBundles)
    .catch((error: unknown) => {
      console.error(error instanceof Error ? error.message : error);
      process.exitCode = 1;
    });
}
