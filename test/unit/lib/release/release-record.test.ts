import assert from 'node:assert/strict';
import { carriedOn, fromModelTags, parseReleaseRecord } from '../../../../lib/release/release-record';

describe('a release record that is gone on with', () => {
  const model = { name: 'm', version: '3', digest: 'd' };

  function problem(text: string): string {
    const read = parseReleaseRecord(text);
    assert.ok(typeof read === 'string');
    return read;
  }

  it('says what is wrong with a text that is none', () => {
    assert.match(problem('{'), /^is no JSON/);
    for (const text of ['null', '7', '[]', '{"schemaVersion": 2}']) assert.match(problem(text), /schemaVersion 1/);
    assert.match(problem('{"schemaVersion": 1, "model": {"name": "m"}}'), /no model and version/);
  });

  it('keeps where the model comes from, and puts each change behind the ones before', () => {
    const text = JSON.stringify({
      schemaVersion: 1,
      model,
      training: { job: 'j' },
      earlier: [{ n: 1 }],
      release: { n: 2 },
    });
    const record = parseReleaseRecord(text);
    assert.ok(typeof record !== 'string');
    assert.deepEqual(carriedOn(record), { training: { job: 'j' }, model, earlier: [{ n: 1 }, { n: 2 }] });
    assert.deepEqual(carriedOn({ model }), { model });
  });

  it('begins with what the tags of a model tell', () => {
    const tags = { 'guardian.digest': 'd', 'guardian.job': 'j', 'guardian.commit': 'c', 'metric.acc': '0.9' };
    assert.deepEqual(fromModelTags('m:3', tags), { training: { job: 'j', commit: 'c', metrics: { acc: 0.9 } }, model });
    assert.deepEqual(fromModelTags('m:3', { 'guardian.digest': 'd' }), { model });
  });
});
