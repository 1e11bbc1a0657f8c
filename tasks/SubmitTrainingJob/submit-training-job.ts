import { createHash, randomUUID } from 'node:crypto';
import type { CommandJob } from '@azure/arm-machinelearning';
import { createJob, getJob, hasEnded, type Job } from '../../lib/azureml/jobs';
import { jobMetrics } from '../../lib/azureml/metrics';
import { openWorkspace, type Workspace } from '../../lib/azureml/workspace';
import type { Outcome, TaskHost } from '../../lib/host/task-host';
import { followJob } from './follow-job';
import type { Inputs } from './inputs';
import { jobBody, plannedUploads, realUploads } from './job-body';
import { inlineJobFile, readJobFile } from './job-file';

/** Submits a training job, or finds the one that an earlier attempt of this stage submitted, and follows it to its end. */
export async function submitTrainingJob(inputs: Inputs, host: TaskHost): Promise<Outcome> {
  const { source, set } = inputs;
  const file =
    source.kind === 'file'
      ? readJobFile(source.jobFile, set)
      : inlineJobFile(source.job, host.variable('System.DefaultWorkingDirectory') ?? '.', set);
  const workspace = await openWorkspace(inputs.connection, inputs, host);

  const planned = await jobBody(file, workspace, inputs.whatIf ? plannedUploads : realUploads(workspace, host));
  const body: CommandJob = {
    ...planned,
    ...(inputs.displayName === undefined ? {} : { displayName: inputs.displayName }),
  };
  if (inputs.whatIf) {
    host.info(`Would submit this job to the workspace '${workspace.name}':\n${JSON.stringify(body, null, 2)}`);
    return { result: 'succeeded', message: 'Plan only: nothing was uploaded or submitted.' };
  }

  const job = await submitOnce(body, workspace, host);
  host.setOutput('jobName', job.name);
  host.setOutput('experimentName', job.experimentName);
  host.setOutput('studioUrl', job.studioUrl ?? '');
  host.setOutput('outputUri', `azureml://jobs/${job.name}/outputs/artifacts/paths/`);
  if (!inputs.wait) {
    host.setOutput('jobStatus', job.status);
    return { result: 'succeeded', message: `Job ${job.name} is submitted; not waiting for its end.` };
  }

  const ended = await followJob(workspace, job, inputs, host);
  host.setOutput('jobStatus', ended.status);
  const metrics = await jobMetrics(workspace, job.name);
  host.setOutput('metrics', JSON.stringify(metrics));
  await host.summary(`Training job ${job.name}`, summaryOf(ended, body, metrics));
  return { result: 'succeeded', message: `Job ${job.name} completed.` };
}

/**
 * The job's name is the fingerprint of who asks and for what, plus an ordinal. A name that is taken by a job that lives or
 * has completed is that job, from an earlier attempt; after one that failed or was cancelled, the next ordinal is a new try.
 */
async function submitOnce(body: CommandJob, workspace: Workspace, host: TaskHost): Promise<Job> {
  const fingerprint = fingerprintOf(body, host);
  const stem = `${(body.experimentName ?? 'training')
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, '-')
    .slice(0, 40)}-${fingerprint.slice(0, 10)}`;
  for (let ordinal = 1; ; ordinal++) {
    const name = `${stem}-${ordinal}`;
    const earlier = await getJob(workspace, name);
    if (!earlier) {
      const job = await createJob(workspace, name, {
        ...body,
        tags: { ...body.tags, ...lineage(host), 'guardian.fingerprint': fingerprint },
      });
      host.info(
        `Submitted job ${job.name} to the experiment ${job.experimentName}.${job.studioUrl ? ` ${job.studioUrl}` : ''}`,
      );
      return job;
    }
    if (!hasEnded(earlier.status) || earlier.status === 'Completed') {
      host.info(
        `Job ${name} (${earlier.status}) was submitted by an earlier attempt of this stage: following it, not submitting another.`,
      );
      return earlier;
    }
    host.info(`Job ${name} of an earlier attempt ended ${earlier.status}: submitting a new one.`);
  }
}

function fingerprintOf(body: CommandJob, host: TaskHost): string {
  const build = host.variable('Build.BuildId') ?? host.variable('Release.ReleaseId');
  // Without a run to belong to, every call is its own.
  const owner =
    build === undefined
      ? [randomUUID()]
      : [
          host.variable('System.TeamProjectId'),
          build,
          host.variable('System.StageName'),
          host.variable('System.PhaseName'),
        ];
  return createHash('sha256')
    .update(JSON.stringify([owner, body]))
    .digest('hex');
}

/** Who asked for the job. Tag values are at most 256 characters. */
function lineage(host: TaskHost): Record<string, string> {
  const values: Record<string, string | undefined> = {
    'guardian.build': host.variable('Build.BuildId'),
    'guardian.commit': host.variable('Build.SourceVersion'),
    'guardian.repository': host.variable('Build.Repository.Uri') ?? host.variable('Build.Repository.Name'),
    'guardian.branch': host.variable('Build.SourceBranch'),
    'guardian.requestedFor': host.variable('Build.RequestedFor'),
  };
  return Object.fromEntries(
    Object.entries(values).flatMap(([name, value]) => (value ? [[name, value.slice(0, 256)]] : [])),
  );
}

function summaryOf(job: Job, body: CommandJob, metrics: Record<string, number>): string {
  const parameters = Object.entries(body.inputs ?? {}).flatMap(([name, input]) =>
    input && 'value' in input ? [`| ${name} | ${input.value} |`] : [],
  );
  const values = Object.entries(metrics).map(([name, value]) => `| ${name} | ${Number(value.toPrecision(6))} |`);
  const table = (head: string, rows: string[]): string =>
    rows.length === 0 ? '' : `\n| ${head} | value |\n|---|---|\n${rows.join('\n')}\n`;
  const link = job.studioUrl ? `[${job.name}](${job.studioUrl})` : job.name;
  return `${link} in experiment ${job.experimentName}: **${job.status}**\n${table('parameter', parameters)}${table('metric', values)}`;
}
