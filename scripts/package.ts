/** `npm run package`: builds, stages and packs the extension into dist/*.vsix with tfx-cli, offline. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { unzipSync } from 'fflate';
import { buildProduct, printBundles } from './build';
import { readPackageJson, root, stage, taskNames } from './product';

interface ExtensionManifest {
  id: string;
  publisher: string;
  version: string;
  icons: { default: string };
  screenshots: { path: string }[];
}

export async function packageExtension(): Promise<string> {
  await buildProduct();
  const manifest = JSON.parse(readFileSync(join(root, 'vss-extension.json'), 'utf8')) as ExtensionManifest;
  manifest.version = readPackageJson().version;
  writeFileSync(join(stage, 'vss-extension.json'), JSON.stringify(manifest, null, 2));
  mkdirSync(join(stage, 'images'), { recursive: true });
  // Those that the manifest and the Marketplace page show, and no others.
  const page = readFileSync(join(root, 'overview.md'), 'utf8');
  const shown = [manifest.icons.default, ...manifest.screenshots.map(({ path }) => path), ...imagesOf(page)];
  for (const path of shown) copyFileSync(join(root, path), join(stage, path));
  copyFileSync(join(root, 'overview.md'), join(stage, 'overview.md'));
  // tfx asks file(1) for the type of a file without an extension, which a bare machine lacks.
  copyFileSync(join(root, 'LICENSE'), join(stage, 'LICENSE.md'));

  const vsix = join(stage, `${manifest.publisher}.${manifest.id}-${manifest.version}.vsix`);
  const tfx = join(root, 'node_modules/tfx-cli/_build/tfx-cli.js');
  const run = spawnSync(
    process.execPath,
    [
      tfx,
      'extension',
      'create',
      '--root',
      stage,
      '--manifests',
      'vss-extension.json',
      '--output-path',
      vsix,
      '--no-color',
      '--no-prompt',
    ],
    { cwd: stage, encoding: 'utf8' },
  );
  const output = `${run.stdout}${run.stderr}`;
  // tfx reports a missing task folder or a bad task.json as a warning and packs all the same.
  if (run.status !== 0 || /warning:/i.test(output)) throw new Error(`tfx did not accept the extension:\n${output}`);
  checkContents(vsix, shown);
  return vsix;
}

/** The pictures that a page shows. */
function imagesOf(page: string): string[] {
  return [...page.matchAll(/!\[[^\]]*\]\(([^)]+)\)/g)].map(([, path = '']) => path);
}

/** The Marketplace takes 50 MB. */
const mostBytes = 50 * 1024 * 1024;

/** Fails when the package lacks a part, carries something that is not on the list, or is too large. */
function checkContents(vsix: string, shown: readonly string[]): void {
  const entries = Object.keys(unzipSync(readFileSync(vsix)));
  const wanted = taskNames.flatMap(name => ['index.js', 'task.json', 'icon.png'].map(file => `tasks/${name}/${file}`));
  wanted.push(
    'tab/index.html',
    'tab/tab.js',
    'tab/tab.css',
    'overview.md',
    'LICENSE.md',
    'tasks/DeployOnlineEndpoint/scoring-runtime/Dockerfile',
  );
  const missing = wanted.filter(name => !entries.includes(name));
  const allowed = [
    ...wanted,
    ...shown,
    'THIRD_PARTY_NOTICES.md',
    'extension.vsixmanifest',
    'extension.vsomanifest',
    '[Content_Types].xml',
  ];
  const runtime = /^tasks\/DeployOnlineEndpoint\/scoring-runtime\/(?!.*(node_modules|\.map$|\.env|\.vsix$))/;
  const unwanted = entries.filter(name => !name.endsWith('/') && !allowed.includes(name) && !runtime.test(name));
  if (statSync(vsix).size > mostBytes) throw new Error(`${basename(vsix)} is larger than the Marketplace takes.`);
  if (missing.length > 0) throw new Error(`${basename(vsix)} lacks ${missing.join(', ')}.`);
  if (unwanted.length > 0) throw new Error(`${basename(vsix)} must not hold ${unwanted.slice(0, 5).join(', ')}.`);
}

if (require.main === module) {
  packageExtension()
    .then(vsix => {
      console.log(`${basename(vsix)}: ${Math.round(statSync(vsix).size / 1024)} KB`);
      return printBundles();
    })
    .catch((error: unknown) => {
      console.error(error instanceof Error ? error.message : error);
      process.exitCode = 1;
    });
}
