import { hasEnded, type JobRecord } from '../jobs/job-record';
import type { CommandRequest, SweepRequest } from '../jobs/job-request';
import type { Metric } from '../tracking/run-store';
import type { ComputeParts } from './compute-parts';
import { endsTrial, type TrialMetric } from './early-termination';
import { isoDurationSeconds } from './iso-duration';
import type { JobControl } from './job-control';
import { points, spaceSize, trialCount } from './search-space';

const sweepLog = 'azureml-logs/hyperdrive.txt';

/**
 * Runs sweeps: as many trials at a time as their limits allow, each a command job of its own, until all are done. All it knows is in the stores, so it
 * goes on after a restart by looking again.
 */
export class Sweeps {
  constructor(
    private readonly parts: Pick<ComputeParts, 'jobs' | 'runs'>,
    private readonly control: JobControl,
  ) {
    parts.runs.onMetric((run, metric) => this.#judge(run, metric));
  }

  start(sweep: JobRecord): void {
    this.control.setStatus(sweep.name, 'Running');
    this.resume(sweep);
  }

  /** Takes up a sweep that runs: its time limit, and its next trials. */
  resume(sweep: JobRecord): void {
    const request = sweep.request as SweepRequest;
    const seconds = request.limits.timeout === null ? undefined : isoDurationSeconds(request.limits.timeout);
    if (seconds !== undefined) {
      this.control.deadline(sweep.name, seconds * 1000, () => {
        this.#log(
          sweep.name,
          'CONTROLLER',
          `The sweep ran longer than its limits.timeout of ${request.limits.timeout ?? ''}.`,
        );
        this.control.cancel(sweep.name);
      });
    }
    this.advance(sweep.name);
  }

  /** Looks what has to be done now: after the start, and whenever a trial has ended. */
  advance(name: string): void {
    const sweep = this.parts.jobs.get(name);
    if (sweep?.request.jobType !== 'Sweep' || hasEnded(sweep.status)) return;
    const trials = this.parts.jobs.children(name);
    let open = trials.filter(trial => !hasEnded(trial.status)).length;
    if (sweep.status === 'CancelRequested') {
      if (open === 0) this.control.end(name, { status: 'Canceled' });
      return;
    }
    const { request } = sweep;
    const count = trialCount(request);
    if (trials.length < count && open < request.limits.maxConcurrentTrials) {
      let ordinal = 0;
      for (const point of points(request)) {
        if (ordinal >= trials.length) {
          if (open >= request.limits.maxConcurrentTrials) break;
          this.#startTrial(sweep, request, ordinal, point);
          open += 1;
        }
        ordinal += 1;
      }
    }
    if (open === 0) this.#finish(sweep, request);
  }

  #startTrial(sweep: JobRecord, request: SweepRequest, ordinal: number, point: Record<string, string>): void {
    const trial: CommandRequest = {
      jobType: 'Command',
      ...request.trial,
      experimentName: request.experimentName,
      description: null,
      computeId: request.computeId,
      componentId: null,
      properties: { 'azureml.runsource': 'hyperdrive', runTemplate: 'HyperDrive' },
      inputs: request.inputs,
      outputs: request.outputs,
      identity: request.identity,
      queueSettings: request.queueSettings,
      notificationSetting: null,
      services: {},
      limits: { jobLimitsType: 'Command', timeout: request.limits.trialTimeout },
    };
    const name = `${sweep.name}_${ordinal}`;
    this.#log(sweep.name, 'SCHEDULER', `Scheduling job, id='${name}'`);
    this.control.begin({
      name,
      request: trial,
      tags: { hyperparameters: JSON.stringify(point) },
      parent: { job: sweep.name, key: String(ordinal) },
      searchSpace: point,
      createdBy: sweep.createdBy,
    });
  }

  /** Applies the early termination policy to a trial that has logged a value. */
  #judge(run: string, { key }: Metric): void {
    const trial = this.parts.jobs.get(run);
    const sweep = trial?.parent && this.parts.jobs.get(trial.parent.job);
    if (!trial || sweep?.request.jobType !== 'Sweep' || trial.status !== 'Running') return;
    const { earlyTermination, objective } = sweep.request;
    if (!earlyTermination || key !== objective.primaryMetric) return;
    const all = this.parts.jobs.children(sweep.name).map(child => this.#metricOf(child, key));
    if (!endsTrial(earlyTermination, objective.goal, this.#metricOf(trial, key), all)) return;
    this.#log(
      sweep.name,
      'ENFORCER',
      `Job '${run}' does not meet the ${earlyTermination.policyType} policy and is canceled.`,
    );
    this.control.cancel(run);
  }

  #metricOf(trial: JobRecord, metric: string): TrialMetric {
    const values = this.parts.runs.metricHistory(trial.name, metric).map(({ value }) => value);
    return { values, isRunning: !hasEnded(trial.status) };
  }

  #finish(sweep: JobRecord, request: SweepRequest): void {
    const trials = this.parts.jobs.children(sweep.name);
    const completed = trials.filter(trial => trial.status === 'Completed');
    const best = this.#best(completed, request);
    const size = spaceSize(request.searchSpace);
    // Names as the service writes them on the run of a sweep.
    this.parts.runs.addProperties(sweep.name, {
      ...(size === undefined ? {} : { space_size: String(size) }),
      best_metric_status: best ? 'Succeeded' : 'Failed',
      ...(best
        ? { best_child_run_id: best.name, score: String(best.score), best_data_container_id: `dcid.${best.name}` }
        : {}),
    });
    const failed = trials.filter(trial => trial.status === 'Failed');
    if (completed.length === 0 && failed.length > 0) {
      this.control.end(sweep.name, {
        status: 'Failed',
        error: {
          code: 'UserError',
          message: `User errors were found in at least one of the child runs: ${failed.map(trial => trial.name).join(', ')}.`,
        },
      });
      return;
    }
    this.control.end(sweep.name, { status: 'Completed' });
  }

  /** The trial with the best value of the primary metric that it ever logged. */
  #best(trials: JobRecord[], { objective }: SweepRequest): { name: string; score: number } | undefined {
    const sign = objective.goal === 'Maximize' ? 1 : -1;
    let best: { name: string; score: number } | undefined;
    for (const trial of trials) {
      for (const score of this.#metricOf(trial, objective.primaryMetric).values)
        if (!Number.isNaN(score) && (!best || score * sign > best.score * sign)) best = { name: trial.name, score };
    }
    return best;
  }

  #log(sweep: string, part: string, text: string): void {
    this.control.note(sweep, sweepLog, `[${new Date().toISOString()}][${part}][INFO]${text}`);
  }
}
