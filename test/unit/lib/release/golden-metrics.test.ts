import assert from 'node:assert/strict';
import { confusion, goldenMetrics, type Judgement } from '../../../../lib/release/golden-metrics';

const one = (
  label: string | undefined,
  candidate: string | undefined,
  champion?: string,
  milliseconds = 1,
): Judgement => ({
  label,
  candidate,
  champion,
  milliseconds,
});

describe('what deployments say to cases', () => {
  it('counts right labels of the golden set, and agreement with the champion over all', () => {
    const cases = [
      one('a', 'a', 'a'),
      one('a', 'b', 'a', 9),
      one(undefined, 'a', 'a', 5),
      one(undefined, undefined, 'b', 7),
    ];
    const { agreementLow, ...rest } = goldenMetrics(cases, true);
    assert.deepEqual(rest, {
      accuracy: 0.5,
      goldenErrors: 0,
      goldenP95: 9,
      replayErrors: 0.5,
      replayP95: 7,
      agreement: 0.5,
    });
    // Wilson's interval for 2 of 4.
    assert.ok(Math.abs((agreementLow ?? 0) - 0.15) < 0.001);
  });

  it('says nothing of what there were no cases for', () => {
    assert.deepEqual(Object.keys(goldenMetrics([one('a', 'a')], false)), ['accuracy', 'goldenErrors', 'goldenP95']);
    assert.deepEqual(Object.keys(goldenMetrics([one(undefined, 'a')], false)), ['replayErrors', 'replayP95']);
  });

  it('shows which labels are mixed up', () => {
    const pairs = [
      { row: 'a', column: 'a' },
      { row: 'a', column: 'b' },
      { row: 'b', column: undefined },
    ];
    assert.deepEqual(confusion(pairs), {
      labels: ['a', 'b', 'no answer'],
      counts: [
        [1, 1, 0],
        [0, 0, 1],
        [0, 0, 0],
      ],
    });
  });
});
