import type { Socket } from 'node:net';
import { availableParallelism, totalmem } from 'node:os';
import { join } from 'node:path';
import type { AzureContext } from '../context';
import type { Fleet } from '../online-endpoints/fleet';
import { MetricStore, type Point } from './metric-store';
import { usageOfGroups, type GroupUsage } from './process-usage';

/** One request as the router saw it. */
export interface MeteredRequest {
  endpoint: string;
  /** Empty when none was chosen. */
  deployment: string;
  status: number;
  /** What the container answered; empty when it was not asked or did not answer. */
  modelStatus: string;
  milliseconds: number;
  /** Of both bodies. */
  bytes: number;
}

const sampleMilliseconds = 15_000;
/** The shortest time over which the use of the CPU is told. */
const shortestMilliseconds = 1000;
const percentiles = [50, 90, 95, 99];

/** Measures the online endpoints: what their router sees, and what their containers use of this machine, which stands for each instance's. */
export class EndpointMeter {
  private readonly store: MetricStore;
  /** Latencies of the minute that is not over, by endpoint and deployment: percentiles need them all. */
  private readonly open = new Map<string, { endpoint: string; deployment: string; values: number[] }>();
  private openMinute = minuteOf(Date.now());
  private readonly connections = new Map<string, Set<Socket>>();
  private readonly used = new Map<string, { usage: GroupUsage; at: number }>();
  private sampling: Promise<void> | undefined;

  constructor(
    context: AzureContext,
    private readonly fleet: Fleet,
  ) {
    this.store = new MetricStore(join(context.stateDir, 'metrics'));
    const timer = setInterval(() => void this.sample(), sampleMilliseconds);
    timer.unref();
    context.onStop(() => {
      clearInterval(timer);
      this.closeMinute(Infinity);
      this.store.flush();
      return Promise.resolve();
    });
  }

  request({ endpoint, deployment, status, modelStatus, milliseconds, bytes }: MeteredRequest): void {
    const minute = minuteOf(Date.now());
    this.closeMinute(minute);
    const { store } = this;
    const statusClass = `${Math.floor(status / 100)}xx`;
    store.add(minute, endpoint, 'RequestsPerMinute', [deployment, String(status), statusClass, modelStatus], 1);
    store.add(minute, endpoint, 'RequestLatency', [deployment], milliseconds);
    store.add(minute, endpoint, 'NetworkBytes', [], bytes);
    if (deployment !== '') store.add(minute, `${endpoint}/${deployment}`, 'RequestsPerMinute', [String(status)], 1);
    const key = `${endpoint}/${deployment}`;
    const held = this.open.get(key) ?? { endpoint, deployment, values: [] };
    held.values.push(milliseconds);
    this.open.set(key, held);
  }

  /** Notes that a connection is used for an endpoint. */
  connection(endpoint: string, socket: Socket): void {
    const sockets = this.connections.get(endpoint) ?? new Set();
    this.connections.set(endpoint, sockets);
    if (sockets.has(socket)) return;
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    const minute = minuteOf(Date.now());
    this.store.add(minute, endpoint, 'NewConnectionsPerSecond', [], 1);
    this.store.add(minute, endpoint, 'ConnectionsActive', [], sockets.size);
  }

  /** The points of a metric, those of the minute that is not over included. */
  async points(resource: string, metric: string, fromMinute: number, toMinute: number): Promise<Point[]> {
    if (resource.includes('/')) await this.sample();
    this.closeMinute(minuteOf(Date.now()));
    const points = this.store.points(resource, metric, fromMinute, toMinute);
    const percentile = Number(/^RequestLatency_P(\d+)$/i.exec(metric)?.[1]);
    if (Number.isNaN(percentile) || this.openMinute < fromMinute || this.openMinute >= toMinute) return points;
    for (const { endpoint, deployment, values } of this.open.values()) {
      const isDeployment = resource.toLowerCase() === `${endpoint}/${deployment}`.toLowerCase();
      if (!isDeployment && resource.toLowerCase() !== endpoint.toLowerCase()) continue;
      const value = percentileOf(values, percentile);
      const dimensions = isDeployment ? [] : [deployment];
      points.push({ minute: this.openMinute, dimensions, sum: value, count: 1, min: value, max: value });
    }
    return points;
  }

  /** What the containers use now, once at a time. */
  sample(): Promise<void> {
    this.sampling ??= this.measure().finally(() => (this.sampling = undefined));
    return this.sampling;
  }

  private async measure(): Promise<void> {
    const now = Date.now();
    const minute = minuteOf(now);
    const running = [...this.fleet.all()].flatMap(({ record, instances }) =>
      instances.map(instance => ({ resource: `${record.endpoint}/${record.name}`, instance })),
    );
    const groups = new Set(running.flatMap(({ instance }) => instance.processGroup ?? []));
    const usages = await usageOfGroups(groups);
    for (const { resource, instance } of running) {
      this.store.add(minute, resource, 'DeploymentCapacity', [instance.id, instance.isReady ? 'Ready' : 'NotReady'], 1);
      const usage = usages.get(instance.processGroup ?? 0);
      if (!usage) continue;
      const memory = (100 * usage.residentBytes) / totalmem();
      this.store.add(minute, resource, 'CpuMemoryUtilizationPercentage', [instance.id], memory);
      const before = this.used.get(instance.id);
      // No percentage can be told from no time, and a new container begins at nothing again.
      if (before && now - before.at < shortestMilliseconds) continue;
      this.used.set(instance.id, { usage, at: now });
      if (!before || usage.cpuSeconds < before.usage.cpuSeconds) continue;
      const share = (usage.cpuSeconds - before.usage.cpuSeconds) / ((now - before.at) / 1000) / availableParallelism();
      this.store.add(minute, resource, 'CpuUtilizationPercentage', [instance.id], Math.min(100, 100 * share));
    }
    const present = new Set<string>(running.map(({ instance }) => instance.id));
    for (const id of this.used.keys()) if (!present.has(id)) this.used.delete(id);
    for (const [endpoint, sockets] of this.connections) {
      if (sockets.size === 0) this.connections.delete(endpoint);
      else this.store.add(minute, endpoint, 'ConnectionsActive', [], sockets.size);
    }
    this.closeMinute(minute);
    this.store.flush();
  }

  /** Turns the latencies of the open minute into percentiles when another minute has begun. */
  private closeMinute(now: number): void {
    if (now === this.openMinute) return;
    for (const { endpoint, deployment, values } of this.open.values()) {
      for (const percentile of percentiles) {
        const value = percentileOf(values, percentile);
        this.store.add(this.openMinute, endpoint, `RequestLatency_P${percentile}`, [deployment], value);
        if (deployment !== '')
          this.store.add(this.openMinute, `${endpoint}/${deployment}`, `RequestLatency_P${percentile}`, [], value);
      }
    }
    this.open.clear();
    this.openMinute = Number.isFinite(now) ? now : this.openMinute;
  }
}

/** Minutes since the epoch. */
export function minuteOf(milliseconds: number): number {
  return Math.floor(milliseconds / 60_000);
}

/** The smallest value that is at least as large as that percentage of all. */
export function percentileOf(values: readonly number[], percentile: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((percentile / 100) * sorted.length) - 1)] ?? 0;
}
