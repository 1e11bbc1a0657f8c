import assert from 'node:assert/strict';
import { decide, profileAt, type Situation } from '../../../local/azure/monitor/autoscale-decision';
import { readAutoscaleSetting, type AutoscaleProfile } from '../../../local/azure/monitor/autoscale-setting';

const capacity = { minimum: '2', maximum: '5', default: '3' };
const rule = (direction: string, operator: string, threshold: number, value = '1', metricName = 'Cpu'): unknown => ({
  metricTrigger: {
    metricName,
    metricResourceUri: '/d',
    timeGrain: 'PT1M',
    statistic: 'Average',
    timeWindow: 'PT5M',
    timeAggregation: 'Average',
    operator,
    threshold,
  },
  scaleAction: { direction, type: 'ChangeCount', value, cooldown: 'PT5M' },
});

function profiles(...given: unknown[]): AutoscaleProfile[] {
  const body = { location: 'eastus', properties: { targetResourceUri: '/d', profiles: given } };
  return readAutoscaleSetting('setting', body, undefined).properties.profiles;
}

function situation(rules: unknown[], more: Partial<Situation>): Situation {
  const [profile] = profiles({ name: 'only', capacity, rules });
  assert.ok(profile);
  return {
    profile,
    current: 2,
    now: new Date('2026-03-02T12:00:00Z'),
    lastScaledAt: undefined,
    value: () => 0,
    ...more,
  };
}

describe('local Azure: what autoscale decides', () => {
  const out = rule('Increase', 'GreaterThan', 70, '2');
  const into = rule('Decrease', 'LessThan', 30);

  it('keeps within the limits at once', () => {
    const lastScaledAt = new Date('2026-03-02T11:59:59Z');
    assert.equal(decide(situation([], { current: 1, lastScaledAt }))?.capacity, 2);
    assert.equal(decide(situation([], { current: 9, lastScaledAt }))?.capacity, 5);
    assert.equal(decide(situation([], { current: 4, lastScaledAt })), undefined);
  });

  it('scales out when one rule says so, by the most, and never over the maximum', () => {
    const rules = [out, rule('Increase', 'GreaterThan', 90, '1'), into];
    assert.equal(decide(situation(rules, { value: () => 95 }))?.capacity, 4);
    assert.equal(decide(situation(rules, { value: () => 95, current: 4 }))?.capacity, 5);
    assert.equal(decide(situation(rules, { value: () => 70 })), undefined);
  });

  it('scales in only when all rules for it agree, and not into the next way out', () => {
    const slow = rule('Decrease', 'LessThan', 100, '1', 'Latency');
    const value = (latency: number) => (trigger: { metricName: string }) =>
      trigger.metricName === 'Cpu' ? 20 : latency;
    assert.equal(decide(situation([out, into, slow], { current: 4, value: value(50) }))?.capacity, 3);
    assert.equal(decide(situation([out, into, slow], { current: 4, value: value(150) })), undefined);
    const tight = rule('Increase', 'GreaterThan', 35);
    assert.equal(decide(situation([tight, into], { current: 3, value: () => 25 })), undefined);
  });

  it('waits out the cooldown', () => {
    const lastScaledAt = new Date('2026-03-02T11:56:00Z');
    assert.equal(decide(situation([out], { value: () => 95, lastScaledAt })), undefined);
    const now = new Date('2026-03-02T12:01:00Z');
    assert.equal(decide(situation([out], { value: () => 95, lastScaledAt, now }))?.capacity, 4);
  });

  it('falls back on the default when nothing was measured, upwards only', () => {
    assert.equal(decide(situation([out], { value: () => undefined }))?.capacity, 3);
    assert.equal(decide(situation([out], { value: () => undefined, current: 4 })), undefined);
  });

  it('finds the profile of a fixed time, of the week in its time zone, or without a time', () => {
    const week = (name: string, days: string[], hours: number[]): unknown => ({
      name,
      capacity,
      recurrence: { frequency: 'Week', schedule: { timeZone: 'Pacific Standard Time', days, hours, minutes: [0] } },
    });
    const workdays = ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday'];
    const all = profiles(week('day', workdays, [8]), week('night', workdays, [18]), {
      name: 'release',
      capacity,
      fixedDate: { timeZone: 'UTC', start: '2026-03-10T00:00:00Z', end: '2026-03-11T00:00:00Z' },
    });
    // 8:00 in Los Angeles is 16:00 UTC in the winter.
    const at = (time: string): string | undefined => profileAt(all, new Date(time))?.name;
    assert.equal(at('2026-03-02T15:59:00Z'), 'night');
    assert.equal(at('2026-03-02T16:01:00Z'), 'day');
    assert.equal(at('2026-03-08T20:00:00Z'), 'night');
    assert.equal(at('2026-03-10T20:00:00Z'), 'release');
    const [plain] = profiles({ name: 'plain', capacity });
    assert.equal(profileAt(plain ? [plain] : [], new Date())?.name, 'plain');
  });

  it('lists every problem of a setting', () => {
    const bad = {
      location: 'eastus',
      properties: {
        targetResourceUri: '/d',
        profiles: [
          {
            name: 'a',
            capacity: { minimum: '4', maximum: '2', default: '3' },
            rules: [rule('Sideways', 'GreaterThan', 1)],
          },
        ],
      },
    };
    assert.throws(() => readAutoscaleSetting('s', bad, undefined), /direction.*|minimum <= default/s);
  });
});
