import type { JobStatus } from '../jobs/job-record';
import type { RunStatus } from './run-store';

/** What MLflow calls the status of a job. */
export const runStatusOf: Record<JobStatus, RunStatus> = {
  NotStarted: 'SCHEDULED',
  Starting: 'SCHEDULED',
  Preparing: 'SCHEDULED',
  Queued: 'SCHEDULED',
  Running: 'RUNNING',
  Finalizing: 'RUNNING',
  CancelRequested: 'RUNNING',
  Completed: 'FINISHED',
  Failed: 'FAILED',
  Canceled: 'KILLED',
};

/** What run history calls the status of a run that is no job. */
export const jobStatusOf: Record<RunStatus, JobStatus> = {
  SCHEDULED: 'NotStarted',
  RUNNING: 'Running',
  FINISHED: 'Completed',
  FAILED: 'Failed',
  KILLED: 'Canceled',
};
