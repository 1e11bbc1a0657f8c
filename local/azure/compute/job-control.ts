import type { JobRecord, JobStatus } from '../jobs/job-record';
import type { NewJob } from '../jobs/new-job';
import type { JobEnd } from './job-runner';

/** What a sweep or pipeline does to jobs: to its children, and to itself. */
export interface JobControl {
  /** Makes a child and sets it under way. */
  begin(job: NewJob): JobRecord;
  cancel(job: string): void;
  setStatus(job: string, status: JobStatus): void;
  end(job: string, end: JobEnd): void;
  /** Writes a line to a log of a job that has no process of its own. */
  note(job: string, path: string, line: string): void;
  /** Calls back so many milliseconds after the job's start, unless it ends before. */
  deadline(job: string, milliseconds: number, action: () => void): void;
}
