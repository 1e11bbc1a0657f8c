import assert from 'node:assert/strict';
import { wholeMinutes } from '../../../../lib/azureml/endpoint-metrics';

const at = (time: string): Date => new Date(`2026-03-01T${time}Z`);

describe('the minutes of Azure Monitor that a step is judged by', () => {
  it('begin after the one in which the step began, which holds the requests before it, too', () => {
    assert.equal(wholeMinutes(at('10:00:30'), at('10:05:30')), '2026-03-01T10:01:00.000Z/2026-03-01T10:06:00.000Z');
    assert.equal(wholeMinutes(at('10:00:00'), at('10:05:00')), '2026-03-01T10:00:00.000Z/2026-03-01T10:05:00.000Z');
  });

  it('are all of them when the step is too short to leave one out', () => {
    assert.equal(wholeMinutes(at('10:00:30'), at('10:01:10')), '2026-03-01T10:00:00.000Z/2026-03-01T10:02:00.000Z');
  });
});
