import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { withSection } from '../../bench/page-section';
import { root } from '../../scripts/product';

describe('what the benchmark writes into docs/PERFORMANCE.md', () => {
  const page = readFileSync(join(root, 'docs/PERFORMANCE.md'), 'utf8');

  it('takes the place of what it wrote before, and of nothing else', () => {
    const once = withSection(page, 'scoring', '| a table |');
    assert.match(once, /<!-- scoring: begin -->\n\n\| a table \|\n\n<!-- scoring: end -->/);
    const parts = (text: string) => [text.split('<!-- scoring: begin -->')[0], text.split('<!-- scoring: end -->')[1]];
    assert.deepEqual(parts(once), parts(page));
    assert.equal(withSection(once, 'scoring', '| a table |'), once);
  });

  it('needs a place there', () => {
    assert.throws(() => withSection(page, 'weather', 'fair'), /no part between <!-- weather: begin -->/);
  });
});
