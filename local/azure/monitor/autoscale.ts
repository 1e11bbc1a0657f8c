import type { Collection } from '../../journal';
import { isoDurationSeconds } from '../compute/iso-duration';
import type { AzureContext } from '../context';
import type { EndpointOperations } from '../online-endpoints/endpoint-operations';
import type { DeploymentRecord } from '../online-endpoints/endpoint-store';
import type { EndpointParts } from '../online-endpoints/open-endpoints';
import { decide, profileAt } from './autoscale-decision';
import type { AutoscaleRecord, MetricTrigger } from './autoscale-setting';
import type { EndpointMeter } from './endpoint-meter';
import { metricsOf } from './metric-catalog';
import { measured } from './metric-query';
import { aggregate } from './metric-series';
import { addTo, type Cell } from './metric-store';
import { fromId } from './metrics-routes';

/** What a setting did, with whom Azure Monitor would tell about it. */
export interface AutoscaleEvent {
  time: string;
  setting: string;
  /** ARM id of the deployment. */
  target: string;
  profile: string;
  from: number;
  to: number;
  reason: string;
  emails: string[];
  webhooks: string[];
}

export interface AutoscaleParts {
  endpoints: EndpointParts;
  operations: EndpointOperations;
  meter: EndpointMeter;
}

const evaluateMilliseconds = 60_000;
const keptEvents = 500;

/** Applies the autoscale settings to the deployments that they target, from what has been measured. */
export class Autoscale {
  readonly settings: Collection<AutoscaleRecord>;
  private readonly history: Collection<AutoscaleEvent[]>;
  private evaluating = Promise.resolve();

  constructor(
    private readonly context: AzureContext,
    private readonly parts: AutoscaleParts,
  ) {
    this.settings = context.journal.collection('autoscaleSettings');
    this.history = context.journal.collection('autoscaleEvents');
    const timer = setInterval(() => void this.evaluate(), evaluateMilliseconds);
    timer.unref();
    context.onStop(async () => {
      clearInterval(timer);
      await this.evaluating;
    });
  }

  /** The latest last. */
  events(): AutoscaleEvent[] {
    return [...(this.history.get('events') ?? [])];
  }

  /** Looks at every setting, one after the other. @returns what was scaled */
  evaluate(now = new Date()): Promise<AutoscaleEvent[]> {
    const work = this.evaluating.then(async () => {
      const done: AutoscaleEvent[] = [];
      for (const [, setting] of [...this.settings.entries()]) {
        const event = await this.evaluateOne(setting, now).catch((error: unknown) => {
          this.context.log(`Autoscale ${setting.name}: ${String(error)}`);
          return undefined;
        });
        if (event) done.push(event);
      }
      return done;
    });
    this.evaluating = work.then(
      () => undefined,
      () => undefined,
    );
    return work;
  }

  /** The deployment that a setting targets; undefined when it is gone. */
  target({ properties }: Pick<AutoscaleRecord, 'properties'>): DeploymentRecord | undefined {
    const { store } = this.parts.endpoints;
    try {
      const { resource } = fromId(properties.targetResourceUri, store, this.context);
      const [endpoint = '', deployment = ''] = resource.split('/');
      return store.deployment(endpoint, deployment);
    } catch {
      return undefined;
    }
  }

  private async evaluateOne(setting: AutoscaleRecord, now: Date): Promise<AutoscaleEvent | undefined> {
    const { properties, name } = setting;
    const profile = properties.enabled ? profileAt(properties.profiles, now) : undefined;
    if (!profile || this.target(setting)?.provisioningState !== 'Succeeded') return undefined;
    const values = new Map<MetricTrigger, number | undefined>();
    for (const { metricTrigger } of profile.rules) values.set(metricTrigger, await this.valueOf(metricTrigger, now));
    const deployment = this.target(setting);
    const release = deployment && this.parts.endpoints.locks.tryTake(deployment.endpoint);
    // Another operation is under way: the next round comes.
    if (!deployment || !release) return undefined;
    const last = this.events().findLast(event => event.setting === name);
    const decision = decide({
      profile,
      current: deployment.capacity,
      now,
      lastScaledAt: last && new Date(last.time),
      value: trigger => values.get(trigger),
    });
    if (!decision || decision.capacity === deployment.capacity) {
      release();
      return undefined;
    }
    const event: AutoscaleEvent = {
      time: now.toISOString(),
      setting: name,
      target: properties.targetResourceUri,
      profile: profile.name,
      from: deployment.capacity,
      to: decision.capacity,
      reason: decision.reason,
      emails: properties.notifications?.flatMap(({ email }) => email?.customEmails ?? []) ?? [],
      webhooks: properties.notifications?.flatMap(({ webhooks }) => webhooks?.map(one => one.serviceUri) ?? []) ?? [],
    };
    this.context.log(
      `Autoscale ${name}: ${deployment.endpoint}/${deployment.name} ${event.from} -> ${event.to}. ${event.reason}`,
    );
    this.history.set('events', [...this.events(), event].slice(-keptEvents));
    const scaled: DeploymentRecord = { ...deployment, capacity: decision.capacity, provisioningState: 'Scaling' };
    this.parts.endpoints.store.putDeployment(scaled);
    await this.parts.operations.roll(scaled, release).ended;
    return event;
  }

  /** The statistic over all series by time grain, then those values over the time window. */
  private async valueOf(trigger: MetricTrigger, now: Date): Promise<number | undefined> {
    const { resource } = fromId(trigger.metricResourceUri, this.parts.endpoints.store, this.context);
    const definition = metricsOf(resource).find(one => one.name.toLowerCase() === trigger.metricName.toLowerCase());
    if (!definition) return undefined;
    const to = now.getTime();
    const series = await measured(
      {
        resource,
        from: to - (isoDurationSeconds(trigger.timeWindow) ?? 300) * 1000,
        to,
        interval: trigger.timeGrain,
        conditions: (trigger.dimensions ?? []).map(({ DimensionName, Operator, Values }) => ({
          dimension: DimensionName,
          operator: Operator === 'Equals' ? 'eq' : 'ne',
          values: Values,
        })),
        rollUpBy: (trigger.dimensions ?? []).map(({ DimensionName }) => DimensionName.toLowerCase()),
      },
      definition,
      this.parts.meter,
    );
    const statistic = { Average: 'Average', Min: 'Minimum', Max: 'Maximum', Sum: 'Total', Count: 'Count' } as const;
    const grains = [...(series[0]?.buckets ?? new Map<number, Cell>())]
      .sort(([a], [b]) => a - b)
      .map(([, cell]) => aggregate(cell, statistic[trigger.statistic]));
    if (grains.length === 0) return undefined;
    if (trigger.timeAggregation === 'Last') return grains.at(-1);
    const window: Cell = { sum: 0, count: 0, min: Infinity, max: -Infinity };
    for (const value of grains) addTo(window, { sum: value, count: 1, min: value, max: value });
    return aggregate(window, trigger.timeAggregation);
  }
}
