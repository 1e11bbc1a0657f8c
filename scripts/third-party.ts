import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Metafile } from 'esbuild';
import { root } from './product';

/** A package as a bundle contains it: its name and the folder that it was taken from, relative to the repository. */
export interface BundledPackage {
  name: string;
  folder: string;
}

/**
 * Packages that may be bundled from two folders because they hold no state. Anything else twice is an error:
 * azure-pipelines-task-lib, for one, keeps its secrets in module state and breaks when loaded twice.
 */
const statelessTwice = new Set<string>([
  'semver',
  '@azure/abort-controller',
  'ms',
  'debug',
  'tslib',
  'uuid',
  'string-width',
]);

const licenses = new Set([
  'MIT',
  'ISC',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  '0BSD',
  'BlueOak-1.0.0',
  'Python-2.0',
  'Unlicense',
  'CC0-1.0',
  '(MIT OR Apache-2.0)',
  '(MIT OR CC0-1.0)',
]);

export function packagesIn(metafile: Metafile): BundledPackage[] {
  const folders = new Map<string, BundledPackage>();
  for (const file of Object.keys(metafile.inputs)) {
    const match = /^(.*node_modules\/)((?:@[^/]+\/)?[^/]+)\//.exec(file);
    if (match?.[1] && match[2]) folders.set(match[1] + match[2], { name: match[2], folder: match[1] + match[2] });
  }
  return [...folders.values()];
}

export function checkSingleCopies(packages: BundledPackage[]): void {
  const folders = new Map<string, Set<string>>();
  for (const { name, folder } of packages) folders.set(name, (folders.get(name) ?? new Set()).add(folder));
  const twice = [...folders].filter(([name, places]) => places.size > 1 && !statelessTwice.has(name));
  if (twice.length > 0) {
    const list = twice.map(([name, places]) => `${name}: ${[...places].join(', ')}`).join('\n  ');
    throw new Error(`A package is bundled from more than one folder:\n  ${list}`);
  }
}

/** Name, version, licence and licence text of everything that the bundles contain, as Markdown. Fails on a licence that is not permissive. */
export function thirdPartyNotices(packages: BundledPackage[]): string {
  const unique = new Map(packages.map(item => [item.folder, item]));
  const sections = [...unique.values()]
    .sort((a, b) => a.name.localeCompare(b.name))
    .map(({ name, folder }) => {
      const manifest = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')) as {
        version: string;
        license?: string;
      };
      const license = manifest.license ?? 'none stated';
      if (!licenses.has(license))
        throw new Error(
          `${name} ${manifest.version} has the licence "${license}", which is not on the list of permissive ones.`,
        );
      const file = readdirSync(join(root, folder)).find(entry => /^(licen[sc]e|copying)/i.test(entry));
      const text = file ? readFileSync(join(root, folder, file), 'utf8').trim() : `Licensed under ${license}.`;
      return `## ${name} ${manifest.version} (${license})\n\n\`\`\`text\n${text}\n\`\`\`\n`;
    });
  return `# Third-party notices\n\nThe task bundles contain the following packages.\n\n${sections.join('\n')}`;
}
