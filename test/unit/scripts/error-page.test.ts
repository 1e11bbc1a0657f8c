import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { errorPage, errorPageFile } from '../../../scripts/error-page';

describe('docs/errors.md', () => {
  it('is what scripts/error-page.ts writes', () =>
    assert.equal(readFileSync(errorPageFile, 'utf8'), errorPage(), 'run npx tsx scripts/error-page.ts'));
});
