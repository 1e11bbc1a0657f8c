import { appendFileSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** The values of one series in one minute. */
export interface Cell {
  sum: number;
  count: number;
  min: number;
  max: number;
}

/** A cell with what it is about. `dimensions` are values, in the order of the metric's definition. */
export interface Point extends Cell {
  /** Minutes since the epoch. */
  minute: number;
  dimensions: readonly string[];
}

type Line = [minute: number, resource: string, metric: string, dimensions: readonly string[], ...cell: number[]];

/** As long as Azure keeps platform metrics: https://learn.microsoft.com/azure/azure-monitor/essentials/data-platform-metrics#retention-of-metrics */
const keptDays = 93;
const minutesOfDay = 1440;

/**
 * Values by minute, in one file of JSON lines a day that is read when it is asked for. What has not been flushed is lost with the process;
 * lines of the same series and minute add up.
 */
export class MetricStore {
  /** By day since the epoch; by resource and metric; by minute and dimensions. */
  private readonly days = new Map<number, Map<string, Map<string, Point>>>();
  private readonly unwritten = new Map<string, { line: Line; cell: Cell }>();

  constructor(private readonly folder: string) {}

  add(minute: number, resource: string, metric: string, dimensions: readonly string[], value: number): void {
    const cell = { sum: value, count: 1, min: value, max: value };
    merge(this.day(minute), resource, metric, { minute, dimensions, ...cell });
    const key = JSON.stringify([minute, resource, metric, dimensions]);
    const waiting = this.unwritten.get(key);
    if (waiting) addTo(waiting.cell, cell);
    else this.unwritten.set(key, { line: [minute, resource, metric, dimensions], cell });
  }

  /** Points from one minute to before another, in no particular order. */
  points(resource: string, metric: string, fromMinute: number, toMinute: number): Point[] {
    const found: Point[] = [];
    for (let day = dayOf(fromMinute); day <= dayOf(toMinute - 1); day++) {
      const points = this.dayNumber(day).get(seriesKey(resource, metric));
      for (const point of points?.values() ?? []) {
        if (point.minute >= fromMinute && point.minute < toMinute) found.push(point);
      }
    }
    return found;
  }

  /** Writes what came since the last time, and removes what is too old. */
  flush(): void {
    if (this.unwritten.size === 0) return;
    mkdirSync(this.folder, { recursive: true });
    const texts = new Map<number, string>();
    for (const { line, cell } of this.unwritten.values()) {
      const day = dayOf(line[0]);
      const text = JSON.stringify([...line, cell.sum, cell.count, cell.min, cell.max]);
      texts.set(day, `${texts.get(day) ?? ''}${text}\n`);
    }
    this.unwritten.clear();
    for (const [day, text] of texts) appendFileSync(this.file(day), text, { mode: 0o600 });
    this.forget(Math.max(...texts.keys()) - keptDays);
  }

  private forget(before: number): void {
    for (const day of this.days.keys()) if (day < before) this.days.delete(day);
    for (const name of readdirSync(this.folder)) {
      if (Date.parse(name.slice(0, 10)) < before * minutesOfDay * 60_000) rmSync(join(this.folder, name));
    }
  }

  private day(minute: number): Map<string, Map<string, Point>> {
    return this.dayNumber(dayOf(minute));
  }

  private dayNumber(day: number): Map<string, Map<string, Point>> {
    let points = this.days.get(day);
    if (!points) {
      points = read(this.file(day));
      this.days.set(day, points);
    }
    return points;
  }

  private file(day: number): string {
    return join(this.folder, `${new Date(day * minutesOfDay * 60_000).toISOString().slice(0, 10)}.jsonl`);
  }
}

function read(file: string): Map<string, Map<string, Point>> {
  const day = new Map<string, Map<string, Point>>();
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return day;
  }
  for (const line of text.split('\n')) {
    try {
      const [minute, resource, metric, dimensions, sum = 0, count = 0, min = 0, max = 0] = JSON.parse(line) as Line;
      merge(day, resource, metric, { minute, dimensions, sum, count, min, max });
    } catch {
      // Cut off by a kill while it was written.
    }
  }
  return day;
}

function merge(day: Map<string, Map<string, Point>>, resource: string, metric: string, point: Point): void {
  const key = seriesKey(resource, metric);
  let points = day.get(key);
  if (!points) day.set(key, (points = new Map<string, Point>()));
  const inner = `${point.minute} ${point.dimensions.join('\u0000')}`;
  const old = points.get(inner);
  if (old) addTo(old, point);
  else points.set(inner, point);
}

export function addTo(cell: Cell, { sum, count, min, max }: Cell): void {
  cell.sum += sum;
  cell.count += count;
  cell.min = Math.min(cell.min, min);
  cell.max = Math.max(cell.max, max);
}

function seriesKey(resource: string, metric: string): string {
  return `${resource.toLowerCase()} ${metric.toLowerCase()}`;
}

function dayOf(minute: number): number {
  return Math.floor(minute / minutesOfDay);
}
