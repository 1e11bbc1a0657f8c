import { isoDurationSeconds } from '../compute/iso-duration';
import type { AutoscaleProfile, MetricTrigger, ScaleRule } from './autoscale-setting';
import { minuteOfWeek, minutesSince, toMinuteOfWeek } from './time-zones';

/**
 * The profile that is in force: one for a fixed time before the recurring one that began last, before the one without a time.
 * https://learn.microsoft.com/azure/azure-monitor/autoscale/autoscale-understanding-settings#autoscale-evaluation
 */
export function profileAt(profiles: readonly AutoscaleProfile[], now: Date): AutoscaleProfile | undefined {
  const fixed = profiles.find(
    ({ fixedDate }) =>
      fixedDate && Date.parse(fixedDate.start) <= now.getTime() && now.getTime() < Date.parse(fixedDate.end),
  );
  if (fixed) return fixed;
  let latest: { profile: AutoscaleProfile; ago: number } | undefined;
  for (const profile of profiles) {
    const ago = minutesSinceStart(profile, now);
    if (ago !== undefined && (!latest || ago < latest.ago)) latest = { profile, ago };
  }
  return latest?.profile ?? profiles.find(({ fixedDate, recurrence }) => !fixedDate && !recurrence);
}

function minutesSinceStart({ recurrence }: AutoscaleProfile, now: Date): number | undefined {
  if (!recurrence) return undefined;
  const { timeZone, days, hours, minutes } = recurrence.schedule;
  const at = minuteOfWeek(now, timeZone);
  const starts = days.flatMap(day =>
    hours.flatMap(hour => minutes.map(minute => minutesSince(toMinuteOfWeek(day, hour, minute), at))),
  );
  return Math.min(...starts);
}

export interface Situation {
  profile: AutoscaleProfile;
  /** Instances now. */
  current: number;
  now: Date;
  lastScaledAt: Date | undefined;
  /** What a rule's metric says; undefined when it has no values. */
  value: (trigger: MetricTrigger) => number | undefined;
}

export interface Decision {
  capacity: number;
  reason: string;
}

/**
 * How many instances there should be; undefined when all is well. One rule is enough to scale out, the largest result counts; to scale in, all
 * rules for it must agree, and not when that would make a rule scale out again.
 * https://learn.microsoft.com/azure/azure-monitor/autoscale/autoscale-flapping
 */
export function decide({ profile, current, now, lastScaledAt, value }: Situation): Decision | undefined {
  const { minimum, maximum, otherwise } = bounds(profile);
  if (current < minimum) return { capacity: minimum, reason: `The profile ${profile.name} has at least ${minimum}.` };
  if (current > maximum) return { capacity: maximum, reason: `The profile ${profile.name} has at most ${maximum}.` };
  const rules = profile.rules.map(rule => {
    const { metricTrigger, scaleAction } = rule;
    const measured = value(metricTrigger);
    const each = measured !== undefined && metricTrigger.dividePerInstance === true ? measured / current : measured;
    const target = Math.min(maximum, Math.max(minimum, targetOf(scaleAction, current)));
    return { rule, measured: each, target, isOut: scaleAction.direction === 'Increase' };
  });
  if (rules.length > 0 && rules.every(({ measured }) => measured === undefined))
    return current < otherwise
      ? { capacity: otherwise, reason: 'The metrics have no values, so the default counts.' }
      : undefined;
  const isCool = ({ scaleAction }: ScaleRule): boolean =>
    !lastScaledAt || now.getTime() >= lastScaledAt.getTime() + (isoDurationSeconds(scaleAction.cooldown) ?? 0) * 1000;
  const fires = ({ rule, measured }: (typeof rules)[number]): boolean =>
    measured !== undefined && compare(measured, rule.metricTrigger);

  const out = rules.filter(one => one.isOut && fires(one) && isCool(one.rule) && one.target > current);
  const [most] = out.sort((a, b) => b.target - a.target);
  if (most) return { capacity: most.target, reason: describe(most.rule, most.measured) };
  if (rules.some(one => one.isOut && fires(one))) return undefined;

  const scaleIn = rules.filter(({ rule }) => rule.scaleAction.direction === 'Decrease');
  if (scaleIn.length === 0 || !scaleIn.every(one => fires(one) && isCool(one.rule))) return undefined;
  const [least] = scaleIn.sort((a, b) => b.target - a.target);
  if (!least || least.target >= current) return undefined;
  const { target } = least;
  const wouldFlap = rules.some(
    ({ rule, measured, isOut }) =>
      isOut && measured !== undefined && compare((measured * current) / target, rule.metricTrigger),
  );
  return wouldFlap ? undefined : { capacity: target, reason: describe(least.rule, least.measured) };
}

function bounds({ capacity }: AutoscaleProfile): { minimum: number; maximum: number; otherwise: number } {
  return {
    minimum: Math.max(1, Number(capacity.minimum)),
    maximum: Math.max(1, Number(capacity.maximum)),
    otherwise: Number(capacity.default),
  };
}

function targetOf({ direction, type, value }: ScaleRule['scaleAction'], current: number): number {
  const amount = Number(value);
  if (direction === 'None') return current;
  if (type === 'ExactCount') return amount;
  const change = type === 'ChangeCount' ? amount : Math.max(1, Math.ceil((current * amount) / 100));
  return direction === 'Increase' ? current + change : current - change;
}

function compare(value: number, { operator, threshold }: Pick<MetricTrigger, 'operator' | 'threshold'>): boolean {
  switch (operator) {
    case 'Equals':
      return value === threshold;
    case 'NotEquals':
      return value !== threshold;
    case 'GreaterThan':
      return value > threshold;
    case 'GreaterThanOrEqual':
      return value >= threshold;
    case 'LessThan':
      return value < threshold;
    case 'LessThanOrEqual':
      return value <= threshold;
  }
}

function describe({ metricTrigger }: ScaleRule, measured: number | undefined): string {
  const { metricName, operator, threshold, timeWindow } = metricTrigger;
  return `${metricName} was ${measured?.toFixed(2) ?? 'unknown'} over ${timeWindow}: ${operator} ${threshold}.`;
}
