import { randomUUID } from 'node:crypto';
import type { Collection, Journal } from '../../journal';

/** The states of an MLflow run. */
export type RunStatus = 'SCHEDULED' | 'RUNNING' | 'FINISHED' | 'FAILED' | 'KILLED';

export interface Experiment {
  id: string;
  name: string;
  /** Deleted in MLflow, archived in Azure ML. */
  hidden?: boolean;
  /** Milliseconds since 1970, as everywhere in MLflow. */
  createdAt: number;
  tags: Record<string, string>;
}

export interface Run {
  /** For the run of a job: the job's name. */
  id: string;
  /** Display name. */
  name: string;
  experimentId: string;
  status: RunStatus;
  /** Milliseconds since 1970. */
  startTime: number;
  endTime?: number;
  /** Tags of the job and of MLflow: one map, as in Azure ML. */
  tags: Record<string, string>;
  params: Record<string, string>;
  /** Hidden = archived in Azure ML, deleted in MLflow. */
  hidden: boolean;
  userId: string;
  description?: string;
  /** Written by the service and by clients of run history, beside what the job's request holds. */
  properties?: Record<string, string>;
  parentId?: string;
  /** Models of MLflow 3 that the run logged. */
  modelOutputs?: { modelId: string; step: number }[];
}

export interface Metric {
  key: string;
  value: number;
  /** Milliseconds since 1970. */
  timestamp: number;
  step: number;
}

/** JSON has no NaN and no infinities, but metrics do. */
interface StoredMetric {
  key: string;
  value: number | string;
  timestamp: number;
  step: number;
}

/** Experiments, runs and metrics: one store behind run history, MLflow and the jobs of ARM. */
export class RunStore {
  readonly #experiments: Collection<Experiment>;
  readonly #experimentIds: Collection<string>;
  readonly #runs: Collection<Run>;
  /** `{experiment id}/{run id}` */
  readonly #runsOfExperiment: Collection<true>;
  /** `{parent run id}/{run id}` */
  readonly #children: Collection<true>;
  /** `{run}/{metric}`: the value with the highest step, then time. */
  readonly #latest: Collection<StoredMetric>;
  /** `{run}/{metric}/{ordinal}` */
  readonly #history: Collection<StoredMetric>;
  readonly #historyLength = new Map<string, number>();
  readonly #metricListeners: ((runId: string, metric: Metric) => void)[] = [];

  constructor(journal: Journal) {
    this.#experiments = journal.collection('experiments');
    this.#experimentIds = journal.collection('experiment-ids');
    this.#runs = journal.collection('runs');
    this.#runsOfExperiment = journal.collection('runs-of-experiment');
    this.#children = journal.collection('child-runs');
    this.#latest = journal.collection('metrics-latest');
    this.#history = journal.collection('metrics-history');
  }

  experiment(id: string): Experiment | undefined {
    return this.#experiments.get(id);
  }

  experimentByName(name: string): Experiment | undefined {
    const id = this.#experimentIds.get(name);
    return id === undefined ? undefined : this.#experiments.get(id);
  }

  experiments(): Experiment[] {
    return [...this.#experiments.entries()].map(([, experiment]) => experiment);
  }

  /** The experiment of that name, made at first use. */
  ensureExperiment(name: string, tags: Record<string, string> = {}): Experiment {
    const found = this.experimentByName(name);
    if (found) return found;
    const experiment: Experiment = { id: randomUUID(), name, createdAt: Date.now(), tags };
    this.#experiments.set(experiment.id, experiment);
    this.#experimentIds.set(name, experiment.id);
    return experiment;
  }

  tagExperiment(id: string, key: string, value: string): void {
    const experiment = this.#experiments.get(id);
    if (experiment) this.#experiments.set(id, { ...experiment, tags: { ...experiment.tags, [key]: value } });
  }

  hideExperiment(id: string, hidden: boolean): void {
    const experiment = this.#experiments.get(id);
    if (experiment) this.#experiments.set(id, { ...experiment, hidden });
  }

  run(id: string): Run | undefined {
    return this.#runs.get(id);
  }

  addRun(run: Run): Run {
    this.#runs.set(run.id, run);
    this.#runsOfExperiment.set(`${run.experimentId}/${run.id}`, true);
    if (run.parentId !== undefined) this.#children.set(`${run.parentId}/${run.id}`, true);
    return run;
  }

  /** Changes fields of a run that is there; gives the run as it is now, or undefined. */
  changeRun(id: string, change: Partial<Omit<Run, 'id' | 'experimentId'>>): Run | undefined {
    const run = this.#runs.get(id);
    if (!run) return undefined;
    const changed = { ...run, ...change };
    this.#runs.set(id, changed);
    return changed;
  }

  /** Adds properties to a run that is there. */
  addProperties(id: string, properties: Record<string, string>): void {
    this.changeRun(id, { properties: { ...this.#runs.get(id)?.properties, ...properties } });
  }

  /** Removes a run with its metrics. */
  removeRun(id: string): void {
    const run = this.#runs.get(id);
    if (!run) return;
    this.#runs.delete(id);
    this.#runsOfExperiment.delete(`${run.experimentId}/${id}`);
    if (run.parentId !== undefined) this.#children.delete(`${run.parentId}/${id}`);
    for (const metrics of [this.#latest, this.#history])
      for (const key of metrics.keysWithPrefix(`${id}/`)) metrics.delete(key);
  }

  /** Newest first. */
  runsOfExperiment(experimentId: string): Run[] {
    return this.#listed(this.#runsOfExperiment, experimentId).sort((a, b) => b.startTime - a.startTime);
  }

  children(parentId: string): Run[] {
    return this.#listed(this.#children, parentId);
  }

  #listed(index: Collection<true>, owner: string): Run[] {
    const prefix = `${owner}/`;
    return index
      .keysWithPrefix(prefix)
      .map(key => this.#runs.get(key.slice(prefix.length)))
      .filter(run => run !== undefined);
  }

  logMetric(runId: string, metric: Metric): void {
    const key = metricKey(runId, metric.key);
    const stored = { ...metric, value: Number.isFinite(metric.value) ? metric.value : String(metric.value) };
    const ordinal = this.#historyLength.get(key) ?? this.#history.keysWithPrefix(`${key}/`).length;
    this.#historyLength.set(key, ordinal + 1);
    this.#history.set(`${key}/${String(ordinal).padStart(9, '0')}`, stored);
    const latest = this.#latest.get(key);
    // MLflow's rule: the highest step wins, then the latest time, then the largest value.
    if (!latest || compareMetrics(latest, stored) <= 0) this.#latest.set(key, stored);
    for (const listener of this.#metricListeners) listener(runId, metric);
  }

  /** Calls back after every value that a run logs. */
  onMetric(listener: (runId: string, metric: Metric) => void): void {
    this.#metricListeners.push(listener);
  }

  /** The latest value of every metric of a run. */
  metrics(runId: string): Metric[] {
    return this.#read(this.#latest, `${runId}/`);
  }

  latestMetric(runId: string, metric: string): Metric | undefined {
    const stored = this.#latest.get(metricKey(runId, metric));
    return stored && { ...stored, value: Number(stored.value) };
  }

  /** Every value of one metric, in the order in which they were logged. */
  metricHistory(runId: string, metric: string): Metric[] {
    return this.#read(this.#history, `${metricKey(runId, metric)}/`);
  }

  #read(collection: Collection<StoredMetric>, prefix: string): Metric[] {
    return collection
      .keysWithPrefix(prefix)
      .map(key => collection.get(key))
      .filter(stored => stored !== undefined)
      .map(stored => ({ ...stored, value: Number(stored.value) }));
  }
}

function compareMetrics(a: StoredMetric, b: StoredMetric): number {
  return a.step - b.step || a.timestamp - b.timestamp || Number(a.value) - Number(b.value);
}

/** Names of metrics may hold slashes. */
function metricKey(runId: string, metric: string): string {
  return `${runId}/${encodeURIComponent(metric)}`;
}
