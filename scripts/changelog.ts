/** `tsx scripts/changelog.ts [--release VERSION]`: writes CHANGELOG.md from the change files, see changes/README.md. */
import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { root } from './product';

export const changelogFile = join(root, 'CHANGELOG.md');
export const changesFolder = join(root, 'changes');

const kinds = ['added', 'changed', 'fixed', 'removed'];
const versionPattern = /^\d+\.\d+\.\d+$/;

/** The text of CHANGELOG.md, the newest version first. @throws Error that names a file which is no change */
export function changelog(folder: string): string {
  const released = versionsIn(folder).map(version => section(folder, version, version));
  const next = existsSync(join(folder, 'next')) ? [section(folder, 'next', 'Not released yet')] : [];
  return `${['# What changed', ...next, ...released].join('\n\n')}\n`;
}

/** Makes a version of what is in `next`. @throws Error when there is nothing, or the version is no higher than the last one */
export function release(folder: string, version: string): void {
  if (!versionPattern.test(version)) throw new Error(`${version} is no version such as 1.2.0.`);
  const [last] = versionsIn(folder);
  if (last !== undefined && compare(version, last) <= 0) throw new Error(`${version} is not higher than ${last}.`);
  const next = join(folder, 'next');
  if (!existsSync(next) || readdirSync(next).length === 0)
    throw new Error(`${next} has no change: there is nothing to release.`);
  section(folder, 'next', version);
  renameSync(next, join(folder, version));
}

/** The newest first. */
function versionsIn(folder: string): string[] {
  return readdirSync(folder)
    .filter(name => versionPattern.test(name))
    .sort((a, b) => compare(b, a));
}

function compare(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}

function section(folder: string, name: string, title: string): string {
  const entries = readdirSync(join(folder, name))
    .sort()
    .map(file => {
      const kind = /^[a-z0-9-]+\.([a-z]+)\.md$/.exec(file)?.[1] ?? '';
      const text = readFileSync(join(folder, name, file), 'utf8').trim();
      if (!kinds.includes(kind) || text === '')
        throw new Error(
          `changes/${name}/${file} must be named WHAT.KIND.md, with KIND one of ${kinds.join(', ')}, and have a text.`,
        );
      return { kind, text: text.replaceAll('\n', '\n  ') };
    });
  const parts = kinds.flatMap(kind => {
    const own = entries.filter(entry => entry.kind === kind);
    const heading = `### ${kind.charAt(0).toUpperCase()}${kind.slice(1)}`;
    return own.length === 0 ? [] : [`${heading}\n\n${own.map(({ text }) => `- ${text}`).join('\n')}`];
  });
  return [`## ${title}`, ...parts].join('\n\n');
}

if (require.main === module) {
  const { values } = parseArgs({ options: { release: { type: 'string' } } });
  if (values.release !== undefined) release(changesFolder, values.release);
  writeFileSync(changelogFile, changelog(changesFolder));
}
