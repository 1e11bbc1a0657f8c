import assert from 'node:assert/strict';
import {
  challengerTraffic,
  sameTraffic,
  trafficProblem,
  withShare,
  without,
  type Traffic,
} from '../../../../lib/release/traffic';

describe('traffic', () => {
  const shares: [string, Traffic, string, number, Traffic][] = [
    ['a challenger takes its share from the champion', { a: 100 }, 'b', 10, { a: 90, b: 10 }],
    ['a share can be changed', { a: 90, b: 10 }, 'b', 25, { a: 75, b: 25 }],
    ['the first deployment gets everything, whatever its share', {}, 'a', 10, { a: 100 }],
    ['zero shares do not count as serving', { a: 0 }, 'b', 10, { b: 100 }],
    ['a share of zero leaves the deployment out', { a: 90, b: 10 }, 'b', 0, { a: 100 }],
    ['several serving deployments keep their proportion', { a: 60, b: 40 }, 'c', 10, { a: 54, b: 36, c: 10 }],
    ['rounding loses nothing', { a: 33, b: 33, c: 34 }, 'd', 10, { a: 30, b: 30, c: 30, d: 10 }],
    ['all to one', { a: 50, b: 50 }, 'c', 100, { c: 100 }],
  ];
  for (const [what, current, name, percent, expected] of shares) {
    it(what, () => assert.deepEqual(withShare(current, name, percent), expected));
  }

  it('sums to 100 for any mix', () => {
    for (let a = 1; a < 100; a += 7) {
      for (let share = 0; share <= 100; share += 3) {
        const split = withShare({ a, b: 100 - a }, 'c', share);
        assert.equal(trafficProblem(split), undefined, JSON.stringify({ a, share, split }));
      }
    }
  });

  it('takes a deployment out and never the last one', () => {
    assert.deepEqual(without({ a: 90, b: 10 }, ['b']), { a: 100 });
    assert.deepEqual(without({ a: 50, b: 25, c: 25 }, ['a']), { b: 50, c: 50 });
    assert.equal(without({ a: 100 }, ['a']), undefined);
    assert.equal(without({}, []), undefined);
  });

  it('replaces a challenger that is on trial', () => {
    assert.deepEqual(challengerTraffic({ a: 90, b: 10 }, 'c', 20, 'b'), { a: 80, c: 20 });
    assert.deepEqual(challengerTraffic({ a: 100 }, 'c', 20, undefined), { a: 80, c: 20 });
    assert.deepEqual(challengerTraffic({ a: 60, x: 30, b: 10 }, 'c', 10, 'b'), { a: 60, c: 10, x: 30 });
  });

  it('compares by what serves, not by order or zeros', () => {
    assert.ok(sameTraffic({ a: 90, b: 10, c: 0 }, { b: 10, a: 90 }));
    assert.ok(!sameTraffic({ a: 90, b: 10 }, { a: 100 }));
  });

  it('says why a map must not be written', () => {
    assert.match(trafficProblem({ a: 90 }) ?? '', /sum to 90/);
    assert.match(trafficProblem({}) ?? '', /sum to 0/);
    assert.match(trafficProblem({ a: 99.5, b: 0.5 }) ?? '', /share of a is 99.5/);
    assert.match(trafficProblem({ a: 110, b: -10 }) ?? '', /share of a is 110/);
  });
});
