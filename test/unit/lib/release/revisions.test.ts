import assert from 'node:assert/strict';
import { addRevision, currentRevision, revisionHistory } from '../../../../lib/release/revisions';
import { tagValue, type Tags } from '../../../../lib/release/tags';
import type { Traffic } from '../../../../lib/release/traffic';

describe('revisions', () => {
  it('counts from 1 and keeps the tags of others', () => {
    const { number, tags } = addRevision({ team: 'moderation' }, { a: 100 });
    assert.equal(number, 1);
    assert.deepEqual(tags, { team: 'moderation', 'guardian.revision': '1', 'guardian.revision.1': 'a=100' });
  });

  it('keeps the last 10, newest first when read', () => {
    let tags: Tags = {};
    for (let i = 1; i <= 13; i++) tags = addRevision(tags, { [`m${i}-x`]: 90, a: 10 }).tags;
    assert.equal(currentRevision(tags), 13);
    const history = revisionHistory(tags);
    assert.deepEqual(
      history.map(revision => revision.number),
      [13, 12, 11, 10, 9, 8, 7, 6, 5, 4],
    );
    assert.deepEqual(history[0]?.traffic, { a: 10, 'm13-x': 90 });
  });

  it('never uses a number twice, even when the counter was lost', () => {
    assert.equal(addRevision({ 'guardian.revision.7': 'a=100' }, { b: 100 }).number, 8);
    assert.equal(addRevision({ 'guardian.revision': 'seven', 'guardian.revision.2': 'a=100' }, { b: 100 }).number, 3);
  });

  it('leaves out entries that do not read as traffic', () => {
    const tags = {
      'guardian.revision.1': 'a=100',
      'guardian.revision.2': 'a=50',
      'guardian.revision.3': 'hello',
      'guardian.revision.x': 'a=100',
      'guardian.revision.5': '',
    };
    assert.deepEqual(revisionHistory(tags), [{ number: 1, traffic: { a: 100 } }]);
  });

  it('counts a revision that does not fit into a tag, and says so', () => {
    const wide: Traffic = Object.fromEntries(
      Array.from({ length: 10 }, (_, i) => [`a-deployment-with-a-long-name-${i}`, 10]),
    );
    const { number, tags, recorded } = addRevision({ 'guardian.revision': '4' }, wide);
    assert.deepEqual({ number, recorded }, { number: 5, recorded: false });
    assert.deepEqual(tags, { 'guardian.revision': '5' });
  });

  it('cuts a long tag value visibly', () => {
    assert.equal(tagValue('short'), 'short');
    assert.equal(tagValue('x'.repeat(300)).length, 256);
    assert.ok(tagValue('x'.repeat(300)).endsWith('…'));
  });
});
