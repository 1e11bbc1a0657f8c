import type { JobContext } from './job-context';
import { lookupVariable } from './step-environment';
import { killMarkedProcesses } from './step-process';

/** Ends every process that the job's steps left running. */
export async function endJob(job: JobContext): Promise<void> {
  await Promise.all(job.leftovers.splice(0).map(end => end()));
  await killMarkedProcesses(lookupVariable, job.lookupId);
}
