import { existingJob, type Job } from '../../lib/azureml/jobs';
import { jobMetrics, metricCurves, type JobMetrics } from '../../lib/azureml/metrics';
import { openWorkspace, type Workspace } from '../../lib/azureml/workspace';
import type { Outcome, TaskHost } from '../../lib/host/task-host';
import { downloadOutputs, outputUris } from './download-outputs';
import { followJob } from './follow-job';
import type { Inputs } from './inputs';
import { plannedAssets, workspaceAssets } from './job-body/job-assets';
import { jobBody, type JobBody } from './job-body/job-body';
import { jobFailure } from './job-failure';
import { inlineJobFile, readJobFile, type JobFile } from './job-file/read-job-file';
import type { JobLog } from './job-log';
import { jobSummary, type JobFacts } from './job-summary';
import { enforce, judgeMetrics } from './metric-gates';
import { metricText } from './metric-watch';
import { submitOnce } from './submit-once';
import { reportTraining } from './training-report';

/** Submits a training job, or finds the one that an earlier attempt of this stage submitted, and follows it to its end. */
export async function submitTrainingJob(inputs: Inputs, host: TaskHost): Promise<Outcome> {
  const { source } = inputs;
  if (source.kind === 'existing') {
    const workspace = await openWorkspace(inputs.connection, inputs, host);
    const job = await existingJob(workspace, source.jobName);
    if (inputs.whatIf)
      return { result: 'succeeded', message: `Plan only: would wait for the job ${job.name}, which is ${job.status}.` };
    return follow(job, inputs, workspace, host);
  }
  const file = jobFile(inputs, source, host);
  const workspace = await openWorkspace(inputs.connection, inputs, host);
  const body: JobBody = {
    ...(await jobBody(file, inputs.whatIf ? plannedAssets(workspace) : workspaceAssets(workspace, host))),
    ...(inputs.displayName === undefined ? {} : { displayName: inputs.displayName }),
  };
  if (inputs.whatIf) {
    host.info(`Would submit this job to the workspace '${workspace.name}':\n${JSON.stringify(body, null, 2)}`);
    return { result: 'succeeded', message: 'Plan only: nothing was uploaded or submitted.' };
  }
  return follow(await submitOnce(body, inputs.reuse, workspace, host), inputs, workspace, host);
}

function jobFile({ set }: Inputs, source: Exclude<Inputs['source'], { kind: 'existing' }>, host: TaskHost): JobFile {
  return source.kind === 'file'
    ? readJobFile(source.jobFile, set)
    : inlineJobFile(source.job, host.variable('System.DefaultWorkingDirectory') ?? '.', set);
}

async function follow(job: Job, inputs: Inputs, workspace: Workspace, host: TaskHost): Promise<Outcome> {
  host.setOutput('jobName', job.name);
  host.setOutput('experimentName', job.experimentName);
  host.setOutput('studioUrl', job.studioUrl ?? '');
  host.setOutput('outputUri', `azureml://jobs/${job.name}/outputs/artifacts/paths/`);
  if (!inputs.wait) {
    host.setOutput('jobStatus', job.status);
    return { result: 'succeeded', message: `Job ${job.name} is submitted; not waiting for its end.` };
  }
  const ended = await followJob(workspace, job, inputs, host);
  host.setOutput('jobStatus', ended.job.status);
  host.setOutput('outputUris', JSON.stringify(outputUris(ended.job)));
  return ended.job.status === 'Completed'
    ? complete(ended.job, ended.log, inputs, workspace, host)
    : fail(ended.job, ended.log, workspace, host);
}

async function complete(job: Job, log: JobLog, inputs: Inputs, workspace: Workspace, host: TaskHost): Promise<Outcome> {
  const { run, metrics } = await metricsOf(job, log, workspace);
  for (const [name, value] of Object.entries(metrics.last))
    host.setOutput(`metrics.${name.replace(/[^\w.-]/g, '_')}`, String(value));
  host.setOutput('metrics', JSON.stringify(metrics.last));
  if (run !== job.name) host.setOutput('bestTrial', run);
  if (Object.keys(metrics.last).length > 0) host.info(`Metrics: ${metricText(metrics.last)}.`);
  const gates = await judgeMetrics(workspace, run, metrics, inputs);
  const curves = await metricCurves(workspace, run, Object.keys(metrics.last));
  const facts: JobFacts = { job, metrics: metrics.last, curves, gates };
  await host.summary(`Training job ${job.name}`, jobSummary(facts));
  await reportTraining(facts, host);
  enforce(gates, inputs, job.name, host);
  await downloadOutputs(workspace, job, inputs.downloadOutputs, host);
  return { result: 'succeeded', message: `Job ${job.name} completed.` };
}

async function fail(job: Job, log: JobLog, workspace: Workspace, host: TaskHost): Promise<never> {
  // A failed job has a better reason to report than metrics that cannot be read.
  const { last } = await jobMetrics(workspace, job.name).catch(() => ({ last: {} }));
  host.setOutput('metrics', JSON.stringify(last));
  const facts: JobFacts = { job, metrics: last, curves: {}, gates: [] };
  await host.summary(`Training job ${job.name}`, jobSummary(facts));
  await reportTraining(facts, host);
  throw jobFailure(job.name, job.status, log);
}

/** The metrics that a job stands for: a sweep's are those of its best trial, a pipeline's those of its steps together. */
async function metricsOf(job: Job, log: JobLog, workspace: Workspace): Promise<{ run: string; metrics: JobMetrics }> {
  const best = job.properties['best_child_run_id'];
  if (job.type === 'Sweep' && best) return { run: best, metrics: await jobMetrics(workspace, best) };
  const own = await jobMetrics(workspace, job.name);
  if (job.type !== 'Pipeline') return { run: job.name, metrics: own };
  const steps = await Promise.all(log.steps.map(step => jobMetrics(workspace, step)));
  const last = Object.assign({}, ...steps.map(step => step.last), own.last) as JobMetrics['last'];
  return { run: job.name, metrics: { ...own, last } };
}
