import assert from 'node:assert/strict';
import { checksumAnnotation, formatRelease, parseRelease } from '../../../../lib/kubernetes/config-marks';
import { revisionFor, type ConfigRevision } from '../../../../lib/kubernetes/revisions';

describe('the content that was in force at a release', () => {
  const at = (revision: number, release: Record<string, number>): ConfigRevision => {
    return { revision, release, build: '', current: revision === 4, pending: false };
  };
  const revisions = [at(4, { nsfw: 6, violence: 2 }), at(3, { nsfw: 4, violence: 2 }), at(2, { nsfw: 4 }), at(1, {})];
  const cases: [number | Record<string, number>, number | undefined][] = [
    [3, 3],
    [7, undefined],
    [{ nsfw: 7 }, 4],
    [{ nsfw: 5 }, 3],
    [{ nsfw: 3 }, undefined],
    [{ violence: 2 }, 4],
    [{ other: 2 }, undefined],
    [{ nsfw: 7, violence: 2 }, 4],
    [{ nsfw: 5, violence: 2 }, 3],
    [{ nsfw: 5, violence: 1 }, undefined],
  ];
  for (const [choice, expected] of cases)
    it(`${JSON.stringify(choice)}: ${expected ?? 'none'}`, () =>
      assert.equal(
        revisionFor(revisions, typeof choice === 'number' ? choice : new Map(Object.entries(choice)))?.revision,
        expected,
      ));

  it('is written as text and read again', () => {
    assert.equal(formatRelease({ b: 2, a: 10 }), 'a=10,b=2');
    assert.deepEqual(parseRelease('a=10,b=2'), { a: 10, b: 2 });
    assert.deepEqual(parseRelease(undefined), {});
  });

  it('has a checksum annotation whose name fits, whatever the ConfigMap is called', () => {
    assert.equal(checksumAnnotation('guardian-config'), 'guardian-mlops/checksum.guardian-config');
    const long = checksumAnnotation('x'.repeat(253));
    assert.ok((long.split('/')[1] ?? '').length <= 63);
    assert.notEqual(long, checksumAnnotation(`${'x'.repeat(252)}y`));
  });
});
