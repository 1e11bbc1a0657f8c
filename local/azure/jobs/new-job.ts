import type { RunStore } from '../tracking/run-store';
import type { JobRecord, JobStore } from './job-record';
import type { JobRequest } from './job-request';

/** A job that has been checked and is to be made. */
export interface NewJob {
  name: string;
  request: JobRequest;
  displayName?: string;
  tags: Record<string, string>;
  isArchived?: boolean;
  parent?: { job: string; key: string };
  searchSpace?: Record<string, string>;
  createdBy: string;
}

/** Makes the job and its run, not yet under way. */
export function addJob(job: NewJob, { jobs, runs }: { jobs: JobStore; runs: RunStore }): JobRecord {
  const now = new Date();
  // The run first: a job without one would be half a job for whoever reads after a crash in between.
  runs.addRun({
    id: job.name,
    name: job.displayName ?? job.name,
    experimentId: runs.ensureExperiment(job.request.experimentName).id,
    status: 'SCHEDULED',
    startTime: now.getTime(),
    // How MLflow's clients find the trials of a sweep. Source: docs, how-to-track-experiments-mlflow.
    tags: job.parent
      ? { ...job.tags, 'mlflow.parentRunId': job.parent.job, 'mlflow.rootRunId': job.parent.job }
      : job.tags,
    params: {},
    hidden: job.isArchived === true,
    userId: job.createdBy,
    ...(job.parent ? { parentId: job.parent.job } : {}),
  });
  return jobs.add({
    name: job.name,
    request: job.request,
    status: 'NotStarted',
    createdAt: now.toISOString(),
    createdBy: job.createdBy,
    ...(job.parent ? { parent: job.parent } : {}),
    ...(job.searchSpace ? { searchSpace: job.searchSpace } : {}),
  });
}
