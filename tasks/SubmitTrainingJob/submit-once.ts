import { createHash, randomUUID } from 'node:crypto';
import { runId } from '../../lib/azureml/change-tags';
import { createJob, getJob, hasEnded, type Job } from '../../lib/azureml/jobs';
import { gitProperties, jobTags, lineageOf } from '../../lib/azureml/lineage';
import type { Workspace } from '../../lib/azureml/workspace';
import type { TaskHost } from '../../lib/host/task-host';
import type { JobBody } from './job-body/job-body';

/** Whether identical work of another run, once completed, counts for this one. */
export type Reuse = 'never' | 'completed';

/**
 * Submits the job, or finds it. Its name is the fingerprint of who asks and for what, plus an ordinal: a name that is
 * taken by a job that lives or has completed is that job, from an earlier attempt of the stage; after one that failed or
 * was cancelled, the next ordinal is a new try.
 */
export async function submitOnce(body: JobBody, reuse: Reuse, workspace: Workspace, host: TaskHost): Promise<Job> {
  const fingerprint = fingerprintOf(body, reuse, host);
  for (let ordinal = 1; ; ordinal++) {
    const name = `${nameStem(body)}-${fingerprint.slice(0, 10)}-${ordinal}`;
    const earlier = await getJob(workspace, name, host.signal);
    if (!earlier) return submit(name, fingerprint, body, workspace, host);
    if (!hasEnded(earlier.status) || earlier.status === 'Completed') {
      host.info(
        reuse === 'completed' && earlier.status === 'Completed'
          ? `Job ${name} did the same work before: reusing it (reuse: completed).`
          : `Job ${name} (${earlier.status}) was submitted by an earlier attempt of this stage: following it, not submitting another.`,
      );
      return earlier;
    }
    host.info(`Job ${name} of an earlier attempt ended ${earlier.status}: submitting a new one.`);
  }
}

async function submit(
  name: string,
  fingerprint: string,
  body: JobBody,
  workspace: Workspace,
  host: TaskHost,
): Promise<Job> {
  const lineage = lineageOf(host);
  const job = await createJob(workspace, name, {
    ...body,
    tags: { ...body.tags, ...jobTags(lineage), 'guardian.fingerprint': fingerprint },
    properties: { ...gitProperties(lineage), ...body.properties },
  });
  host.info(
    `Submitted job ${job.name} to the experiment ${job.experimentName}.${job.studioUrl ? ` ${job.studioUrl}` : ''}`,
  );
  return job;
}

/** Names of jobs: letters, digits, dashes and underscores, beginning with a letter or digit. */
function nameStem({ experimentName }: JobBody): string {
  const stem = (experimentName ?? 'training')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 40)
    .replace(/^-+|-+$/g, '');
  return stem === '' ? 'training' : stem;
}

/**
 * SHA-256 over the pipeline run, the stage and job in it, and the job's content. Attempts of a stage have the same;
 * another run has another, so that each run trains, unless completed work may be reused: then the content alone counts.
 */
export function fingerprintOf(body: JobBody, reuse: Reuse, host: TaskHost): string {
  const run = runId(host);
  const owner =
    reuse === 'completed'
      ? []
      : run === undefined
        ? // Without a run to belong to, every call is its own.
          [randomUUID()]
        : [
            host.variable('System.TeamProjectId'),
            run,
            host.variable('System.StageName') ?? host.variable('Release.EnvironmentName'),
            host.variable('System.PhaseName'),
          ];
  return createHash('sha256')
    .update(JSON.stringify([owner, body]))
    .digest('hex');
}
