import { z } from 'zod';
import { ArmError } from '../arm/arm-error';
import { isoDurationSeconds } from '../compute/iso-duration';
import { isKnownZone, isWeekday } from './time-zones';

/** One of these words in any letter case, in the spelling of the list. */
function word<const T extends readonly string[]>(...known: T): z.ZodType<T[number]> {
  return z.preprocess(
    given =>
      typeof given === 'string' ? (known.find(one => one.toLowerCase() === given.toLowerCase()) ?? given) : given,
    z.enum(known),
  );
}

/** The API has numbers of instances as text; some clients send numbers. */
const count = z.coerce.string().regex(/^\d{1,4}$/);

function duration(leastMinutes: number, mostMinutes: number): z.ZodType<string> {
  return z.string().refine(
    text => {
      const seconds = isoDurationSeconds(text);
      return seconds !== undefined && seconds >= leastMinutes * 60 && seconds <= mostMinutes * 60;
    },
    { message: `must be an ISO 8601 duration of ${leastMinutes} to ${mostMinutes} minutes` },
  );
}

const day = 24 * 60;

const dimension = z.looseObject({
  DimensionName: z.string(),
  Operator: word('Equals', 'NotEquals'),
  Values: z.array(z.string()).min(1),
});

const metricTrigger = z.looseObject({
  metricName: z.string().min(1),
  metricResourceUri: z.string().min(1),
  timeGrain: duration(1, 12 * 60),
  statistic: word('Average', 'Min', 'Max', 'Sum', 'Count'),
  timeWindow: duration(5, 12 * 60),
  timeAggregation: word('Average', 'Minimum', 'Maximum', 'Total', 'Count', 'Last').default('Average'),
  operator: word('Equals', 'NotEquals', 'GreaterThan', 'GreaterThanOrEqual', 'LessThan', 'LessThanOrEqual'),
  threshold: z.number(),
  dimensions: z.array(dimension).nullish(),
  dividePerInstance: z.boolean().nullish(),
});

const scaleAction = z.looseObject({
  direction: word('None', 'Increase', 'Decrease'),
  type: word('ChangeCount', 'PercentChangeCount', 'ExactCount'),
  value: count.default('1'),
  cooldown: duration(1, 7 * day),
});

const recurrence = z.looseObject({
  frequency: word('Week'),
  schedule: z.looseObject({
    timeZone: z.string().refine(isKnownZone, { message: 'is no time zone that local Azure knows' }),
    days: z.array(z.string().refine(isWeekday, { message: 'is no day of the week' })).min(1),
    hours: z.array(z.number().int().min(0).max(23)).min(1),
    minutes: z.array(z.number().int().min(0).max(59)).min(1),
  }),
});

const time = z.string().refine(text => !Number.isNaN(Date.parse(text)), { message: 'is no time' });

const profile = z
  .looseObject({
    name: z.string().min(1),
    capacity: z.looseObject({ minimum: count, maximum: count, default: count }),
    rules: z.array(z.looseObject({ metricTrigger, scaleAction })).max(10).default([]),
    fixedDate: z
      .looseObject({
        timeZone: z.string().refine(isKnownZone, { message: 'is no time zone that local Azure knows' }).nullish(),
        start: time,
        end: time,
      })
      .nullish(),
    recurrence: recurrence.nullish(),
  })
  .refine(({ fixedDate, recurrence }) => !(fixedDate && recurrence), { message: 'has both fixedDate and recurrence' })
  .refine(
    ({ capacity }) =>
      Number(capacity.minimum) <= Number(capacity.default) && Number(capacity.default) <= Number(capacity.maximum),
    { message: 'needs minimum <= default <= maximum', path: ['capacity'] },
  );

const notification = z.looseObject({
  operation: word('Scale'),
  email: z.looseObject({ customEmails: z.array(z.string()).nullish() }).nullish(),
  webhooks: z.array(z.looseObject({ serviceUri: z.string() })).nullish(),
});

const properties = z.looseObject({
  enabled: z.boolean().default(true),
  name: z.string().nullish(),
  targetResourceUri: z.string().min(1),
  targetResourceLocation: z.string().nullish(),
  profiles: z.array(profile).min(1).max(20),
  notifications: z.array(notification).nullish(),
  predictiveAutoscalePolicy: z.looseObject({ scaleMode: word('Disabled') }).nullish(),
});

const resource = z.looseObject({
  location: z.string().min(1),
  tags: z.record(z.string(), z.string()).nullish(),
  properties,
});

/** An autoscale setting as API version 2022-10-01 has it: https://learn.microsoft.com/rest/api/monitor/autoscale-settings */
export type AutoscaleSetting = z.infer<typeof properties>;
export type AutoscaleProfile = z.infer<typeof profile>;
export type ScaleRule = AutoscaleProfile['rules'][number];
export type MetricTrigger = ScaleRule['metricTrigger'];

export interface AutoscaleRecord {
  name: string;
  location: string;
  tags: Record<string, string>;
  properties: AutoscaleSetting;
  createdAt: string;
  modifiedAt: string;
}

/** @throws ArmError 400 that lists every problem with its place */
export function readAutoscaleSetting(name: string, body: unknown, old: AutoscaleRecord | undefined): AutoscaleRecord {
  const read = resource.safeParse(body);
  if (!read.success)
    throw new ArmError(
      400,
      'InvalidRequestContent',
      `The autoscale setting is invalid: ${read.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ')}`,
    );
  const now = new Date().toISOString();
  const { location, tags, properties: given } = read.data;
  return {
    name,
    location,
    tags: tags ?? {},
    properties: { ...given, name },
    createdAt: old?.createdAt ?? now,
    modifiedAt: now,
  };
}
