import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { changelog, changelogFile, changesFolder, release } from '../../../scripts/changelog';

describe('the changelog', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'guardian-changes-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const note = (version: string, name: string, text: string): void => {
    mkdirSync(join(folder, version), { recursive: true });
    writeFileSync(join(folder, version, name), `${text}\n`);
  };

  it('is what the change files say (npx tsx scripts/changelog.ts)', () => {
    assert.equal(readFileSync(changelogFile, 'utf8'), changelog(changesFolder));
  });

  it('has the newest version first, and its kinds in their order', () => {
    note('1.2.0', 'a.fixed.md', 'Mended.');
    note('1.2.0', 'b.added.md', 'New.');
    note('1.10.0', 'c.removed.md', 'Gone.');
    note('next', 'd.changed.md', 'Other.');
    assert.deepEqual(changelog(folder).match(/^(##.*|- .*)$/gm), [
      ...['## Not released yet', '### Changed', '- Other.'],
      ...['## 1.10.0', '### Removed', '- Gone.'],
      ...['## 1.2.0', '### Added', '- New.', '### Fixed', '- Mended.'],
    ]);
  });

  it('makes a release of what is next, once', () => {
    note('1.2.0', 'a.fixed.md', 'Mended.');
    assert.throws(() => release(folder, '1.3.0'), /nothing to release/);
    note('next', 'd.changed.md', 'Other.');
    for (const version of ['1.2.0', '1.1.9']) assert.throws(() => release(folder, version), /not higher than 1\.2\.0/);
    release(folder, '1.3.0');
    assert.match(changelog(folder), /^# What changed\n\n## 1\.3\.0\n\n### Changed\n\n- Other\.\n\n## 1\.2\.0/);
    assert.throws(() => release(folder, '1.4.0'), /nothing to release/);
  });

  it('refuses a file that is no change', () => {
    note('next', 'something.md', 'Text.');
    assert.throws(() => changelog(folder), /next\/something\.md must be named WHAT\.KIND\.md/);
  });
});
