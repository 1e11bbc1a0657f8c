import assert from 'node:assert/strict';
import { judge, parseGate, verdictOf, type Gate } from '../../../../lib/release/gates';

const gate = (line: string): Gate => {
  const parsed = parseGate(line, ['best', 'champion']);
  assert.ok(typeof parsed === 'object', JSON.stringify(parsed));
  return parsed;
};

describe('a gate', () => {
  for (const [line, metrics, reference, verdict, explanation] of [
    ['acc >= 0.92', { acc: 0.92 }, undefined, 'pass', 'acc is 0.92, wanted >= 0.92'],
    ['errorRate <= 1%', { errorRate: 0.02 }, undefined, 'fail', 'errorRate is 0.02, wanted <= 0.01, off by 0.01'],
    ['acc>=0.92', { acc: 0.91 }, undefined, 'fail', 'acc is 0.91, wanted >= 0.92, off by 0.01'],
    ['loss < -1e-3', { loss: 0 }, undefined, 'fail', 'loss is 0, wanted < -0.001, off by 0.001'],
    ['acc > 0.9', { acc: 0.9 }, undefined, 'fail', 'acc is 0.9, wanted > 0.9, off by 0'],
    ['epochs == 3', { epochs: 3 }, undefined, 'pass', 'epochs is 3, wanted == 3'],
    ['loss < best - 0.01', { loss: 0.2 }, 0.25, 'pass', 'loss is 0.2, wanted < 0.24 (best 0.25)'],
    ['loss < best', { loss: 0.3 }, 0.25, 'fail', 'loss is 0.3, wanted < 0.25 (best 0.25), off by 0.05'],
    ['acc >= champion - 2%', { acc: 0.785 }, 0.8, 'pass', 'acc is 0.785, wanted >= 0.784 (champion 0.8)'],
    ['llh >= champion - 50%', { llh: -3.1 }, -2, 'fail', 'llh is -3.1, wanted >= -3 (champion -2), off by 0.1'],
    ['acc >= champion', { acc: 0.1 }, undefined, 'pass', 'acc is 0.1; there is no champion yet to compare with'],
    ['acc >= champion', { acc: 0.1 }, NaN, 'inconclusive', 'the champion has no value of acc to compare with'],
    ['acc >= 0.9', { loss: 1 }, undefined, 'inconclusive', 'the metric acc was not logged: there are loss'],
    ['acc >= 0.9', {}, undefined, 'inconclusive', 'the metric acc was not logged: no metrics were logged'],
    ['acc >= 0.9', { acc: NaN }, undefined, 'inconclusive', 'acc is NaN'],
    ['acc < 0.9', { acc: -Infinity }, undefined, 'inconclusive', 'acc is -Infinity'],
  ] as const) {
    it(`${line} with ${JSON.stringify(metrics)}${reference === undefined ? '' : ` against ${reference}`}: ${verdict}`, () => {
      const result = judge(gate(line), metrics, reference);
      assert.equal(result.verdict, verdict);
      assert.equal(result.explanation, explanation);
    });
  }

  for (const line of ['acc', 'acc >= ', '>= 0.9', 'acc => 0.9', 'acc >= 0.9.1', 'acc >= top', 'acc >= best - x']) {
    it(`cannot read "${line}"`, () =>
      assert.match(JSON.stringify(parseGate(line, ['best'])), /expected a metric.*or best/));
  }

  it('knows only the references that the task has', () =>
    assert.match(JSON.stringify(parseGate('acc > champion', ['best'])), /a number or best,/));

  it('fails as a whole by one failure, else is in doubt by one doubt', () => {
    const verdict = (...verdicts: ('pass' | 'fail' | 'inconclusive')[]) =>
      verdictOf(verdicts.map(one => ({ verdict: one })));
    assert.equal(verdict(), 'pass');
    assert.equal(verdict('pass', 'pass'), 'pass');
    assert.equal(verdict('pass', 'inconclusive'), 'inconclusive');
    assert.equal(verdict('inconclusive', 'fail', 'pass'), 'fail');
  });
});
