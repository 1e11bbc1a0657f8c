import type { Job } from '../../lib/azureml/jobs';
import { jobMetrics } from '../../lib/azureml/metrics';
import { openWorkspace, type Workspace } from '../../lib/azureml/workspace';
import type { Outcome, TaskHost } from '../../lib/host/task-host';
import { followJob } from './follow-job';
import type { Inputs } from './inputs';
import { plannedAssets, workspaceAssets } from './job-body/job-assets';
import { jobBody, type JobBody } from './job-body/job-body';
import { jobFailure } from './job-failure';
import { inlineJobFile, readJobFile } from './job-file/read-job-file';
import { jobSummary } from './job-summary';
import { submitOnce } from './submit-once';

/** Submits a training job, or finds the one that an earlier attempt of this stage submitted, and follows it to its end. */
export async function submitTrainingJob(inputs: Inputs, host: TaskHost): Promise<Outcome> {
  const { source, set } = inputs;
  const file =
    source.kind === 'file'
      ? readJobFile(source.jobFile, set)
      : inlineJobFile(source.job, host.variable('System.DefaultWorkingDirectory') ?? '.', set);
  const workspace = await openWorkspace(inputs.connection, inputs, host);

  const body: JobBody = {
    ...(await jobBody(file, inputs.whatIf ? plannedAssets(workspace) : workspaceAssets(workspace, host))),
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
  return finish(job, body, inputs, workspace, host);
}

async function finish(
  submitted: Job,
  body: JobBody,
  inputs: Inputs,
  workspace: Workspace,
  host: TaskHost,
): Promise<Outcome> {
  const { job, log } = await followJob(workspace, submitted, inputs, host);
  host.setOutput('jobStatus', job.status);
  const metrics = await jobMetrics(workspace, job.name).catch((error: unknown) => {
    // Without metrics a completed job cannot be judged; a failed one has a better reason to report.
    if (job.status === 'Completed') throw error;
    return {};
  });
  host.setOutput('metrics', JSON.stringify(metrics));
  await host.summary(`Training job ${job.name}`, jobSummary(job, body, metrics));
  if (job.status !== 'Completed') throw jobFailure(job.name, job.status, log);
  const shown = Object.entries(metrics).map(([name, value]) => `${name} ${Number(value.toPrecision(4))}`);
  if (shown.length > 0) host.info(`Metrics: ${shown.join(', ')}.`);
  return { result: 'succeeded', message: `Job ${job.name} completed.` };
}
